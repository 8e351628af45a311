import type { Recorded } from "../../src/targets/memory/index.ts";
import type { History, Violation } from "./recording.ts";
import { type Schedule, describe } from "./schedule.ts";

/** The schedule, for people: what kind of service, and what happens to it. */
export function printSchedule(schedule: Schedule): string {
  const { actions, behaviours, ...rest } = schedule;
  const lines = actions.map((action, index) => `  ${index}. ${describe(action)}`);
  return [`schedule ${JSON.stringify(rest)}`, `  behaviour ${JSON.stringify(behaviours)}`, ...lines].join(
    "\n",
  );
}

/** Everything that happened, in order, shortly. `world` is ground truth, `kept` the journal. */
export function printTimeline(history: History, violations: readonly Violation[] = []): string {
  const lines: { t: number; text: string }[] = [
    ...history.world.flatMap((record) => {
      const text = worldLine(record);
      return text === undefined ? [] : [{ t: record.t, text: `  world    ${text}` }];
    }),
    ...history.kept.map(({ t, deployment, event }) => {
      const { seq, at: _at, ...rest } = event;
      const shown =
        event.kind === "opened"
          ? { steps: event.plan.steps.map(({ id }) => id), serving: event.plan.baseline.serving }
          : rest;
      return {
        t,
        text: `  journal  ${deployment.slice(-4)}.${seq} ${event.kind} ${JSON.stringify(shown).slice(0, 260)}`,
      };
    }),
    ...history.spooled.map(({ t, event }) => ({
      t,
      text: `  spool    ${JSON.stringify(event).slice(0, 200)}`,
    })),
    ...history.lease
      .filter(({ is }) => is !== "beat")
      .map(({ t, is, fence }) => ({ t, text: `  lease    ${fence} ${is}` })),
    ...history.runs.flatMap((run) => [
      { t: run.from, text: `process ${run.process} (${run.by}) starts: ${run.command}` },
      ...(run.to === undefined
        ? []
        : [
            {
              t: run.to,
              text: `process ${run.process} ${run.ended}${run.threw === undefined ? "" : `: ${run.threw}`}`,
            },
          ]),
      ...run.paused.map(({ from, to }) => ({
        t: from,
        text: `process ${run.process} stands still until ${to.toFixed(0)}`,
      })),
    ]),
    ...history.disturbances.map(({ from, to, what }) => ({
      t: from,
      text: `trouble  ${what} until ${to.toFixed(0)}`,
    })),
    ...violations.map(({ t, invariant, what }) => ({ t, text: `VIOLATES ${invariant}: ${what}` })),
  ];
  return lines
    .toSorted((a, b) => a.t - b.t)
    .map(({ t, text }) => `${t.toFixed(0).padStart(8)} ${text}`)
    .join("\n");
}

function worldLine(record: Recorded): string | undefined {
  const { t: _t, at: _at, is, ...rest } = record;
  if (record.is === "sample")
    return record.sample.result === "pass"
      ? undefined
      : `sample ${record.sample.incarnation} ${record.sample.check} ${record.sample.result}`;
  if (record.is === "write")
    return `write ${record.operation.method} ${record.by.intent.slice(-14)} fence ${record.by.fence}: ${record.answer} (sent ${record.started.toFixed(0)})`;
  if (record.is === "replica")
    return `replica ${record.incarnation} ${record.revision.id} ${record.phase}${record.cut > 0 ? ` cut ${record.cut}` : ""}`;
  return `${is} ${JSON.stringify(rest).slice(0, 220)}`;
}
