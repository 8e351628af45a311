import { askHealth, type SlotHealth } from "../../api/health.ts";
import { assertNever } from "../../core/units.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { serves } from "../finish.ts";
import { withSession } from "../session.ts";
import type { Invocation } from "../spec.ts";
import { printable } from "../view/width.ts";
import { tookInWords } from "../view/words.ts";

export function run(invocation: Invocation): Promise<ExitCode> {
  return withSession(invocation, async (session) => {
    const { connection, out } = session;
    const { timeout } = invocation.globals;
    const slots = await askHealth(
      connection,
      timeout === undefined ? new AbortController().signal : AbortSignal.timeout(timeout),
    );
    out.text([...slots.flatMap(linesOf), await serves(session)].map(printable));
    const well = slots.every(
      (each) => each.is === "empty" || (each.is === "asked" && each.decision === "pass"),
    );
    return out.result({ command: "health", exit: well ? EXIT.done : EXIT.human, slots });
  });
}

function linesOf(health: SlotHealth): readonly string[] {
  switch (health.is) {
    case "empty":
      return [`  ${health.slot}: empty`];
    case "unreadable":
      return [`✗ ${health.slot}: could not be read: ${health.cause.message} (${health.cause.code})`];
    case "asked": {
      const sign = health.decision === "pass" ? "✓" : "✗";
      const revision = health.revision === undefined ? "" : ` (${health.revision.id})`;
      return [
        `${sign} ${health.slot}${revision}: ${health.summary}`,
        ...health.samples.map(({ replica, check, result, expected, actual, excerpt, took }) => {
          const facts =
            result === "pass"
              ? (actual ?? "passed")
              : `${expected === undefined ? "" : `expected ${expected}, got `}${actual ?? "nothing"}`;
          const body = excerpt === undefined || result === "pass" ? "" : `  body: "${excerpt}"`;
          return `    ${result === "pass" ? "✓" : "✗"} ${replica}  ${check}: ${facts}  ${tookInWords(took)}${body}`;
        }),
      ];
    }
    default:
      return assertNever(health);
  }
}
