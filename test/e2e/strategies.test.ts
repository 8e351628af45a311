import { expect, test } from "vitest";
import { summarise, type Answered, type Load } from "../../examples/load.ts";
import type { Moved } from "../../src/api/deploying.ts";
import { compareStrategies, type Wanted } from "../../src/api/planning.ts";
import { promote, rollback } from "../../src/api/steering.ts";
import type { Cost } from "../../src/core/planning/cost.ts";
import { STRATEGY_KINDS } from "../../src/core/planning/compare.ts";
import type { JournalEvent } from "../../src/core/journal.ts";
import type { Strategy, StrategyKind } from "../../src/core/plan.ts";
import { sameWeights, NOBODY, type Weights } from "../../src/core/routing.ts";
import { SLOTS, type Revision } from "../../src/core/units.ts";
import type { Place } from "./place.ts";
import { complaints, outcomeOf, serving, tell } from "./support.ts";
import { until } from "./processes.ts";

/**
 * Every strategy takes a service of three replicas from v1 to v2 and back while people use it. What that lost and cost
 * is measured here and must be what `--compare` said before: counts exactly, since they follow from the plan; whether
 * anybody went unserved, exactly; how long only in order, since that depends on the machine.
 */
const STRATEGIES = {
  blueGreen: "{ blueGreen: { bake: 500ms, keepWarm: 10m } }",
  // Each share lasts until enough users were answered, however fast the machine is: this test approves.
  canary:
    "{ canary: { shifts: [{ share: 10, approval: {} }, { share: 50, approval: {} }], bake: 500ms, keepWarm: 10m } }",
  rolling: "{ rolling: { batch: 1, bake: 500ms } }",
  recreate: "{ recreate: { bake: 500ms } }",
} as const satisfies Readonly<Record<StrategyKind, string>>;

const REPLICAS = 3;
/** Requests per second. */
const RATE = 300;
/**
 * The edge draws by chance for each request: with so many the standard deviation of a share is at most 1.25 points, and
 * chance alone is out by 5 points once in 15,000 runs.
 */
const ENOUGH = 1_600;

/** What users and machine met while one deployment went all its way. */
interface Measured {
  readonly peak: number;
  readonly steps: number;
  readonly writes: number;
  /** From the first to the last answer of the edge that nobody serves, in ms. */
  readonly downtime: number;
}
type Said = Pick<Cost, keyof Measured>;

const MEASURED = new Map<StrategyKind, { readonly said: Said; readonly measured: Measured }>();

test.each(STRATEGY_KINDS)("%s: v1 to v2 and back under load, as it was said beforehand", async (kind) => {
  const options = { revisions: ["v1", "v2"], replicas: REPLICAS } as const;
  const shop = await serving(options);
  const strategies = await allStrategies(shop, options);
  await shop.configure({ ...options, strategy: STRATEGIES[kind] });
  const users = await shop.users({ rate: RATE, atMost: 110_000 });
  await until("users to be served", () => users.answers.length > 100);
  const v1 = (await shop.slot("blue")).revision;
  const prepared = await shop.connection.target.prepare("v2", shop.signal);
  if (v1 === undefined || prepared.is === "refused") throw new Error("no revisions");

  const said = {
    there: await sayBefore(shop, strategies, kind, prepared.revision, {}),
    back: undefined as Said | undefined,
  };
  const there = await measure(
    shop,
    users,
    () => shop.deploy("v2"),
    async () => {
      const before = users.answers.length;
      await until("enough answers at this share", () => users.answers.length > before + 1.1 * ENOUGH, 40_000);
    },
  );
  expect((await shop.status()).serves.revision).toBe("v2");
  said.back = await sayBefore(shop, strategies, kind, v1, { rollback: true });
  const back = await measure(shop, users, () =>
    shop.during(rollback(shop.connection, { signal: shop.signal })),
  );
  expect((await shop.status()).serves.revision).toBe("v1");
  await users.stop();

  const windows = [there, back].flatMap(({ events }) => declaredWindow(events));
  expect(windows).toHaveLength(kind === "recreate" ? 2 : 0);
  const declared = ({ got, version, at, took }: Answered) =>
    got === 503 &&
    version === undefined &&
    windows.some(({ from, to }) => users.startedAt + at + took >= from && users.startedAt + at <= to);
  expect(complaints(users, declared)).toEqual([]);
  expect(summarise(users.answers).requests).toBeGreaterThan(RATE);

  for (const [{ measured }, expected] of [
    [there, said.there],
    [back, said.back],
  ] as const) {
    expect(measured).toMatchObject({ peak: expected.peak, steps: expected.steps, writes: expected.writes });
    expect(measured.downtime > 0).toBe(expected.downtime > 0);
  }
  MEASURED.set(kind, { said: said.there, measured: there.measured });
  if (kind === "canary") for (const share of [10, 50]) expectShare(users, there.events, share);
});

test("the strategies rank by peak and by downtime as it was said", () => {
  const rows = [...MEASURED];
  expect(rows.map(([kind]) => kind)).toEqual(STRATEGY_KINDS);
  const by = (what: "peak" | "downtime", of: "said" | "measured") =>
    rows.toSorted(([, a], [, b]) => a[of][what] - b[of][what]).map(([kind]) => kind);
  expect(by("peak", "measured")).toEqual(by("peak", "said"));
  expect(by("downtime", "measured")).toEqual(by("downtime", "said"));
  expect(rows.map(([, { measured }]) => measured.peak)).toEqual([6, 6, 4, 3]);
});

