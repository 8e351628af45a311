import type { Check, CheckPlan, Decision, Sample, Window } from "./checks.ts";
import type { Replica } from "./observed.ts";
import type { Cause, Millis } from "./units.ts";
import { MAX_WINDOW, seriesKey, type Series, type Tally } from "./tally.ts";
import { explain, type Findings } from "./verdict-words.ts";

export { emptyTally, record, type Tally } from "./tally.ts";

export interface Judgement {
  readonly decision: Decision | "undecided";
  /** Incarnations that passed every check that was not forced. */
  readonly passed: readonly string[];
  /** The latest failing sample of each failing check, worst first, forced checks last. */
  readonly failing: readonly Sample[];
  /** The latest sample of each check that could not be asked. */
  readonly unknown: readonly Sample[];
  /** One line: `/health 200 · /health/db 200 "connected"`, `GET /health/db: expected 200, got 503 (3 of 5 failed)`. */
  readonly summary: string;
  /** Set when the decision is `fail` or `inconclusive`. */
  readonly cause?: Cause;
}

/**
 * Has the slot proven itself? Decides `pass` as soon as enough replicas passed every check, `fail` as soon as a
 * crash or a hopeless replica makes that impossible, and otherwise at the window's deadline.
 * The rules and their reasons are in `docs/health.md`.
 * @param replicas as observed now; those that are stopping are not counted.
 * @param force names of checks that are reported but do not decide.
 * @param elapsed since the first round.
 */
export function judge(
  tally: Tally,
  plan: CheckPlan,
  replicas: readonly Replica[],
  force: readonly string[],
  elapsed: Millis,
): Judgement {
  const scope = scopeOf(tally, plan, replicas, force);
  const crashed = scope.replicas.filter((replica) => hasCrashed(tally, replica));
  const sound = scope.replicas.filter((replica) => !crashed.includes(replica));
  const passed = sound.filter((replica) => isProven(scope, replica));
  const hopeless = sound.filter((replica) => !passed.includes(replica) && isHopeless(scope, replica));
  const lost = crashed.length + hopeless.length;

  const decide = (): Judgement["decision"] => {
    if (passed.length >= scope.needed) return "pass";
    if (lost > 0 && scope.replicas.length - lost < scope.needed) return "fail";
    if (elapsed < plan.window.deadline) return "undecided";
    return crashed.length > 0 || scope.replicas.some((replica) => hasFailures(scope, replica))
      ? "fail"
      : "inconclusive";
  };
  return judgement(scope, decide(), passed, crashed);
}

/**
 * Is a slot that passed still healthy? Every look is a decision about the last window: `fail` when too many of its
 * samples failed for `passes` to be among them, `inconclusive` when only unanswered questions keep it from passing,
 * `undecided` while too little was asked. Consecutive passes do not matter here: one failure in a healthy window is noise.
 */
export function steady(
  tally: Tally,
  plan: CheckPlan,
  replicas: readonly Replica[],
  force: readonly string[],
): Judgement {
  const scope = scopeOf(tally, plan, replicas, force);
  const healthy = scope.replicas.filter((replica) => isHealthy(scope, replica));
  const crashed = scope.replicas.filter(
    (replica) => hasCrashed(tally, replica) && (isDown(replica) || !healthy.includes(replica)),
  );
  const sound = scope.replicas.filter((replica) => !crashed.includes(replica));
  const passed = sound.filter((replica) => healthy.includes(replica));
  const failed = sound.filter((replica) => isFailing(scope, replica));
  const open = sound.filter(
    (replica) => !passed.includes(replica) && !failed.includes(replica) && !isFull(scope, replica),
  );
  const lost = crashed.length + failed.length;

  const decide = (): Judgement["decision"] => {
    // Whatever served here is gone: nobody would answer.
    if (scope.replicas.length === 0) return Object.keys(tally.lives).length > 0 ? "fail" : "inconclusive";
    if (passed.length >= scope.needed) return "pass";
    if (lost > 0 && scope.replicas.length - lost < scope.needed) return "fail";
    return passed.length + open.length >= scope.needed ? "undecided" : "inconclusive";
  };
  return judgement(scope, decide(), passed, crashed);
}

/** What a decision looks at. */
interface Scope {
  readonly tally: Tally;
  readonly window: Window;
  readonly checks: readonly Check[];
  /** The checks that decide. */
  readonly required: readonly Check[];
  readonly forced: readonly Check[];
  readonly replicas: readonly Replica[];
  readonly needed: number;
}

function scopeOf(
  tally: Tally,
  plan: CheckPlan,
  replicas: readonly Replica[],
  force: readonly string[],
): Scope {
  // A replica that is told to stop proves nothing either way.
  const counted = replicas.filter((replica) => replica.phase !== "stopping");
  return {
    tally,
    window: plan.window,
    checks: plan.checks,
    required: plan.checks.filter((check) => !force.includes(check.name)),
    forced: plan.checks.filter((check) => force.includes(check.name)),
    replicas: counted,
    // At least one, whatever was configured: an empty slot is never healthy.
    needed: Math.max(1, plan.minHealthy === "all" ? counted.length : plan.minHealthy),
  };
}

function isDown(replica: Replica): boolean {
  return replica.phase === "exited" || replica.phase === "crashLoop";
}

