import { EXIT, type ExitCode } from "../exit.ts";
import { loadSettings } from "../session.ts";
import type { Invocation } from "../spec.ts";

/** Reads the configuration and says what it means with every default filled in. */
export async function run(invocation: Invocation): Promise<ExitCode> {
  const settings = await loadSettings(invocation);
  if (typeof settings === "number") return settings;
  const { out, config, file, notes } = settings;
  const { checkPlanOf, localSettingsOf, strategyOf } = await import("../../config/resolve.ts");
  const local = localSettingsOf(config);
  const strategy = strategyOf(config);
  const checks = checkPlanOf(config, settings.secrets);
  out.text([
    `${config.service} · ${config.environment}: ${file} is valid.`,
    `  listens on ${local.listen}, ${local.replicas} replica${local.replicas === 1 ? "" : "s"} of: ${local.command}`,
    `  ${strategy.kind}, bake ${strategy.bake / 1_000} s, previous slot kept warm ${strategy.keepWarm / 1_000} s`,
    `  checks: ${checks.checks.map((check) => check.name).join(", ")}`,
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
