import { afterEach, describe, expect, it } from "vitest";
import type { JournalEvent } from "../core/journal.ts";
import type { Traffic } from "../core/observed.ts";
import { millis, version, type Cause, type Slot } from "../core/units.ts";
import type { MetricHistory } from "../ports/router.ts";
import type { EnginePorts } from "./ports.ts";
import { Stage, endOf, type StageOptions } from "./test-support.ts";

/* A bake that nobody watches: the engine returns after the cutover, and whoever resumes judges it by the metrics. */

const BAKE = millis(60_000);
const LAG = millis(10_000);

const stages: Stage[] = [];
afterEach(() => {
  for (const each of stages.splice(0)) each.stop();
});

/** A stage whose metrics are kept: read every second, as a store of metrics would be fed. */
class Kept {
  readonly on: Stage;
  /** While set, the history cannot be read. */
  away: Cause | undefined;
  /** Slots of which the history has no counts, as under a wrong dimension or in a gap. */
  readonly uncounted = new Set<Slot>();
  /** Slots whose counts cannot be read. */
  readonly unreadable = new Set<Slot>();
  readonly #samples: { readonly at: number; readonly counts: Readonly<Record<Slot, Traffic>> }[] = [];

  constructor(options: StageOptions = {}) {
    this.on = new Stage(options);
    stages.push(this.on);
    void this.#keep();
  }

  async #keep(): Promise<never> {
    for (;;) {
      const { clock, target } = this.on;
      target.world.advance();
      const { crowd } = target.world;
      this.#samples.push({
        at: clock.now(),
        counts: { blue: crowd.traffic("blue"), green: crowd.traffic("green") },
      });
      await clock.sleep(millis(1_000));
    }
  }

  #at(slot: Slot, instant: number): Traffic {
    const sample = this.#samples.findLast(({ at }) => at <= instant) ?? this.#samples[0]!;
    return sample.counts[slot];
  }

  readonly history: MetricHistory = {
    lag: LAG,
    served: (slot, from, to) => {
      if (this.away !== undefined) return Promise.resolve({ is: "unreadable", cause: this.away });
      if (this.unreadable.has(slot))
        return Promise.resolve({ is: "unreadable", cause: { code: "TEAL-A101", message: `no ${slot}` } });
      const [before, after] = [this.#at(slot, from), this.#at(slot, to)];
      const counted = this.uncounted.has(slot) ? 0 : 1;
      const requests = counted * (after.requests - before.requests);
      const failed = counted * (after.errors + after.lost - before.errors - before.lost);
      return Promise.resolve({
        is: "seen",
        value: { requests, failed },
        version: version("1"),
        at: this.on.clock.now(),
      });
    },
  };

  /** A process on a machine of its own. */
  get ports(): EnginePorts {
    const { ports } = this.on.process();
    const { target } = ports;
    return { ...ports, target: { ...target, metrics: { ...this.on.target.metrics, history: this.history } } };
  }

  /** One run of a pipeline that does not stay. */
  leave() {
    return this.on.advance({ stay: false, leave: true }, this.ports);
  }

  async deployAndLeave(): Promise<void> {
    await this.on.open("v2", "blueGreen", { bake: BAKE });
    expect(await this.leave()).toMatchObject({ is: "waiting", deployment: { state: { for: "history" } } });
  }
}

/** Verdicts on the bake: `then`, with the summary. */
function bakes(events: readonly JournalEvent[]): readonly string[] {
  return events.flatMap((event) =>
    event.kind === "verdict" && event.of === "bake-green" ? [`${event.then}: ${event.facts.summary}`] : [],
  );
}