function hasCrashed(tally: Tally, replica: Replica): boolean {
  if (isDown(replica)) return true;
  const first = tally.lives[replica.id];
  if (first === undefined) return false;
  return first.incarnation !== replica.incarnation || replica.restarts > (first.restarts ?? replica.restarts);
}

/** Every deciding check passed k of n and at the end. Without any check, the target's own readiness has to do. */
function isProven(scope: Scope, replica: Replica): boolean {
  if (scope.checks.length === 0) return replica.phase === "ready";
  return scope.required.every((check) => {
    const samples = windowOf(scope, replica, check);
    const tail = samples.slice(-Math.max(1, scope.window.consecutive));
    return (
      count(samples, "pass") >= scope.window.passes &&
      tail.length >= scope.window.consecutive &&
      tail.length > 0 &&
      tail.every((sample) => sample.result === "pass")
    );
  });
}

/**
 * A replica that calls itself ready, was asked for two whole windows and still fails one, its latest answer included:
 * waiting longer would only delay the verdict. A replica that is not ready yet has until the deadline, and one that
 * just began to pass may go on.
 */
function isHopeless(scope: Scope, replica: Replica): boolean {
  if (replica.phase !== "ready") return false;
  return scope.required.some((check) => {
    const series = seriesOf(scope, replica, check);
    if (series === undefined || series.asked < 2 * scope.window.of) return false;
    return series.samples.at(-1)?.result === "fail" && tooManyFailed(scope, replica, check);
  });
}

function hasFailures(scope: Scope, replica: Replica): boolean {
  return scope.required.some((check) => count(windowOf(scope, replica, check), "fail") > 0);
}

function isHealthy(scope: Scope, replica: Replica): boolean {
  if (scope.checks.length === 0) return replica.phase === "ready";
  return scope.required.every((check) => {
    const samples = windowOf(scope, replica, check);
    return samples.length > 0 && count(samples, "pass") >= scope.window.passes;
  });
}

function isFailing(scope: Scope, replica: Replica): boolean {
  return scope.required.some((check) => tooManyFailed(scope, replica, check));
}

/** As much was asked as a window holds, or would have been: a replica seen for so long and never asked is no better. */
function isFull(scope: Scope, replica: Replica): boolean {
  return scope.required.every((check) => {
    const series = seriesOf(scope, replica, check);
    const rounds =
      series === undefined ? (scope.tally.lives[replica.id]?.rounds ?? 0) : series.samples.length;
    return rounds >= Math.min(scope.window.of, MAX_WINDOW);
  });
}

/** So many failures that `passes` no longer fit into the window, however the unanswered questions would have ended. */
function tooManyFailed(scope: Scope, replica: Replica, check: Check): boolean {
  return count(windowOf(scope, replica, check), "fail") > scope.window.of - scope.window.passes;
}

function seriesOf(scope: Scope, replica: Replica, check: Check): Series | undefined {
  const series = scope.tally.series[seriesKey(replica.id, check.name)];
  return series?.incarnation === replica.incarnation ? series : undefined;
}

function windowOf(scope: Scope, replica: Replica, check: Check): readonly Sample[] {
  return seriesOf(scope, replica, check)?.samples.slice(-scope.window.of) ?? [];
}

function count(samples: readonly Sample[], result: Sample["result"]): number {
  return samples.filter((sample) => sample.result === result).length;
}

function judgement(
  scope: Scope,
  decision: Judgement["decision"],
  passed: readonly Replica[],
  crashed: readonly Replica[],
): Judgement {
  const findings = findingsOf(scope, crashed);
  const { summary, cause } = explain(findings, decision);
  return {
    decision,
    passed: passed.map((replica) => replica.incarnation),
    failing: findings.failing.map((finding) => finding.sample),
    unknown: findings.unknown,
    summary,
    ...(cause === undefined ? {} : { cause }),
  };
}

function findingsOf(scope: Scope, crashed: readonly Replica[]): Findings {
  const failing: Findings["failing"][number][] = [];
  const unknown: Sample[] = [];
  const passing: Findings["passing"][number][] = [];
  for (const check of [...scope.required, ...scope.forced]) {
    const windows = scope.replicas
      // Whatever life it was: the last answers of a crashed replica are the ones that explain it.
      .map(
        (replica) =>
          scope.tally.series[seriesKey(replica.id, check.name)]?.samples.slice(-scope.window.of) ?? [],
      )
      .filter((samples) => samples.length > 0);
    const worst = [...windows].sort((a, b) => count(b, "fail") / b.length - count(a, "fail") / a.length)[0];
    const forced = scope.forced.includes(check);
    const failed = worst?.findLast((sample) => sample.result === "fail");
    if (worst !== undefined && failed !== undefined) {
      failing.push({ check, sample: failed, failed: count(worst, "fail"), of: worst.length, forced });
    }
    const blind = windows.map((samples) => samples.at(-1)).find((sample) => sample?.result === "unknown");
    if (blind !== undefined) unknown.push(blind);
    const good = windows.flat().findLast((sample) => sample.result === "pass");
    if (good !== undefined) passing.push({ check, sample: good });
  }
  const worstFirst = failing.sort(
    (a, b) => Number(a.forced) - Number(b.forced) || b.failed / b.of - a.failed / a.of,
  );
  return {
    failing: worstFirst,
    unknown,
    passing,
    crashed,
    replicas: scope.replicas.length,
    needed: scope.needed,
  };
}
