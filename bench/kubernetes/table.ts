import type { Spread } from "../figures.ts";
import type { Cutovers } from "./cutover.ts";
import type { Requests } from "./requests.ts";
import type { Resuming } from "./resuming.ts";
import type { Rollbacks } from "./rollbacks.ts";
import type { Cold } from "./status.ts";
import { SCALE, type Switching } from "./switching.ts";

export interface Report {
  readonly machine: string;
  /** Which command line was run. */
  readonly cli: string;
  /** By readiness alone, and with one check of Teal's own that decides with its first pass. */
  readonly cutover?: { readonly ready: Cutovers; readonly checked: Cutovers };
  readonly rollback?: { readonly crashed: Rollbacks; readonly failing: Rollbacks };
  readonly switching?: Switching;
  readonly resume?: Resuming;
  readonly requests?: Requests;
  readonly status?: Cold;
}

/** What was measured, each line beside its goal. */
export function table(report: Omit<Report, "machine" | "cli">): string {
  const { cutover, rollback, switching, resume, requests, status } = report;
  const rows = [
    ...(cutover === undefined
      ? []
      : [
          ...ofCutovers("last pod ready -> switch written", cutover.ready),
          ...ofCutovers("the same with a check's first pass", cutover.checked),
        ]),
    ...(rollback === undefined ? [] : ofRollbacks(rollback.crashed, rollback.failing)),
    ...(switching === undefined ? [] : ofSwitching(switching)),
    ...(resume === undefined
      ? []
      : row(
          "kill -9 -> resumed",
          times(resume.claimed),
          `goal 5 s; ${resume.beforeCutover} before the cutover`,
        )),
    ...(requests === undefined ? [] : ofRequests(requests)),
    ...(status === undefined
      ? []
      : row(
          "teal status",
          `p50 ${status.p50} ms, ${status.memory} MB at most`,
          `node -e 0: ${status.node} ms; teal deploy: ${status.deployMemory} MB at most`,
        )),
  ];
  return `${rows.join("\n")}\n`;
}

function row(name: string, value: string, beside = ""): readonly string[] {
  return [`${name.padEnd(34)} ${value}${beside === "" ? "" : ` (${beside})`}`];
}

function times({ p50, p99, count }: Spread): string {
  return `p50 ${p50} ms, p99 ${p99} ms, n ${count}`;
}

function ofCutovers(name: string, { readyToWrite, apiWrite, way, writes }: Cutovers): readonly string[] {
  const goal = `goal p50 ${Math.round(apiWrite.p50 + 15)} ms, p99 ${Math.round(apiWrite.p99 + 40)} ms`;
  return [
    ...row(name, times(readyToWrite), goal),
    ...row("  one write to the API server", times(apiWrite)),
    ...row("  writes one after another", String(writes)),
    ...Object.entries(way).flatMap(([what, at]) =>
      row(`  ${what}`, what.endsWith("took") ? `${at} ms` : `after ${at} ms`),
    ),
  ];
}

function ofRollbacks(crashed: Rollbacks, failing: Rollbacks): readonly string[] {
  const happened = Object.entries(failing.faults).map(([kind, times_]) => `${kind} ${times_}`);
  return [
    ...row("decided -> users back, crashed", times(crashed.decidedToWrite), "goal p99 250 ms"),
    ...row(
      "  and 20 % of API calls failing",
      times(failing.decidedToWrite),
      `goal p99 250 ms; ${happened.join(", ")}`,
    ),
  ];
}

function ofSwitching({ cutovers, rollbacks, wanted, rate, seen, delays }: Switching): readonly string[] {
  const kinds = Object.entries(seen.kinds).map(([kind, count]) => `${kind} ${count}`);
  return [
    ...row(
      "cutovers and rollbacks under load",
      `${cutovers} and ${rollbacks} of ${wanted}, ${rate} requests/s for ${seen.lasted} s`,
      `nodes ${delays.join(", ")} ms late, 1:${SCALE}`,
    ),
    ...row(
      "  failed, cut in flight",
      `${seen.failed}, ${seen.cut}`,
      `goal 0, 0; of ${seen.requests}: ${kinds.join(", ")}`,
    ),
    ...row("  kept connections asked again", `${seen.askedAgain}`, `sessions told to go: ${seen.toldToGo}`),
    ...row("  slowest answer", `${seen.slowest} ms`),
    ...seen.examples.map((each) => `    ${each}`),
  ];
}

function ofRequests({ deployment, rollback, status, warm, gate, idleFor }: Requests): readonly string[] {
  return [
    ...counted("requests of one deployment", deployment),
    ...counted("  of its rollback", rollback),
    ...counted("  of teal status", status),
    ...counted(`  while warm, ${idleFor} s`, warm),
    ...counted(`  of who stays at a gate, ${idleFor} s`, gate),
  ];
}

function counted(name: string, counts: Readonly<Record<string, number>>): readonly string[] {
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const each = Object.entries(counts)
    .toSorted(([, a], [, b]) => b - a)
    .map(([what, count]) => `${what} ${count}`);
  return row(name, String(all), each.join(", "));
}
