import { setTimeout as sleep } from "node:timers/promises";
import type { JournalEvent } from "../../src/core/journal.ts";
import { paths } from "../../src/targets/kubernetes/api/paths.ts";
import { median, rounded, spread, type Spread } from "../figures.ts";
import { wallClock } from "./observer.ts";
import { type Ground, Shop } from "./shop.ts";

export interface Cutovers {
  /** ms between two news of the API server: the last pod of the candidate is ready, the Service selects it. */
  readonly readyToWrite: Spread;
  /** ms that one small write takes, asked for by this process in the same minutes. */
  readonly apiWrite: Spread;
  /** Median ms after the last pod was ready when the command began to journal each of these, up to the write's news. */
  readonly way: Readonly<Record<string, number>>;
  /** Writes to the API server one after another, from the first pass to the one that moves users, with it. */
  readonly writes: number;
}

const WRITES_BETWEEN = 12;

/** From the last pod's readiness to the write that moves users; the commands are processes of their own. */
export async function measureCutovers(
  ground: Ground,
  count: number,
  checks: "none" | "one pass",
): Promise<Cutovers> {
  const shop = await Shop.open(ground, {
    strategy: "{ blueGreen: { bake: 50ms, keepWarm: 0s, drain: 100ms } }",
    ...(checks === "none" ? { health: "none" } : {}),
  });
  try {
    await shop.teal("deploy", "v0", "--yes", "-q");
    const connection = await shop.connect();
    const took: number[] = [];
    const writes: number[] = [];
    const marks: Record<string, number>[] = [];
    for (let n = 1; n <= count; n += 1) {
      const { next, switches } = shop.observer;
      const before = switches.length;
      await shop.teal("deploy", `v${n}`, "--yes", "-q");
      const written = await shop.observer.switched(next, before);
      const ready = shop.observer.lastReady[next] ?? Number.NaN;
      took.push(written - ready);
      marks.push({ ...onTheWay(await shop.journal(connection), ready), "the write seen": written - ready });
      writes.push(...(await writeTimes(shop)));
    }
    return {
      readyToWrite: spread(took),
      apiWrite: spread(writes),
      way: medians(marks),
      writes: 1 + Math.round(median(marks.map(appendsIn))),
    };
  } finally {
    await shop.end();
  }
}

/** When the journal was told of each event up to the shift, counted from `since`. */
function onTheWay(events: readonly JournalEvent[], since: number): Record<string, number> {
  const shift = events.findIndex((event) => event.kind === "intent" && event.call.call === "shift");
  const entries = events.slice(0, shift + 1).flatMap((event): readonly (readonly [string, number])[] => {
    if (event.kind === "verdict") {
      const of = event.of.replace(/-(blue|green)$/u, "");
      const took =
        event.of.startsWith("probe") && event.took !== undefined
          ? [["the checks took", event.took] as const]
          : [];
      return [[of, event.at - since], ...took];
    }
    return event.kind === "intent" && event.call.call === "shift"
      ? [["shift intended", event.at - since]]
      : [];
  });
  return Object.fromEntries(entries.filter(([, at]) => at > -1));
}

/** What was journaled in one append has one time. */
function appendsIn(marks: Readonly<Record<string, number>>): number {
  const { "the write seen": _seen, "the checks took": _took, ...journaled } = marks;
  return new Set(Object.values(journaled)).size;
}

function medians(all: readonly Record<string, number>[]): Record<string, number> {
  const names = [...new Set(all.flatMap((each) => Object.keys(each)))];
  return Object.fromEntries(
    names.map((name) => [name, rounded(median(all.flatMap((each) => each[name] ?? [])))]),
  );
}

/** One small patch after another, over one kept connection. */
async function writeTimes(shop: Shop): Promise<readonly number[]> {
  const { api } = shop.observer;
  const path = paths.deployments(api.namespace, "shop");
  const signal = AbortSignal.timeout(30_000);
  const took: number[] = [];
  for (let n = 0; n <= WRITES_BETWEEN; n += 1) {
    const began = wallClock();
    const body = { metadata: { annotations: { "bench.test/n": `${began}` } } };
    const answer = await api.patch(path, { by: "merge", body }, { signal });
    if (answer.is !== "ok") throw new Error(JSON.stringify(answer));
    // The first one may have to open a connection.
    if (n > 0) took.push(wallClock() - began);
    await sleep(5);
  }
  return took;
}
