import type { Gate, Otherwise, Plan, SizeRule, Step } from "../plan.ts";
import type { Weights } from "../routing.ts";
import { assertNever } from "../units.ts";
import { describeWeights } from "./baseline.ts";
import type { Comparison } from "./compare.ts";
import type { Row, WayBack } from "./cost.ts";
import type { ReplicaUnit } from "./durations.ts";
import { timeInWords } from "./words.ts";

/** One line per step for `teal plan`: number, id, what is done, its deadline, and what happens at the deadline. */
export function describePlan(plan: Plan): readonly string[] {
  const idWidth = Math.max(...plan.steps.map((step) => step.id.length));
  const whatWidth = Math.max(...plan.steps.map((step) => what(step).length));
  const lines = plan.steps.map((step, index) => {
    const number = String(index + 1).padStart(2);
    return `${number}  ${step.id.padEnd(idWidth)}  ${what(step).padEnd(whatWidth)}  ${deadline(step)}`;
  });
  const guards = plan.guards.map(
    (guard) => `guard: ${GUARDS[guard.watch]} on ${guard.slot}, from ${guard.from} to ${guard.to}`,
  );
  const limit = plan.pointOfNoReturn === undefined ? [] : [`no way back from ${plan.pointOfNoReturn} on`];
  return [...lines, ...guards, ...limit];
}

/** What a step does, in the words of the vocabulary. */
export function what(step: Step): string {
  switch (step.do) {
    case "migrate":
      return `apply the migrations' ${step.phase} phase`;
    case "ensure":
      return `run ${step.revision.id} on ${step.slot}, ${size(step.size)}${step.wait === false ? ", not waiting" : ""}`;
    case "probe":
      return `ask ${step.slot} its checks`;
    case "gate":
      return gate(step.gate);
    case "shift":
      return `traffic to ${target(step.to)}${step.rule === "readyShare" ? ", as far as ready replicas carry it" : ""}`;
    case "confirm":
      return `prove that traffic follows ${target(step.to)}`;
    case "bake":
      return `watch ${step.slot} for ${timeInWords(step.for)}`;
    case "restore":
      return "put back what was borrowed";
    case "warm":
      return `keep ${step.slot} warm for ${timeInWords(step.for)}`;
    case "drain":
      return `let ${step.slot} finish what is in flight, at most ${timeInWords(step.cap)}`;
    case "retire":
      return step.keep.rule === "fixed" && step.keep.replicas === 0
        ? `stop ${step.slot}`
        : `stop a batch of ${step.slot}, keep ${size(step.keep)}`;
    default:
      return assertNever(step);
  }
}

const GUARDS = { checks: "failing checks", crashLoop: "a crash loop", errors: "users' errors" } as const;

const OTHERWISE: Readonly<Record<Otherwise, string>> = {
  proceed: "go on",
  revert: "go back",
  stop: "stop and ask",
};

/** Bake, warm and watch end by themselves; everything else has a deadline and an answer. */
function deadline(step: Step): string {
  const lasts =
    step.do === "bake" || step.do === "warm" || (step.do === "gate" && step.gate.gate === "watch");
  return lasts ? "then go on" : `within ${timeInWords(step.deadline)}, else ${OTHERWISE[step.otherwise]}`;
}

function size(rule: SizeRule): string {
  switch (rule.rule) {
    case "matchLive":
      return "as many replicas as live has then";
    case "fixed":
      return `${rule.replicas} replica${rule.replicas === 1 ? "" : "s"}`;
    case "part":
      return `${rule.done} of ${rule.of} replicas`;
    default:
      return assertNever(rule);
  }
}

function target(to: Weights): string {
  return to === "pool" ? "whatever is ready in both slots" : describeWeights(to);
}

function gate(each: Gate): string {
  switch (each.gate) {
    case "approval":
      return "wait for a person's approval";
    case "schedule":
      return `wait for ${clock(each.from)} to ${clock(each.to)} UTC`;
    case "watch":
      return `watch the candidate under its share for ${timeInWords(each.for)}`;
    default:
      return assertNever(each);
  }
}

function clock(minutes: number): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

/**
 * The comparison as a table of cells, first row the heads; refused strategies have one cell with the reason.
 * @param unit what a replica is where the service runs.
 */
export function comparisonTable(
  comparison: Comparison,
  unit: ReplicaUnit = "replica",
): readonly (readonly string[])[] {
  return [headsIn(unit), ...comparison.rows.map(cells)];
}

const headsIn = (unit: ReplicaUnit) => [
  "strategy",
  "nobody serves",
  "back: before cutover",
  "in the bake",
  "as quick for",
  "after retire",
  `most ${unit}s`,
  `extra ${unit}-hours`,
  "both revisions run",
  "both serve",
  "first share",
  "steps",
  "writes",
];

function cells(row: Row): readonly string[] {
  if (row.is === "unchanged") return [row.kind, `live already on ${row.slot}`];
  if (row.is === "refused")
    return [row.kind, `refused: ${row.cause.message} (${row.cause.code}). ${row.next}`];
  const { cost } = row;
  return [
    row.kind,
    timeInWords(cost.downtime),
    back(cost.back.beforeCutover),
    back(cost.back.inBake),
    cost.keptWarm === 0 ? "the bake" : `${timeInWords(cost.keptWarm)} more`,
    back(cost.back.afterRetire),
    String(cost.peak),
    cost.extraReplicaHours.toFixed(2),
    cost.bothRun === 0 ? "never" : timeInWords(cost.bothRun),
    cost.bothServe === 0 ? "never" : timeInWords(cost.bothServe),
    `${cost.firstShare} %`,
    String(cost.steps),
    String(cost.writes),
  ];
}

function back(way: WayBack): string {
  return way.is === "possible" ? timeInWords(way.after) : `never: ${way.because}`;
}
