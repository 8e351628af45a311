import { afterEach, describe, expect, it } from "vitest";
import type { StrategyKind } from "../core/plan.ts";
import { millis } from "../core/units.ts";
import { Stage, effects, endOf, isGapless, type StageOptions } from "./test-support.ts";

const stages: Stage[] = [];
function stage(options: StageOptions = {}): Stage {
  const made = new Stage(options);
  stages.push(made);
  return made;
}
afterEach(() => {
  for (const each of stages.splice(0)) each.stop();
});

const KINDS: readonly StrategyKind[] = ["blueGreen", "canary", "rolling", "recreate"];

describe("a deployment", () => {
  it.each(KINDS)("by %s brings the candidate live, and the previous slot is gone", async (kind) => {
    const on = stage();
    await on.open("v2", kind);
    expect((await on.advance()).is).toBe("finished");
    const events = await on.events();
    expect(endOf(events)).toMatchObject({ outcome: "done", serves: { slot: "green", revision: "v2" } });
    expect(on.truth()).toMatchObject({ serves: "green", revision: "v2", ready: { blue: 0, green: 2 } });
    expect(isGapless(events)).toBe(true);
  });

  it.each(KINDS)("by %s works where nobody serves yet", async (kind) => {
    const on = stage({ empty: true });
    await on.open("v1", kind);
    await on.advance();
    expect(endOf(await on.events())).toMatchObject({ outcome: "done", serves: { revision: "v1" } });
  });

  it.each(KINDS)("by %s of a revision that fails its checks leaves users where they were", async (kind) => {
    const on = stage({ behaviour: ({ id }) => (id === "v2" ? "failsChecks" : "good") });
    await on.open("v2", kind);
    await on.advance();
    expect(endOf(await on.events())).toMatchObject({ outcome: "reverted", serves: { slot: "blue", revision: "v1" } });
    expect(on.truth()).toMatchObject({ serves: "blue", revision: "v1", ready: { blue: 2, green: 0 } });
  });

  it.each(KINDS)("by %s of a revision that fails under traffic goes back by itself", async (kind) => {
    const on = stage({ behaviour: ({ id }) => (id === "v2" ? "failsUnderTraffic" : "good"), shape: { failsAfter: [500, 1_500] } });
    await on.open("v2", kind);
    await on.advance();
    expect(endOf(await on.events())).toMatchObject({ outcome: kind === "recreate" ? "reverted" : "reverted", serves: { slot: "blue", revision: "v1" } });
    expect(on.truth()).toMatchObject({ serves: "blue", revision: "v1" });
  });

  it("of a first revision that fails leaves nobody, and says so", async () => {
    const on = stage({ empty: true, behaviour: () => "failsChecks" });
    await on.open("v1");
    await on.advance();
    expect(endOf(await on.events())).toMatchObject({ outcome: "reverted", serves: { slot: "nobody" } });
  });
});

describe("warm", () => {
  const kept = { keepWarm: millis(600_000) };

  it("keeps the previous slot until its time is over, and the next command ends it", async () => {
    const on = stage();
    await on.open("v2", "blueGreen", kept);
    expect(await on.advance()).toMatchObject({ is: "warm" });
    expect(on.truth()).toMatchObject({ serves: "green", ready: { blue: 2, green: 2 } });
    expect((await on.advance()).is).toBe("warm");
    await on.clock.sleep(millis(600_000));
    expect((await on.advance()).is).toBe("finished");
    expect(endOf(await on.events()).outcome).toBe("done");
    expect(on.truth().ready).toEqual({ blue: 0, green: 2 });
  });

  it("goes back at once when asked, by one write", async () => {
    const on = stage();
    await on.open("v2", "blueGreen", kept);
    await on.advance();
    const before = effects(on).length;
    await on.ask("abort");
    await on.advance();
    expect(endOf(await on.events())).toMatchObject({ outcome: "reverted", serves: { slot: "blue", revision: "v1" } });
    expect(effects(on).slice(before)).toEqual(["shift", "retire green"]);
  });

  it("ends early when the slot is needed", async () => {
    const on = stage();
    await on.open("v2", "blueGreen", kept);
    await on.advance();
    await on.ask("promote");
    expect((await on.advance()).is).toBe("finished");
    await on.open("v3");
    await on.advance();
    expect(on.truth()).toMatchObject({ serves: "blue", revision: "v3" });
  });
});

/** Every event of an undisturbed run, as something may happen right after each. */
async function journalLength(kind: StrategyKind): Promise<number> {
  const on = stage();
  await on.open("v2", kind);
  await on.advance();
  return (await on.events()).length;
}

describe.each(KINDS)("disturbed at every event of %s", (kind) => {
  it("an abort ends with the baseline serving again, or is too late", async () => {
    const length = await journalLength(kind);
    expect(length).toBeGreaterThan(10);
    for (let k = 1; k < length; k += 1) {
      const on = stage();
      await on.open("v2", kind);
      let asked = false;
      const at = () => {
        asked = true;
        void on.ask("abort");
      };
      on.appended = (events) => (!asked && events.some((event) => event.seq >= k) ? at() : undefined);
      if (k === 1) at();
      await on.advance();
      const events = await on.events();
      const end = endOf(events);
      const late = events.findIndex((event) => event.kind === "asked") > events.length - 3 && end.outcome === "done";
      const expected = late ? ["done", "green", "v2"] : ["reverted", "blue", "v1"];
      expect([k, end.outcome, end.serves?.slot, on.truth().revision]).toEqual([k, expected[0], expected[1], expected[2]]);
      expect(isGapless(events)).toBe(true);
    }
  });

  it("a killed process is replaced by another, which ends as if nothing had happened", async () => {
    const length = await journalLength(kind);
    for (let k = 1; k < length; k += 1) {
      const on = stage();
      await on.open("v2", kind);
      const first = on.process();
      const killed = new Promise<void>((resolve) => {
        on.appended = (events) => {
          if (first.dead() || !events.some((event) => event.seq >= k)) return;
          first.kill();
          resolve();
        };
      });
      await Promise.race([on.advance({}, first.ports), killed]);
      expect((await on.advance({ waitLock: millis(60_000) })).is).toBe("finished");
      const events = await on.events();
      expect([k, endOf(events).outcome, on.truth().revision, on.truth().ready]).toEqual([k, "done", "v2", { blue: 0, green: 2 }]);
      expect(isGapless(events)).toBe(true);
    }
  });
});
