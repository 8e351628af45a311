import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { IN_CLUSTER } from "../../config/defaults.ts";
import type { Cause } from "../../core/units.ts";
import type { Surroundings } from "../../targets/kubernetes/adoption/look-first.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import type { Out } from "../out.ts";
import { confirmed } from "../prompt.ts";
import { outOf } from "../session.ts";
import { flag, text, type Invocation } from "../spec.ts";

/** A listener of a load balancer: `shop-alb:443`, or its ARN. */
const LISTENER = /^(?:[A-Za-z0-9-]+:\d+|arn:.*)$/u;
const ROLE = "teal-role.yaml";
const JOB = "gitops/postsync-job.yaml";
/** Looking around takes a few requests (ms). */
const LOOK_AT_MOST = 30_000;

/** Looks at what runs, tells what it found, and writes the configuration that suits it. Changes nothing that runs. */
export async function run(invocation: Invocation): Promise<ExitCode> {
  const from = text(invocation, "from") ?? "";
  if (LISTENER.test(from)) return (await import("./init-aws.ts")).run(invocation, from);
  const out = outOf(invocation);
  const asked = askedFor(invocation);
  if ("code" in asked) return refused(out, asked, USAGE, EXIT.usage);
  const { connectApi } = await import("../../targets/kubernetes/api/connect.ts");
  const access = { by: "context", context: asked.context } as const;
  const connected = await connectApi(access, text(invocation, "namespace") ?? "");
  if (connected.is === "failed") return refused(out, connected.cause, USAGE, EXIT.usage);
  const { api } = connected;
  try {
    const { lookFirst } = await import("../../targets/kubernetes/adoption/look-first.ts");
    const looked = await lookFirst(api, asked.deployment, { signal: AbortSignal.timeout(LOOK_AT_MOST) });
    if (looked.is === "refused") return refused(out, looked.cause, looked.next, EXIT.refused);
    const { surroundings } = looked;
    const files = await filesFor(invocation, asked, surroundings);
    out.text([`Found in ${api.place}:`, ...surroundings.found.map((line) => `  ${line}`), ""]);
    return flag(invocation, "print")
      ? print(out, surroundings, files)
      : await write(invocation, out, surroundings, files);
  } finally {
    api.close();
  }
}

const USAGE =
  "teal init --from deployment/NAME --context CONTEXT [--namespace NAMESPACE], or on AWS: teal init --from LOAD-BALANCER:PORT [--host NAME]";

interface Asked {
  readonly deployment: string;
  readonly context: string;
  readonly service: string;
}

function askedFor(invocation: Invocation): Asked | Cause {
  const from = text(invocation, "from");
  const context = text(invocation, "context");
  if (from === undefined) {
    const message =
      "teal init looks at a Deployment that runs in a cluster, or at a load balancer's listener; a teal.yaml for one machine is written by hand (docs/configuration.md)";
    return { code: "TEAL-X019", message };
  }
  const deployment = /^deployment\/([a-z0-9][a-z0-9.-]*)$/u.exec(from)?.[1];
  if (deployment === undefined)
    return {
      code: "TEAL-X019",
      message: `--from ${from}: a Deployment is named as deployment/NAME, a listener as NAME:PORT or by its ARN`,
    };
  if (context === undefined)
    return {
      code: "TEAL-X019",
      message: "--context is missing: the cluster is pinned by its name, it is never just the current one",
    };
  return { deployment, context, service: invocation.globals.service ?? deployment.replaceAll(".", "-") };
}

interface File {
  readonly path: string;
  readonly content: string;
}

async function filesFor(
  invocation: Invocation,
  { service, context }: Asked,
  of: Surroundings,
): Promise<readonly File[]> {
  const { configYaml, postSyncYaml } = await import("../../targets/kubernetes/adoption/look-first.ts");
  const { rightsFor, roleYaml } = await import("../../targets/kubernetes/preflight/rights.ts");
  const routing = { by: "service" } as const;
  const name = `teal-${service}`;
  const role = (access: Parameters<typeof rightsFor>[0]["access"]) =>
    roleYaml(name, of.namespace, rightsFor({ routing, access }, { keda: of.keda }));
  const inCluster = configYaml({ service, context: IN_CLUSTER }, of);
  return [
    { path: invocation.globals.config ?? "teal.yaml", content: configYaml({ service, context }, of) },
    ...(flag(invocation, "role") ? [{ path: ROLE, content: role({ by: "context", context }) }] : []),
    ...(flag(invocation, "postsync")
      ? [{ path: JOB, content: postSyncYaml(service, of, inCluster, role({ by: "pod" })) }]
      : []),
  ];
}

function print(out: Out, surroundings: Surroundings, files: readonly File[]): ExitCode {
  for (const { path, content } of files) out.text([`# ${path}`, content]);
  return out.result({ command: "init", exit: EXIT.done, is: "printed", surroundings, files });
}

async function write(
  invocation: Invocation,
  out: Out,
  surroundings: Surroundings,
  files: readonly File[],
): Promise<ExitCode> {
  const there = files.filter(({ path }) => existsSync(path)).map(({ path }) => path);
  if (there.length > 0) {
    const answer = await confirmed(`Overwrite ${there.join(", ")}?`, invocation.globals.yes);
    if (answer !== "yes") {
      const message = `${there.join(", ")} ${there.length === 1 ? "is" : "are"} there already; nothing was written`;
      return refused(out, { code: "TEAL-X011", message }, "add --yes, or --print to look", EXIT.usage);
    }
  }
  for (const { path, content } of files) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }
  const written = files.map(({ path }) => path);
  out.text([`Written: ${written.join(", ")}. Next: teal plan REVISION`]);
  return out.result({ command: "init", exit: EXIT.done, is: "written", surroundings, files: written });
}

function refused(out: Out, cause: Cause, next: string, exit: ExitCode): ExitCode {
  out.problem(cause, { exit, next });
  return out.result({ command: "init", exit, is: "refused", cause, next });
}