describe("a deployment whose bake is left alone", () => {
  it("has all the traffic, the previous slot beside it, and nobody who holds the lease", async () => {
    const kept = new Kept();
    await kept.deployAndLeave();
    expect(kept.on.truth()).toMatchObject({ serves: "green", ready: { blue: 2, green: 2 } });
    expect(await kept.on.store.lease({ service: "shop", environment: "production" })).toMatchObject({
      lease: { released: true },
    });
    expect(bakes(await kept.on.events())).toEqual([
      "hold: nobody watches green for 60 s: no automatic revert until it is resumed",
    ]);
  });

  it("goes on waiting where it is resumed before the bake is over", async () => {
    const kept = new Kept();
    await kept.deployAndLeave();
    await kept.on.clock.sleep(millis(20_000));
    expect(await kept.leave()).toMatchObject({ is: "waiting" });
    expect(kept.on.truth()).toMatchObject({ serves: "green", ready: { blue: 2 } });
  });

  it("is done when the metrics of all its bake and the checks of now are good", async () => {
    const kept = new Kept();
    await kept.deployAndLeave();
    await kept.on.clock.sleep(millis(BAKE + LAG));
    expect((await kept.leave()).is).toBe("finished");
    const events = await kept.on.events();
    expect(endOf(events)).toMatchObject({ outcome: "done", serves: { slot: "green", revision: "v2" } });
    expect(bakes(events).at(-1)).toMatch(/^next: by its metrics' history: [\d,]+ requests, 0 errors$/u);
    expect(kept.on.truth().ready).toEqual({ blue: 0, green: 2 });
  });

  it("goes back for errors of a time when nobody looked, although all is well when it is resumed", async () => {
    const kept = new Kept();
    await kept.deployAndLeave();
    await kept.on.clock.sleep(millis(5_000));
    kept.on.target.hand.outage(true);
    await kept.on.clock.sleep(millis(20_000));
    kept.on.target.hand.outage(false);
    // Nothing went back by itself meanwhile: that is what leaving means.
    expect(kept.on.truth()).toMatchObject({ serves: "green" });
    await kept.on.clock.sleep(millis(BAKE + LAG));
    expect((await kept.leave()).is).toBe("finished");
    const events = await kept.on.events();
    expect(endOf(events)).toMatchObject({ outcome: "reverted", serves: { slot: "blue", revision: "v1" } });
    const why = events.find((event) => event.kind === "verdict" && event.then === "back");
    expect(why).toMatchObject({ of: "guard-errors-green", cause: { code: "TEAL-B201" } });
  });

  it("goes back before its time when it is resumed and fails now", async () => {
    const kept = new Kept({
      behaviour: ({ id }) => (id === "v2" ? "failsUnderTraffic" : "good"),
      shape: { failsAfter: [3_000, 4_000] },
    });
    await kept.deployAndLeave();
    await kept.on.clock.sleep(millis(20_000));
    expect((await kept.leave()).is).toBe("finished");
    expect(endOf(await kept.on.events())).toMatchObject({
      outcome: "reverted",
      serves: { slot: "blue", revision: "v1" },
    });
  });

  it("is watched for the whole bake after all when the metrics cannot be read", async () => {
    const kept = new Kept();
    await kept.deployAndLeave();
    kept.away = { code: "TEAL-A101", message: "no answer" };
    await kept.on.clock.sleep(millis(BAKE + LAG));
    const before = kept.on.clock.now();
    expect((await kept.leave()).is).toBe("finished");
    expect(kept.on.clock.now() - before).toBeGreaterThanOrEqual(BAKE);
    const events = await kept.on.events();
    expect(endOf(events).outcome).toBe("done");
    expect(bakes(events).slice(1)).toEqual([
      "again: watched from now on: what users got meanwhile cannot be told: no answer",
      expect.stringMatching(/^next: 60 s: /u),
    ]);
  });

  it("is watched after all when the metrics count nothing where the previous slot had requests", async () => {
    const kept = new Kept();
    kept.uncounted.add("green");
    await kept.deployAndLeave();
    await kept.on.clock.sleep(millis(BAKE + LAG));
    const before = kept.on.clock.now();
    expect((await kept.leave()).is).toBe("finished");
    expect(kept.on.clock.now() - before).toBeGreaterThanOrEqual(BAKE);
    const events = await kept.on.events();
    expect(endOf(events).outcome).toBe("done");
    expect(bakes(events).slice(1)).toEqual([
      expect.stringMatching(
        /^again: watched from now on: no request was counted on green, [\d,]+ on blue before$/u,
      ),
      expect.stringMatching(/^next: 60 s: /u),
    ]);
  });

  it("is watched after all when nothing was counted and the previous slot's requests cannot be told", async () => {
    const kept = new Kept();
    kept.uncounted.add("green");
    kept.unreadable.add("blue");
    await kept.deployAndLeave();
    await kept.on.clock.sleep(millis(BAKE + LAG));
    expect((await kept.leave()).is).toBe("finished");
    expect(bakes(await kept.on.events())[1]).toBe(
      "again: watched from now on: what users got meanwhile cannot be told: no blue",
    );
  });

  it("is done by its checks where nobody asked either slot anything", async () => {
    const kept = new Kept();
    kept.uncounted.add("green").add("blue");
    await kept.deployAndLeave();
    await kept.on.clock.sleep(millis(BAKE + LAG));
    expect((await kept.leave()).is).toBe("finished");
    const events = await kept.on.events();
    expect(endOf(events).outcome).toBe("done");
    expect(bakes(events).slice(1)).toEqual(["next: by its metrics' history: 0 requests, 0 errors"]);
  });

  it("is done where only the previous slot was asked nothing", async () => {
    const kept = new Kept();
    kept.uncounted.add("blue");
    await kept.deployAndLeave();
    await kept.on.clock.sleep(millis(BAKE + LAG));
    expect((await kept.leave()).is).toBe("finished");
    expect(bakes(await kept.on.events()).at(-1)).toMatch(
      /^next: by its metrics' history: [1-9][\d,]* requests, 0 errors$/u,
    );
  });

  it("is watched after all when the previous slot failed its users as well before", async () => {
    const kept = new Kept();
    // Long before the cutover both fail alike: the candidate is not proven to be the worse one.
    kept.on.target.hand.outage(true);
    await kept.on.clock.sleep(millis(90_000));
    kept.on.target.hand.outage(false);
    await kept.deployAndLeave();
    kept.on.target.hand.outage(true);
    await kept.on.clock.sleep(millis(30_000));
    kept.on.target.hand.outage(false);
    await kept.on.clock.sleep(millis(BAKE + LAG));
    expect((await kept.leave()).is).toBe("finished");
    const events = await kept.on.events();
    expect(endOf(events).outcome).toBe("done");
    expect(bakes(events)[1]).toMatch(/^again: watched from now on: errors /u);
  });

  it("turns back at once when a person says so", async () => {
    const kept = new Kept();
    await kept.deployAndLeave();
    await kept.on.ask("abort");
    expect((await kept.leave()).is).toBe("finished");
    expect(endOf(await kept.on.events())).toMatchObject({ outcome: "reverted", serves: { revision: "v1" } });
  });

  it("stays beside its bake where the target keeps no history", async () => {
    const on = new Stage();
    stages.push(on);
    await on.open("v2", "blueGreen", { bake: BAKE });
    expect((await on.advance({ stay: false, leave: true })).is).toBe("finished");
    expect(bakes(await on.events())).toEqual([expect.stringMatching(/^next: 60 s/u)]);
  });
});
