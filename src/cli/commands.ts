import type { CommandSpec } from "./spec.ts";

const REVISION = {
  name: "revision",
  description:
    "what to deploy: a commit, tag or branch, in a cluster an image or its tag; by default the source's commit or files, or the template's image",
} as const;

const STRATEGIES = ["blueGreen", "canary", "rolling", "recreate"] as const;

/** Shared by the commands that plan. */
const WISHES = [
  {
    flags: "--strategy <name>",
    description: "another strategy than the configured one",
    choices: STRATEGIES,
  },
  { flags: "--force <check...>", description: "accept that these checks fail; it is journaled" },
  {
    flags: "--live <slot>",
    description: "the slot that counts as live where both have traffic",
    choices: ["blue", "green"],
  },
  { flags: "--retry-reverted", description: "deploy a revision again that was reverted" },
  { flags: "--again", description: "deploy the revision that is live already, with fresh replicas" },
] as const;

const DETACH = {
  flags: "--detach",
  description:
    "go on in the background; on AWS, end after the cutover and let a later `teal resume` judge the bake",
} as const;

/** Every command, in the order of the help. */
export const COMMANDS: readonly CommandSpec[] = [
  {
    name: "init",
    summary: "Look at what runs and write the teal.yaml that suits it",
    options: [
      {
        flags: "--from <what>",
        description:
          "what runs: deployment/NAME in a cluster, a listener on AWS as LOAD-BALANCER:PORT or ARN",
      },
      { flags: "--context <name>", description: "context of the kubeconfig; written into the file" },
      { flags: "--namespace <name>", description: "its namespace; by default the context's" },
      { flags: "--account <id>", description: "on AWS: its account; by default the one of the credentials" },
      { flags: "--profile <name>", description: "on AWS: a profile of the shared configuration" },
      { flags: "--host <name>", description: "on AWS: host of the listener's rule; else its default rule" },
      { flags: "--path <pattern>", description: "on AWS: path pattern of the listener's rule" },
      { flags: "--state <address>", description: "on AWS: s3://BUCKET/PREFIX that several runners share" },
      {
        flags: "--publish <name>",
        description: "on AWS: an SSM parameter of the weights, for Terraform modules",
      },
      { flags: "--print", description: "print the files instead of writing them" },
      { flags: "--role", description: "also the Role that deployments need, as teal-role.yaml" },
      { flags: "--postsync", description: "also a Job for Argo CD, as gitops/postsync-job.yaml" },
    ],
    load: () => import("./commands/init.ts"),
  },
  {
    name: "check",
    summary: "Check the configuration; touches nothing and needs no network",
    load: () => import("./commands/check.ts"),
  },
  {
    name: "plan",
    summary: "Show the steps a deployment would take; changes nothing that runs",
    argument: REVISION,
    options: [
      { flags: "--compare", description: "every strategy planned for this service, with what each costs" },
      { flags: "--out <file>", description: "write the plan to a file, for `teal deploy --plan`" },
      ...WISHES,
    ],
    load: () => import("./commands/plan.ts"),
  },
  {
    name: "deploy",
    summary: "Make a revision live",
    argument: REVISION,
    options: [
      { flags: "--plan <file>", description: "carry out exactly this plan, or nothing" },
      DETACH,
      { flags: "--stay", description: "stay attached through gates and other waits" },
      ...WISHES,
    ],
    load: () => import("./commands/deploy.ts"),
  },
  {
    name: "status",
    summary: "Show what serves, what is under way and what is late",
    options: [{ flags: "-w, --watch", description: "follow the deployment that is under way" }],
    load: () => import("./commands/status.ts"),
  },
  {
    name: "promote",
    summary: "Approve the gate a deployment waits at",
    options: [DETACH],
    load: () => import("./commands/promote.ts"),
  },
  {
    name: "abort",
    summary: "Give the open deployment up: traffic back where it was",
    load: () => import("./commands/abort.ts"),
  },
  {
    name: "rollback",
    summary: "Make the previous revision live again, at any moment",
    options: [{ flags: "--to <revision>", description: "an earlier revision than the previous one" }],
    load: () => import("./commands/rollback.ts"),
  },
  {
    name: "resume",
    summary: "Go on with a deployment that was interrupted, or whose wait is over",
    options: [
      { flags: "--accept-drift", description: "take what is there as right and go on from it" },
      DETACH,
      { flags: "--stay", description: "stay attached through gates and other waits" },
      {
        flags: "--when-due",
        description: "sleep until the open wait is over, then go on; quietly",
        hidden: true,
      },
    ],
    load: () => import("./commands/resume.ts"),
  },
  {
    name: "history",
    summary: "Show the deployments of the service",
    options: [
      { flags: "-n, --lines <count>", description: "so many, newest first; 20 by default", reads: "count" },
    ],
    load: () => import("./commands/history.ts"),
  },
  {
    name: "logs",
    summary: "Show what replicas wrote",
    argument: { name: "revision", description: "a revision, or a deployment as r42; by default what runs" },
    options: [
      { flags: "-f, --follow", description: "go on with what comes" },
      { flags: "--slot <slot>", description: "only this slot", choices: ["blue", "green"] },
      { flags: "--errors", description: "only lines that tell of an error" },
      {
        flags: "-n, --lines <count>",
        description: "so many lines of each replica; 50 by default",
        reads: "count",
      },
    ],
    load: () => import("./commands/logs.ts"),
  },
  {
    name: "health",
    summary: "Ask the checks of both slots now; changes nothing",
    load: () => import("./commands/health.ts"),
  },
  {
    name: "agent",
    summary: "The background process that looks after the replicas",
    argument: {
      name: "action",
      description: "what to do; status by default",
      choices: ["start", "stop", "status", "run"],
    },
    options: [
      { flags: "--all", description: "with stop: also end the replicas and the edge; nobody serves then" },
    ],
    load: () => import("./commands/agent.ts"),
  },
  {
    name: "unlock",
    summary: "Take the lease away from a holder that cannot be proven gone",
    options: [{ flags: "--reason <text>", description: "why; it is journaled" }],
    load: () => import("./commands/unlock.ts"),
  },
  {
    name: "prune",
    summary: "Remove releases, or a cluster's revisions, that no slot and no recent deployment needs",
    load: () => import("./commands/prune.ts"),
  },
  {
    name: "eject",
    summary: "Give a service of a cluster back as a plain Deployment and Service, and remove all of Teal's",
    load: () => import("./commands/eject.ts"),
  },
  {
    name: "migrate lint",
    summary: "Judge migrations by their text: what breaks the live version, locks, or loses data",
    argument: {
      name: "paths",
      description: "files or folders of .sql; by default where migrations usually lie",
      many: true,
    },
    load: () => import("./commands/migrate-lint.ts"),
  },
  {
    name: "migrate explain",
    summary: "Explain a finding in migrations: why, on what evidence, and what to write instead",
    argument: { name: "code", description: "code of the finding, as in TEAL-M201 or M201" },
    load: () => import("./commands/migrate-explain.ts"),
  },
  {
    name: "demo",
    summary: "Deploy a small shop under load and break it on purpose",
    load: () => import("./commands/demo.ts"),
  },
  {
    name: "migrate rehearse",
    summary:
      "Try migrations on a shadow database and prove every known query of the live revision against it",
    argument: {
      name: "migration",
      description: "files or folders of migrations that are not applied yet",
      many: true,
    },
    options: [
      {
        flags: "--schema <file...>",
        description: "the schema as it is: of pg_dump --schema-only, or any SQL",
      },
      {
        flags: "--queries <path...>",
        description: "queries of the live revision: .sql, captures, statistics, source",
      },
      {
        flags: "--candidate-queries <path...>",
        description: "queries of the candidate, for the schema after",
      },
      {
        flags: "--prepared <how>",
        description: "whether the live revision's driver keeps prepared statements",
        choices: ["kept", "notKept", "unknown"],
      },
      { flags: "--role <name>", description: "the role that sends the queries; else every right is assumed" },
      { flags: "--no-snapshot", description: "neither read nor keep a snapshot of the schema" },
    ],
    load: () => import("./commands/migrate-rehearse.ts"),
  },
  {
    name: "migrate queries",
    summary: "List the queries that are known, from where, how old and how often called",
    argument: {
      name: "path",
      description: "files or folders: .sql, captures, statistics, source",
      many: true,
    },
    load: () => import("./commands/migrate-queries.ts"),
  },
  {
    name: "completion",
    summary: "Print the completion script of a shell",
    argument: { name: "shell", description: "which shell", choices: ["bash", "zsh", "fish", "powershell"] },
    load: () => import("./commands/completion.ts"),
  },
];
