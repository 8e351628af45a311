import { writeFile } from "node:fs/promises";
import { withSize } from "../../api/deploying.ts";
import { compareStrategies, planRevision, type Wanted } from "../../api/planning.ts";
import { blocked, findingInWords, preflight } from "../../api/preflight.ts";
import { comparisonTable, describePlan } from "../../core/planning/describe.ts";
import type { Revision } from "../../core/units.ts";
import type { Finding } from "../../ports/target.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { serves } from "../finish.ts";
import { canLeave } from "../moving.ts";
import { withSession, type Session } from "../session.ts";
import { flag, text, type Invocation } from "../spec.ts";
import { table } from "../view/table.ts";
import { printable } from "../view/width.ts";
import { placeOf } from "../view/words.ts";
import { wantedOf } from "./wanted.ts";

const LEFT =
  "with --detach nobody watches the bake: no automatic revert until `teal resume`, which judges it by its metrics' history";

/** Preparing a release changes nothing that runs; everything else here only reads. */
export function run(invocation: Invocation): Promise<ExitCode> {
  return withSession(invocation, async (session) => {
    const { connection, out } = session;
    const typed = wantedOf(invocation);
    const { signal } = new AbortController();
    const prepared = await connection.target.prepare(typed.revision, signal, (line) => out.note(line));
    if (prepared.is === "refused") return refused(session, prepared.cause, prepared.next);
    const wanted = withSize(typed, prepared);
    return flag(invocation, "compare")
      ? compared(session, prepared.revision, wanted)
      : planned(session, prepared.revision, wanted);
  });
}

async function planned(session: Session, revision: Revision, wanted: Wanted): Promise<ExitCode> {
  const { connection, out, invocation, suffix } = session;
  const { signal } = new AbortController();
  const answer = await planRevision(connection, revision, wanted, signal);
  if ("unavailable" in answer) return refused(session, answer.unavailable, `teal status${suffix}`);
  const { planned: result } = answer;
  if (result.is === "refused") return refused(session, result.cause, result.next);
  if (result.is === "unchanged") {
    out.text([`${revision.id} is live on ${result.slot} already: nothing to do.`]);
    return out.result({ command: "plan", exit: EXIT.done, is: "unchanged", slot: result.slot, revision });
  }
  const { plan } = result;
  const findings = await preflight(connection, plan, signal);
  const { serving, slots } = plan.baseline;
  const live = serving === "nobody" ? "nobody" : placeOf(serving, slots[serving].revision, undefined);
  out.text([
    `${plan.request.service} · ${plan.request.environment}@${connection.target.place}    live: ${live}   candidate: ${placeOf(plan.candidate.slot, revision, undefined)}`,
    `${plan.request.strategy.kind}, plan ${plan.digest.slice(0, 12)}`,
    ...describePlan(plan),
    ...(canLeave(session) && plan.steps.some((step) => step.do === "bake" && step.for > 0) ? [LEFT] : []),
    ...findings.map(findingInWords).map(printable),
  ]);
  const block = blocked(findings);
  if (block !== undefined) return refused(session, block.cause, block.next, EXIT.refused, { findings });
  const file = text(invocation, "out");
  if (file !== undefined) {
    try {
      // What checks send is in it, and may be secret.
      await writeFile(file, `${JSON.stringify(plan, null, 2)}\n`, { mode: 0o600 });
    } catch (error) {
      const cause = { code: "TEAL-X018", message: `the plan was not written: ${(error as Error).message}` };
      return refused(
        session,
        cause,
        "name a file in a folder that is there: teal plan --out FILE",
        EXIT.usage,
      );
    }
    out.text([`Written to ${file}. Next: teal deploy --plan ${file}${suffix}`]);
  }
  return out.result({
    command: "plan",
    exit: EXIT.done,
    is: "plan",
    plan,
    ...(findings.length === 0 ? {} : { findings }),
    ...(file === undefined ? {} : { file }),
  });
}

async function compared(session: Session, revision: Revision, wanted: Wanted): Promise<ExitCode> {
  const { connection, out, suffix } = session;
  const answer = await compareStrategies(connection, revision, wanted, new AbortController().signal);
  if ("unavailable" in answer) return refused(session, answer.unavailable, `teal status${suffix}`);
  const { comparison } = answer;
  const { strategy, reason } = comparison.recommendation;
  const from =
    comparison.measured === 0
      ? "Lengths of time are assumptions: nothing was deployed here yet."
      : `Lengths of time: medians of ${comparison.measured} deployments.`;
  out.text([
    ...table(comparisonTable(comparison, connection.target.counting?.unit), out.terminal.columns),
    "",
    `Recommended: ${strategy}. ${reason}`,
    from,
  ]);
  return out.result({ command: "plan", exit: EXIT.done, is: "comparison", comparison });
}

async function refused(
  session: Session,
  cause: Parameters<Session["out"]["problem"]>[0],
  next: string,
  exit: ExitCode = EXIT.refused,
  more: { readonly findings?: readonly Finding[] } = {},
): Promise<ExitCode> {
  session.out.problem(cause, { exit, next, serves: await serves(session) });
  return session.out.result({ command: "plan", exit, is: "refused", cause, next, ...more });
}
