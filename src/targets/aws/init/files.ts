import { stringify } from "yaml";
import { SLOTS } from "../../../core/units.ts";
import { packageVersion } from "../../version.ts";
import { permissionsOf, policyDocument, type Permission } from "../api/actions.ts";
import type { Surroundings } from "./look-first.ts";
import { namesOf, terraform, type Wanted } from "./terraform.ts";

/* The files of `teal init --from <listener>`. Pure: what was found and asked for decides every byte. */

export interface Asking extends Wanted {
  readonly host?: string;
  readonly path?: string;
  /** `s3://bucket/prefix`, as typed. */
  readonly state?: string;
}

export interface File {
  readonly path: string;
  readonly content: string;
}

/** @param config path of the configuration file. */
export function filesFor(config: string, found: Surroundings, asking: Asking): readonly File[] {
  const permissions = permissionsFor(found, asking);
  return [
    { path: config, content: configYaml(found, asking) },
    { path: "teal.tf", content: terraform(found, asking) },
    { path: "teal-policy.json", content: `${JSON.stringify(policyDocument(permissions), null, 2)}\n` },
    { path: ".github/workflows/teal.yml", content: workflow(found, asking) },
  ];
}

export function permissionsFor(
  found: Surroundings,
  { service, publish, state }: Asking,
): readonly Permission[] {
  const { rule } = found.rule;
  const [partition = "aws"] = /^arn:([^:]+):/u.exec(rule.arn)?.slice(1) ?? [];
  const names = namesOf(found);
  const targetGroups = SLOTS.map((slot) => {
    const { isThere, pair, targetGroup } = names[slot];
    if (isThere) return pair.targetGroup.TargetGroupArn ?? "";
    return `arn:${partition}:elasticloadbalancing:${found.region}:${found.account}:targetgroup/${targetGroup}/*`;
  });
  const [, bucket = "", prefix = ""] = /^s3:\/\/([^/]+)\/?(.*?)\/*$/u.exec(state ?? "") ?? [];
  return permissionsOf(
    {
      service,
      environment: "default",
      reach: { by: "headerRule", header: "x-teal-slot" },
      ...(publish === undefined ? {} : { publish }),
      ...(state === undefined ? {} : { state: { bucket, prefix } }),
    },
    {
      partition,
      region: found.region,
      account: found.account,
      rules: [{ arn: rule.arn, isDefault: rule.isDefault, listener: rule.listener.arn }],
      targetGroups,
      groups: SLOTS.map((slot) => names[slot].group),
      templates: [...new Set(found.pairs.map(({ template }) => template.id))],
      roles: found.roles,
      principal: roleOf(partition, found, service),
    },
  );
}

/** The role that the workflow assumes and the policy belongs to. */
function roleOf(partition: string, { account }: Surroundings, service: string): string {
  return `arn:${partition}:iam::${account}:role/teal-${service}`;
}

function configYaml(found: Surroundings, { service, host, path, state, publish }: Asking): string {
  const names = namesOf(found);
  const config = {
    teal: 1,
    service,
    target: {
      aws: {
        account: found.account,
        region: found.region,
        listener: found.listener,
        ...(host === undefined ? {} : { host }),
        ...(path === undefined ? {} : { path }),
        // Tags tell the groups where they are; teal.tf sets them.
        ...(found.tagged ? {} : { groups: { blue: names.blue.group, green: names.green.group } }),
        ...(state === undefined ? {} : { state }),
        ...(publish === undefined ? {} : { publish }),
      },
    },
    strategy: "blueGreen",
    health: { ready: found.pairs[0].targetGroup.HealthCheckPath ?? "/" },
  };
  const noState =
    state === undefined
      ? "# Several runners can deploy only where journal and lease are shared: state: s3://BUCKET/PREFIX under aws.\n"
      : "";
  return `# Written by teal init --from ${found.listener}; every key: docs/configuration.md\n${noState}${stringify(config)}`;
}

/**
 * Plan in a pull request, deploy on main, and somebody who judges a bake that was left alone. The role is assumed by
 * OpenID Connect: https://docs.github.com/en/actions/concepts/security/openid-connect
 */
function workflow(found: Surroundings, { service, state }: Asking): string {
  const shared = state !== undefined;
  const teal = `npx --yes --package teal-deploy@${packageVersion()} teal`;
  const [partition = "aws"] = /^arn:([^:]+):/u.exec(found.rule.rule.arn)?.slice(1) ?? [];
  const role = roleOf(partition, found, service);
  const steps = (...run: readonly string[]) => `    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-node@v4
        with: { node-version: 24 }
      - uses: aws-actions/configure-aws-credentials@v4
        with:
          role-to-assume: ${role}
          aws-region: ${found.region}
${run.map((line) => `      - run: ${line}`).join("\n")}`;
  return `# Written by teal init. The role has teal-policy.json and trusts this repository by OpenID Connect.
# What plan and deploy say is the summary of their step.
name: teal
on:
  pull_request:
  push:
    branches: [main]
${shared ? SCHEDULE : ""}  workflow_dispatch:
permissions:
  contents: read
  id-token: write
env:
  # The image to make live. Set the variable where the image is built, or read it from a file that a commit changes.
  REVISION: \${{ vars.TEAL_REVISION }}
jobs:
  plan:
    if: github.event_name == 'pull_request'
    runs-on: ubuntu-latest
${steps(`${teal} plan "$REVISION"`)}
  deploy:
    if: github.event_name == 'push' || github.event_name == 'workflow_dispatch'
    runs-on: ubuntu-latest
    # One deployment after the other. GitHub keeps one waiting run of a group and drops the one before it: newest wins.
    concurrency: { group: teal-${service}-deploy, cancel-in-progress: false }
${shared ? steps(deployAndLeave(teal)) : `${ALONE}${steps(`${teal} deploy "$REVISION"`)}`}
${shared ? resumeJob(service, steps(resumeLeft(teal))) : ""}`;
}

const SCHEDULE = `  schedule:
    # Judges a bake that was left alone, and retires what is no longer kept warm: as late as this is rare.
    - cron: "*/5 * * * *"
`;

/* Without shared state nobody else could go on: the job stays until the bake is over, and nothing is scheduled. */
const ALONE = `    # No state under aws in teal.yaml: the journal is on this runner and goes away with it. So the job stays beside the
    # bake, and a run that is cancelled cannot be resumed elsewhere. teal init --state s3://BUCKET/PREFIX writes a workflow
    # that leaves the bake and resumes it on a schedule.
`;

function deployAndLeave(teal: string): string {
  return `|
          # 6: the candidate has all the traffic, and the scheduled run below judges its bake. No automatic revert until then.
          # --wait-lock: a resume may hold Teal's lease just now, or judge the deployment before.
          code=0; ${teal} deploy "$REVISION" --detach --wait-lock 10m || code=$?
          [ $code -eq 6 ] || exit $code`;
}

function resumeLeft(teal: string): string {
  return `|
          # 6: its bake is not over yet. 7: another run advances it.
          code=0; ${teal} resume --detach || code=$?
          [ $code -eq 6 ] || [ $code -eq 7 ] || exit $code`;
}

function resumeJob(service: string, steps: string): string {
  return `  resume:
    if: github.event_name == 'schedule'
    runs-on: ubuntu-latest
    # A group of its own: in the one of deploy, a resume every five minutes would drop a deploy that waits. Who may advance
    # a deployment is for Teal's lease to say, not for the group.
    concurrency: { group: teal-${service}-resume, cancel-in-progress: false }
${steps}
`;
}
