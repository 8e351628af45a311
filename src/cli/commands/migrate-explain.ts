import { EXIT, type ExitCode } from "../exit.ts";
import { outOf } from "../session.ts";
import type { Invocation } from "../spec.ts";

/** Tells all about one code of a finding. */
export async function run(invocation: Invocation): Promise<ExitCode> {
  const out = outOf(invocation);
  const { command, argument = "" } = invocation;
  const { ruleOf } = await import("../../migrations/rules/index.ts");
  const rule = ruleOf(argument);
  if (rule === undefined) {
    const message =
      argument === "" ? "Which finding? Its code is missing." : `No finding has the code ${argument}.`;
    const cause = { code: "TEAL-M003", message };
    const next = "teal migrate explain TEAL-M201; all are in docs/rules/README.md";
    out.problem(cause, { exit: EXIT.usage, next });
    return out.result({ command, exit: EXIT.usage, is: "refused", cause, next });
  }
  const { explain } = await import("../../migrations/rules/explain.ts");
  out.text(explain(rule));
  const { code, name, title, class: kind, certainty, phase, why, evidence, bad, good } = rule;
  return out.result({
    command,
    exit: EXIT.done,
    is: "explained",
    rule: { code, name, title, class: kind, certainty, phase, why, evidence, bad, good },
  });
}
