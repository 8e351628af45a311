import type { Config } from "../../config/config.ts";
import { assertNever } from "../../core/units.ts";
import type { AwsSettings } from "../../targets/aws/settings.ts";
import type { ConfiguredSettings } from "../../targets/kubernetes/settings.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { loadSettings } from "../session.ts";
import type { Invocation } from "../spec.ts";

/** Reads the configuration and says what it means with every default filled in. */
export async function run(invocation: Invocation): Promise<ExitCode> {
  const settings = await loadSettings(invocation);
  if (typeof settings === "number") return settings;
  const { out, config, file, notes } = settings;
  const { checkPlanOf, strategyOf } = await import("../../config/resolve.ts");
  const strategy = strategyOf(config);
  const checks = checkPlanOf(config, settings.secrets);
  out.text([
    `${config.service} · ${config.environment}: ${file} is valid.`,
    `  ${await placeInWords(config)}`,
    `  ${strategy.kind}, bake ${strategy.bake / 1_000} s, previous slot kept warm ${strategy.keepWarm / 1_000} s`,
    `  checks: ${checks.checks.length === 0 ? "none" : checks.checks.map((check) => check.name).join(", ")}`,
    ...notes.map((note) => `  inferred: ${note}`),
  ]);
  const { service, environment } = config;
  return out.result({
    command: "check",
    exit: EXIT.done,
    file,
    service,
    environment,
    strategy,
    checks: checks.checks.map((check) => check.name),
    notes,
  });
}

/** Where the service runs and what of it, with what was left out filled in. */
async function placeInWords(config: Config): Promise<string> {
  if (config.target.aws !== undefined) {
    const { awsSettingsOf } = await import("../../config/resolve-aws.ts");
    return accountInWords(awsSettingsOf(config));
  }
  if (config.target.local === undefined) {
    const { kubernetesSettingsOf } = await import("../../config/resolve-kubernetes.ts");
    return clusterInWords(kubernetesSettingsOf(config));
  }
  const { localSettingsOf } = await import("../../config/resolve.ts");
  const { listen, replicas, command } = localSettingsOf(config);
  return `listens on ${listen}, ${replicas} replica${replicas === 1 ? "" : "s"} of: ${command}`;
}

function accountInWords({ account, region, listeners, match, rules, groups, template }: AwsSettings): string {
  const which = [
    match.host === undefined ? "" : ` host ${match.host}`,
    match.path === undefined ? "" : ` path ${match.path}`,
  ].join("");
  const behind =
    rules === undefined
      ? `${listeners.join(" and ")}${which === "" ? " (default rule)" : which}`
      : `${rules.length} named rule${rules.length === 1 ? "" : "s"}`;
  const pair =
    groups === undefined ? "the groups found by tag or rule" : `${groups.blue} and ${groups.green}`;
  const by = template.by === "image" ? "AMI" : `user data of ${template.file}`;
  return `account ${account}${region === undefined ? "" : ` in ${region}`}, ${pair} behind ${behind}, revisions by ${by}`;
}

function clusterInWords({ access, namespace, template, routing }: ConfiguredSettings): string {
  const where = access.by === "pod" ? "this pod's own cluster" : `context ${access.context}`;
  const traffic =
    routing.by === "gateway"
      ? `HTTPRoute ${routing.route}`
      : routing.service === undefined
        ? "the Service that selects them"
        : `Service ${routing.service}`;
  return `namespace ${namespace} of ${where}, pods of ${templateInWords(template)} behind ${traffic}`;
}

function templateInWords(template: ConfiguredSettings["template"]): string {
  switch (template.from) {
    case "live":
      return `deployment/${template.deployment}`;
    case "file":
      return template.path;
    case "command":
      return `what ${template.command[0]} prints`;
    case "image":
      return `${template.image} on port ${template.port}`;
    default:
      return assertNever(template);
  }
}