/** All four as this test configures them: what `--compare` is to compare. */
async function allStrategies(
  shop: Place,
  options: Parameters<Place["configure"]>[0],
): Promise<ReadonlyMap<StrategyKind, Strategy>> {
  const strategies = new Map<StrategyKind, Strategy>();
  for (const kind of STRATEGY_KINDS) {
    await shop.configure({ ...options, strategy: STRATEGIES[kind] });
    strategies.set(kind, shop.connection.wishes.strategyFor());
  }
  return strategies;
}

/** What `teal plan --compare` says of the strategy for this revision, now. */
async function sayBefore(
  shop: Place,
  strategies: ReadonlyMap<StrategyKind, Strategy>,
  kind: StrategyKind,
  revision: Revision,
  wanted: Wanted & { readonly rollback?: boolean },
): Promise<Said> {
  const { wishes, ...rest } = shop.connection;
  const strategyFor = (asked?: StrategyKind) => strategies.get(asked ?? kind) ?? wishes.strategyFor(asked);
  const answer = await compareStrategies(
    { ...rest, wishes: { ...wishes, strategyFor } },
    revision,
    wanted,
    shop.signal,
  );
  if ("unavailable" in answer) throw new Error(answer.unavailable.message);
  expect(answer.comparison.measured).toBeGreaterThan(0);
  const row = answer.comparison.rows.find((each) => each.kind === kind);
  if (row?.is !== "possible") throw new Error(`${kind}: ${JSON.stringify(row)}`);
  return row.cost;
}

/** Carries a deployment to its end, without keeping anything warm, and counts on the way. */
async function measure(
  shop: Place,
  users: Load,
  begin: () => Promise<Moved>,
  atGate: () => Promise<void> = async () => {},
): Promise<{ readonly measured: Measured; readonly events: readonly JournalEvent[] }> {
  const over = new AbortController();
  const peak = shop.during(mostReplicas(shop, over.signal));
  const from = users.answers.length;
  let moved = await begin();
  while (moved.is === "waiting" || moved.is === "warm") {
    if (moved.is === "waiting") await atGate();
    moved = await shop.during(promote(shop.connection, { signal: shop.signal }));
  }
  over.abort();
  if (moved.is !== "ended" || outcomeOf(moved) !== "done") throw new Error(`it ended ${tell(moved)}`);
  const { events, deployment } = moved;
  const passed = new Set(
    events.flatMap((event) => (event.kind === "verdict" && event.dir === "forward" ? [event.of] : [])),
  );
  const unserved = users.answers.slice(from).filter(({ got }) => got === 503);
  return {
    events,
    measured: {
      peak: await peak,
      steps: deployment.plan.steps.filter(({ id }) => passed.has(id)).length,
      writes: events.filter(({ kind }) => kind === "intent").length,
      downtime:
        unserved.length === 0
          ? 0
          : Math.max(...unserved.map(({ at, took }) => at + took)) -
            Math.min(...unserved.map(({ at }) => at)),
    },
  };
}

/** The most replicas of both slots that a status ever showed at one time. */
async function mostReplicas(shop: Place, signal: AbortSignal): Promise<number> {
  let most = 0;
  const connection = await shop.connect();
  while (!signal.aborted) {
    const seen = await Promise.all(SLOTS.map((slot) => connection.target.slots.observe(slot, shop.signal)));
    most = Math.max(
      most,
      seen.reduce((sum, each) => sum + (each.is === "seen" ? each.value.replicas.length : 0), 0),
    );
    await connection.clock.sleep(connection.target.pace, signal);
  }
  return most;
}

interface Span {
  readonly from: number;
  readonly to: number;
}

/** When the plan itself took traffic from everybody, until it gave it back. Wall clock; stamps are whole ms. */
function declaredWindow(events: readonly JournalEvent[]): readonly Span[] {
  const begun = events.find(
    (event) => event.kind === "intent" && event.call.call === "shift" && sameWeights(event.call.to, NOBODY),
  );
  const after = shifted(events, (to) => !sameWeights(to, NOBODY));
  return begun === undefined || after === undefined ? [] : [{ from: begun.at - 1, to: after + 1 }];
}

/** When the router acknowledged such a shift. */
function shifted(events: readonly JournalEvent[], such: (to: Weights) => boolean): number | undefined {
  const intent = events.find(
    (event) => event.kind === "intent" && event.call.call === "shift" && such(event.call.to),
  );
  if (intent?.kind !== "intent") return undefined;
  return events.find((event) => event.kind === "outcome" && event.intent === intent.intent)?.at;
}

/** The share of v2 among the answers while the canary had it, within 5 points. */
function expectShare(users: Load, events: readonly JournalEvent[], share: number): void {
  const from = shifted(
    events,
    (weights) => weights !== "pool" && Math.min(weights.blue, weights.green) === share,
  );
  const to = events.find(
    (event) =>
      event.kind === "intent" && event.call.call === "shift" && from !== undefined && event.at > from,
  )?.at;
  if (from === undefined || to === undefined) throw new Error(`no stage of ${share} %`);
  const during = users.answers.filter(
    ({ at, took }) => users.startedAt + at > from + 1 && users.startedAt + at + took < to - 1,
  );
  expect(during.length).toBeGreaterThanOrEqual(ENOUGH);
  const measured = (100 * during.filter(({ version }) => version === "v2").length) / during.length;
  expect(Math.abs(measured - share)).toBeLessThan(5);
}
