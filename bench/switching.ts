import { setTimeout as sleep } from "node:timers/promises";
import { rollback } from "../src/api/steering.ts";
import { allTo } from "../src/core/routing.ts";
import { fence, instant, intentId, otherSlot, SLOTS, type Slot } from "../src/core/units.ts";
import type { JournalEvent } from "../src/core/journal.ts";
import { createLocalRouter } from "../src/targets/local/router.ts";
import type { Answered, Load } from "../examples/load.ts";
import type { Place } from "../test/e2e/place.ts";
import { spread, type Spread } from "./figures.ts";
import { mustDeploy, PATHS, trivialService } from "./service.ts";

export interface SwitchOptions {
  readonly shifts: number;
  readonly rollbacks: number;
}

export interface Switching {
  /** ms from asking the router until it acknowledged, under load. */
  readonly acknowledgement: Spread;
  /** Requests while it was switched to and fro: all, those that failed, and those that began after an acknowledgement and got the other slot. */
  readonly requests: number;
  readonly failed: number;
  readonly wrongSlot: number;
  /** ms from the journaled decision to go back until the edge acknowledged that users are back; whole ms. */
  readonly warmRollback: Spread;
}

const RATE = 240;

export async function measureSwitching(options: SwitchOptions): Promise<Switching> {
  const service = await trivialService();
  try {
    await mustDeploy(service, "v1");
    const load = await service.users({ rate: RATE, streams: 0, paths: PATHS });
    const warmRollback: number[] = [];
    for (let n = 0; n < options.rollbacks; n += 1) warmRollback.push(await thereAndBack(service));
    await mustDeploy(service, "v2");
    const { acknowledged, spans } = await flip(service, load, options.shifts);
    await load.stop();
    return {
      acknowledgement: spread(acknowledged),
      requests: load.answers.length,
      failed: load.answers.filter(({ got }) => got !== 200).length,
      wrongSlot: load.answers.filter((answered) => isWrong(answered, spans)).length,
      warmRollback: spread(warmRollback),
    };
  } finally {
    await service.end();
  }
}

/** One deployment that is kept warm, and back. */
async function thereAndBack(service: Place): Promise<number> {
  await mustDeploy(service, "v2");
  const moved = await rollback(service.connection, { signal: service.signal });
  if (moved.is !== "ended") throw new Error(`rollback: ${JSON.stringify(moved)}`);
  return timeBack(moved.events);
}

/** While this lasts, from one acknowledgement to asking for the next shift, only this version may answer. */
interface Span {
  readonly version: string;
  readonly from: number;
  to: number;
}

/** Moves everybody from slot to slot, asking the router as the engine does; both slots have something ready. */
async function flip(
  service: Place,
  load: Load,
  shifts: number,
): Promise<{ acknowledged: readonly number[]; spans: readonly Span[] }> {
  const { store, key, target } = service.connection;
  const lease = await store.lease(key);
  const claimed = fence(lease.is === "lease" ? lease.lease.fence + 1 : 1);
  const slots = await Promise.all(
    SLOTS.map(async (slot) => [slot, (await service.slot(slot)).revision?.id ?? ""] as const),
  );
  const versions = Object.fromEntries(slots) as Readonly<Record<Slot, string>>;
  const router = createLocalRouter(target.layout);
  const acknowledged: number[] = [];
  const spans: Span[] = [];
  let to: Slot = (await service.status()).serves.slot === "green" ? "blue" : "green";
  try {
    for (let n = 0; n < shifts; n += 1) {
      await sleep(25);
      const before = spans.at(-1);
      if (before !== undefined) before.to = load.now;
      const began = performance.now();
      const by = {
        intent: intentId(`bench-${n}`),
        fence: claimed,
        deadline: instant(Date.now() + 5_000),
        signal: service.signal,
      };
      const written = await router.shift(allTo(to), "any", by);
      if (written.is !== "applied") throw new Error(`shift: ${JSON.stringify(written)}`);
      acknowledged.push(performance.now() - began);
      spans.push({ version: versions[to], from: load.now, to: Infinity });
      to = otherSlot(to);
    }
    await sleep(50);
  } finally {
    router.close();
  }
  return { acknowledged, spans };
}

function isWrong({ at, took, version }: Answered, spans: readonly Span[]): boolean {
  const span = spans.find((each) => at >= each.from && at + took <= each.to);
  return span !== undefined && version !== span.version;
}

function timeBack(events: readonly JournalEvent[]): number {
  const asked = events.find((event) => event.kind === "asked" && event.ask === "abort");
  const shift = events.find(
    (event) => event.kind === "intent" && event.dir === "back" && event.call.call === "shift",
  );
  const outcome =
    shift?.kind !== "intent"
      ? undefined
      : events.find((event) => event.kind === "outcome" && event.intent === shift.intent);
  if (asked === undefined || outcome === undefined)
    throw new Error("the journal does not tell of a way back");
  return outcome.at - asked.at;
}
