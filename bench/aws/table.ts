import type { Calls, Counted } from "./calls.ts";
import type { Rollbacks } from "./rollbacks.ts";
import type { Times } from "./shop.ts";
import type { Starting } from "./starting.ts";
import type { Switching } from "./switching.ts";
import type { Waiting } from "./waiting.ts";

export interface Report {
  readonly machine: string;
  /** Which command line was run. */
  readonly cli: string;
  readonly waiting?: Waiting;
  /** One rule, asked at the instances' addresses; two rules and the header rule. */
  readonly calls?: { readonly address: Calls; readonly headerRule: Calls };
  readonly rollback?: Rollbacks;
  readonly throttled?: Rollbacks;
  readonly start?: Starting;
  readonly switching?: Switching;
}

/** What was measured, each line beside its goal. */
export function table(report: Omit<Report, "machine" | "cli">): string {
  const { waiting, calls, rollback, throttled, start, switching } = report;
  const rows = [
    ...(waiting === undefined ? [] : ofWaiting(waiting)),
    ...(calls === undefined
      ? []
      : [
          ...ofCalls("deployment, 1 rule, by address", calls.address.deployment),
          ...ofCalls("its rollback", calls.address.rollback),
          ...ofCalls("deployment, 2 rules, header rule", calls.headerRule.deployment),
          ...ofCalls("its rollback", calls.headerRule.rollback),
        ]),
    ...(rollback === undefined ? [] : ofRollbacks("rollback: command -> accepted", rollback, "goal p95 2 s")),
    ...(throttled === undefined
      ? []
      : ofRollbacks(
          "the same, half of all calls refused",
          throttled,
          `${throttled.throttled} % were; every deployment was completed`,
        )),
    ...(start === undefined ? [] : ofStart(start)),
    ...(switching === undefined ? [] : ofSwitching(switching)),
  ];
  return `${rows.join("\n")}\n`;
}

function row(name: string, value: string, beside = ""): string {
  return `${name.padEnd(36)} ${value}${beside === "" ? "" : ` (${beside})`}`;
}

function told({ p50, p95, count }: Times): string {
  return `p50 ${Math.round(p50)} ms, p95 ${Math.round(p95)} ms, n ${count}`;
}

function ofWaiting({ teal, waiter, describes, most }: Waiting): readonly string[] {
  return [
    row("healthy -> Modify sent", told(teal), "goal p95 3 s"),
    row("  Describe calls while waiting", `${describes.teal}/s, ${most} in any one second`, "goal 1/s"),
    row("  the SDK's waiter: healthy -> told", told(waiter), `${describes.waiter} Describe calls/s`),
  ];
}

function ofCalls(name: string, counted: Counted): readonly string[] {
  const { rules, moving, writes, tags, reads, before, polls } = counted;
  const read = total(reads);
  return [
    row(
      name,
      `${moving} to move users, ${total(writes)} writes, ${total(tags)} for tags`,
      `goal ${rules} and 7: ${listed(writes)}`,
    ),
    row(
      "  reads",
      `${read}: ${before} before the first write, ${polls} polls, ${read - before - polls} with writes`,
      `goal ${12 + 2 * polls}, 12 + 2 for each poll: ${listed(reads)}`,
    ),
  ];
}

function ofRollbacks(name: string, rollbacks: Rollbacks, beside: string): readonly string[] {
  const { accepted, converged, writes } = rollbacks;
  return [
    row(name, told(accepted), beside),
    row("  last node follows -> proven", told(converged), "goal 1 s"),
    row("  writes up to there, of all", listed(writes)),
  ];
}

function ofStart({ node, version, status, loaded }: Starting): readonly string[] {
  return [
    row("teal --version", `p50 ${version} ms`, `node -e 0: ${node} ms; ${loaded.version} modules of the SDK`),
    row("teal status", `p50 ${status} ms`, `${loaded.status} modules of the SDK`),
  ];
}

function ofSwitching(switching: Switching): readonly string[] {
  const { seen, counted, switches, wanted, rate } = switching;
  const kinds = Object.entries(seen.kinds).map(([kind, count]) => `${kind} ${count}`);
  const nodes = switching.nodes.map((ms) => ms / 1_000).join(", ");
  return [
    row(
      "switches under load",
      `${switches} of ${wanted} by ${switching.moving} calls, ${seen.requests} of ${switching.requestsWanted} requests, ${rate}/s for ${seen.lasted} s`,
      `nodes ${nodes} s late, time ${switching.speed} times as fast`,
    ),
    row(
      "  failed",
      `${seen.failed}`,
      `goal 0; ${kinds.join(", ")}; ${counted.own} answers of the balancer's own`,
    ),
    row("  proven, and answered by another", `${seen.astray} of ${seen.settled}`, "goal 0; without cookies"),
    row("  cookie brought, and sent elsewhere", `${seen.unstuck} of ${seen.brought}`, "goal 0"),
    row("  shift -> acknowledged", told(switching.acknowledged)),
    row("  last node follows -> proven", told(switching.proven)),
    row("  answers", `p50 ${seen.p50} ms, p99 ${seen.p99} ms, slowest ${seen.slowest} ms`),
    ...seen.examples.map((each) => `    ${each}`),
  ];
}

function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function listed(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .toSorted(([, a], [, b]) => b - a)
    .map(([what, count]) => `${what.replace(/^[^:]*:/u, "")} ${count}`)
    .join(", ");
}
