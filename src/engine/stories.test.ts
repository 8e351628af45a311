import { afterEach, describe, expect, it } from "vitest";
import type { StrategyKind } from "../core/plan.ts";
import type { JournalEvent } from "../core/journal.ts";
import { millis } from "../core/units.ts";
import type { Probe } from "../ports/probe.ts";
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
    expect(endOf(await on.events())).toMatchObject({
      outcome: "reverted",
      serves: { slot: "blue", revision: "v1" },
    });
    expect(on.truth()).toMatchObject({ serves: "blue", revision: "v1", ready: { blue: 2, green: 0 } });
  });

  it.each(KINDS)("by %s of a revision that fails under traffic goes back by itself", async (kind) => {
    const on = stage({
      behaviour: ({ id }) => (id === "v2" ? "failsUnderTraffic" : "good"),
      shape: { failsAfter: [500, 1_500] },
    });
    await on.open("v2", kind);
    await on.advance();
    expect(endOf(await on.events())).toMatchObject({
      outcome: kind === "recreate" ? "reverted" : "reverted",
      serves: { slot: "blue", revision: "v1" },
    });
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
    expect(endOf(await on.events())).toMatchObject({
      outcome: "reverted",
      serves: { slot: "blue", revision: "v1" },
    });
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
      const late =
        events.findIndex((event) => event.kind === "asked") > events.length - 3 && end.outcome === "done";
      const expected = late ? ["done", "green", "v2"] : ["reverted", "blue", "v1"];
      expect([k, end.outcome, end.serves?.slot, on.truth().revision]).toEqual([
        k,
        expected[0],
        expected[1],
        expected[2],
      ]);
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
      expect([k, endOf(events).outcome, on.truth().revision, on.truth().ready]).toEqual([
        k,
        "done",
        "v2",
        { blue: 0, green: 2 },
      ]);
      expect(isGapless(events)).toBe(true);
    }
  });
});

/** Resolves when an event was appended that the test waits for. */
function when(on: Stage, is: (event: JournalEvent) => boolean): Promise<JournalEvent> {
  return new Promise((resolve) => {
    on.appended = (events) => {
      const found = events.find(is);
      if (found !== undefined) resolve(found);
    };
  });
}
const intended = (call: string) => (event: JournalEvent) =>
  event.kind === "intent" && event.call.call === call;
const verdictOf = (step: string) => (event: JournalEvent) => event.kind === "verdict" && event.of === step;

describe("an abort is heard at once", () => {
  it.each(["ensure", "shift"] as const)("while an %s hangs", async (method) => {
    const on = stage({ faults: (operation) => (operation.method === method && armed ? "hangs" : undefined) });
    let armed = true;
    await on.open("v2");
    const begun = when(on, intended(method));
    const advanced = on.advance();
    const { at } = await begun;
    on.appended = () => undefined;
    await on.clock.sleep(millis(100));
    armed = false;
    await on.ask("abort");
    await advanced;
    const events = await on.events();
    const planned = events.find((event) => event.kind === "replanned");
    expect(endOf(events)).toMatchObject({ outcome: "reverted", serves: { slot: "blue" } });
    // Far less than the call would have been given.
    expect((planned?.at ?? Infinity) - at).toBeLessThan(1_000);
  });

  it("while the checks are asked, at a gate, and in the bake", async () => {
    const approval = { gate: "approval", timeout: millis(3_600_000), otherwise: "proceed" } as const;
    for (const [behaviour, gates, seen] of [
      ["flapping", [], verdictOf("ensure-green")],
      ["good", [approval], verdictOf("gate-1-approval")],
      ["good", [], verdictOf("confirm-green-100")],
    ] as const) {
      const on = stage({ behaviour: ({ id }) => (id === "v2" ? behaviour : "good") });
      await on.open("v2", "blueGreen", { gates, bake: millis(600_000) });
      const there = when(on, seen);
      const advanced = on.advance();
      await there;
      on.appended = () => undefined;
      await on.clock.sleep(millis(50));
      const asked = on.clock.monotonic();
      await on.ask("abort");
      const turned = when(on, (event) => event.kind === "replanned");
      await turned;
      expect(on.clock.monotonic() - asked).toBeLessThan(1_500);
      await advanced;
      expect(on.truth()).toMatchObject({ serves: "blue", revision: "v1" });
    }
  });
});

describe("a process that lets go", () => {
  it("leaves the deployment as it is, whatever it was just looking at", async () => {
    for (let ms = 6_000; ms < 6_300; ms += 10) {
      const on = stage({ shape: { boot: [60_000, 60_000] } });
      await on.open("v2");
      const leave = new AbortController();
      const told = when(on, (event) => event.kind === "outcome");
      const advanced = on.advance({ signal: leave.signal });
      await told;
      await on.clock.sleep(millis(ms));
      leave.abort();
      expect((await advanced).is).toBe("detached");
      expect((await on.events()).map((event) => event.kind)).toEqual([
        "opened",
        "claimed",
        "intent",
        "outcome",
      ]);
    }
  });
});

describe("going back does not wait for the slot that fails", () => {
  it("nor for its observation, when that hangs", async () => {
    let hangs = false;
    const on = stage({
      faults: (operation) =>
        hangs && operation.slot === "green" && operation.port === "slots" ? "hangs" : undefined,
    });
    await on.open("v2", "blueGreen", { bake: millis(600_000) });
    const baking = when(on, verdictOf("confirm-green-100"));
    const advanced = on.advance();
    await baking;
    hangs = true;
    const shifted = when(
      on,
      (event) => event.kind === "intent" && event.dir === "back" && event.call.call === "shift",
    );
    const asked = on.clock.monotonic();
    await on.ask("abort");
    await shifted;
    expect(on.clock.monotonic() - asked).toBeLessThan(2_000);
    hangs = false;
    await advanced;
    expect(endOf(await on.events())).toMatchObject({ outcome: "reverted", serves: { slot: "blue" } });
  });
});

describe("a target that refuses every write on the way back", () => {
  it("is asked ever more seldom, then a person is, who is told who serves", async () => {
    let refuses = false;
    const on = stage({
      faults: (operation) => (refuses && operation.method === "shift" ? "refused" : undefined),
    });
    await on.open("v2", "blueGreen", { bake: millis(600_000) });
    const baking = when(on, verdictOf("confirm-green-100"));
    const advanced = on.advance();
    await baking;
    refuses = true;
    await on.ask("abort");
    await advanced;
    const events = await on.events();
    expect(endOf(events)).toMatchObject({ outcome: "undecided", serves: { slot: "green", revision: "v2" } });
    const tries = events.filter((event) => event.kind === "intent" && event.dir === "back").length;
    expect(tries).toBeGreaterThan(5);
    expect(tries).toBeLessThan(25);
  });
});

describe("a target that refuses one write on the way back and names no time", () => {
  it("is asked again at once, for users wait", async () => {
    const on = stage();
    await on.open("v2", "blueGreen", { bake: millis(600_000) });
    const baking = when(on, verdictOf("confirm-green-100"));
    const { ports } = on.process();
    const { router } = ports.target;
    let refusals = 0;
    const shift: typeof router.shift = (...args) =>
      refusals-- > 0
        ? Promise.resolve({ is: "rejected", cause: { code: "TEAL-T900", message: "500" } })
        : router.shift(...args);
    const refusing = replaced(ports.target, { router: replaced(router, { shift }) });
    const advanced = on.advance({}, { ...ports, target: refusing });
    await baking;
    refusals = 1;
    await on.ask("abort");
    await advanced;
    const events = await on.events();
    expect(endOf(events)).toMatchObject({ outcome: "reverted", serves: { slot: "blue" } });
    const [first, second] = events.filter(
      (event) => event.kind === "intent" && event.dir === "back" && event.call.call === "shift",
    );
    // On the stage's clock: the pause and the calls themselves.
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeLessThan(200);
  });
});

describe("while the store is away", () => {
  it.each(["back", "back, its first answer lost"])(
    "a failing candidate is left all the same, and with the store %s the journal is complete, nothing twice",
    async (then) => {
      let down = false;
      let lose = 0;
      const on = stage({
        behaviour: ({ id }) => (id === "v2" ? "failsUnderTraffic" : "good"),
        shape: { failsAfter: [4_000, 4_500] },
        faultOfStore: (operation) =>
          down ? "unavailable" : operation === "append" && lose-- > 0 ? "lostAnswer" : "ok",
      });
      await on.open("v2", "blueGreen", { bake: millis(60_000) });
      const baking = when(on, verdictOf("confirm-green-100"));
      const advanced = on.advance();
      await baking;
      await on.clock.sleep(millis(2_500));
      down = true;
      await on.clock.sleep(millis(7_000));
      expect(on.truth()).toMatchObject({ serves: "blue", revision: "v1" });
      expect((await on.spool.drain()).length).toBeGreaterThan(2);
      lose = then === "back" ? 0 : 1;
      down = false;
      await advanced;
      const events = await on.events();
      expect(endOf(events)).toMatchObject({ outcome: "reverted", serves: { slot: "blue" } });
      expect(isGapless(events)).toBe(true);
      const intents = events.flatMap((event) => (event.kind === "intent" ? [event.intent] : []));
      expect(new Set(intents).size).toBe(intents.length);
      expect(events.filter((event) => event.kind === "replanned")).toHaveLength(1);
      expect(events.some((event) => event.kind === "intent" && event.spooled === true)).toBe(true);
      expect(await on.spool.drain()).toEqual([]);
    },
  );

  it("nothing goes forward, and nobody waits longer than the lease", async () => {
    let down = false;
    const on = stage({ faultOfStore: () => (down ? "unavailable" : "ok") });
    await on.open("v2", "blueGreen", { bake: millis(3_000) });
    const baking = when(on, verdictOf("confirm-green-100"));
    const advanced = on.advance();
    await baking;
    down = true;
    expect((await advanced).is).toBe("lost");
    expect(on.truth()).toMatchObject({ serves: "green", ready: { blue: 2, green: 2 } });
    down = false;
    await on.advance({ waitLock: millis(60_000) });
    expect(endOf(await on.events()).outcome).toBe("done");
  });

  it("an append that is refused for ever while the heartbeat works does not keep the process for ever", async () => {
    let down = false;
    const on = stage({
      faultOfStore: (operation) => (down && operation === "append" ? "unavailable" : "ok"),
    });
    await on.open("v2", "blueGreen", { bake: millis(3_000) });
    const baking = when(on, verdictOf("confirm-green-100"));
    const advanced = on.advance();
    await baking;
    down = true;
    expect(await advanced).toMatchObject({ is: "lost", cause: { code: "TEAL-S101" } });
  });

  it("what another deployment left in the spool is not taken for this one's", async () => {
    const on = stage();
    const foreign = {
      kind: "verdict",
      dir: "forward",
      of: "bake-green",
      result: "fail",
      then: "back",
      facts: { summary: "" },
      deployment: "d0",
    } as const;
    await on.spool.add(foreign);
    await on.open("v2");
    await on.advance();
    expect(endOf(await on.events()).outcome).toBe("done");
  });

  it("a lost answer of any append changes nothing", async () => {
    const length = await journalLength("blueGreen");
    for (let k = 1; k <= length; k += 1) {
      let appends = 0;
      const on = stage({
        faultOfStore: (operation) => (operation === "append" && ++appends === k ? "lostAnswer" : "ok"),
      });
      await on.open("v2");
      await on.advance();
      const events = await on.events();
      expect([k, endOf(events).outcome]).toEqual([k, "done"]);
      expect(effects(on)).toEqual(["ensure green", "shift", "retire blue"]);
      expect(isGapless(events)).toBe(true);
    }
  });
});

describe("a journal that takes no more", () => {
  it("sends the deployment back and still ends it", async () => {
    const on = stage();
    await on.open("v2", "blueGreen", { bake: millis(60_000) });
    const baking = when(on, verdictOf("confirm-green-100"));
    const { ports } = on.process();
    let full = false;
    const store = {
      ...ports.store,
      append: (...args: Parameters<typeof ports.store.append>) =>
        full
          ? Promise.resolve({ is: "rejected", cause: { code: "TEAL-S111", message: "full" } } as const)
          : ports.store.append(...args),
    };
    const advanced = on.advance({}, { ...ports, store });
    await baking;
    full = true;
    expect((await advanced).is).toBe("finished");
    expect(endOf(await on.events())).toMatchObject({ outcome: "reverted", serves: { slot: "blue" } });
  });
});

describe("two operators", () => {
  it("at once: one advances, the other is told who does", async () => {
    const on = stage();
    await on.open("v2");
    const answers = await Promise.all([on.advance(), on.advance()]);
    expect(answers.map((each) => each.is).toSorted()).toEqual(["busy", "finished"]);
    expect(effects(on)).toEqual(["ensure green", "shift", "retire blue"]);
  });

  it("a process whose lease was taken over writes nothing any more", async () => {
    const on = stage();
    await on.open("v2", "blueGreen", { bake: millis(60_000) });
    const first = on.process();
    const baking = when(on, verdictOf("confirm-green-100"));
    const advanced = on.advance({}, first.ports);
    await baking;
    const second = on.process();
    const taken = on.advance({}, { ...second.ports, isGone: () => "gone" });
    expect(await advanced).toMatchObject({ is: "lost", cause: { code: "TEAL-D130" } });
    const before = (await on.events()).length;
    expect((await taken).is).toBe("finished");
    const events = await on.events();
    expect(events.slice(before).some((event) => event.kind === "intent" && event.fence === 1)).toBe(false);
    expect(endOf(events).outcome).toBe("done");
  });
});

describe("a gate", () => {
  const gate = (otherwise: "proceed" | "revert") => ({
    gates: [{ gate: "approval", timeout: millis(60_000), otherwise }] as const,
  });

  it("lets the deployment on when approved; the lease is free meanwhile", async () => {
    const on = stage();
    await on.open("v2", "blueGreen", gate("revert"));
    expect(await on.advance({ stay: false })).toMatchObject({ is: "waiting" });
    const lease = await on.store.lease({ service: "shop", environment: "production" });
    expect(lease).toMatchObject({ is: "lease", lease: { released: true } });
    await on.ask("promote");
    await on.advance({ stay: false });
    expect(endOf(await on.events()).outcome).toBe("done");
  });

  it.each([
    ["proceed", "done", "v2"],
    ["revert", "reverted", "v1"],
  ] as const)("that nobody answers takes its default answer: %s", async (otherwise, outcome, revision) => {
    for (const stay of [true, false]) {
      const on = stage();
      await on.open("v2", "blueGreen", gate(otherwise));
      const first = await on.advance({ stay });
      if (!stay) {
        expect(first.is).toBe("waiting");
        await on.clock.sleep(millis(60_001));
        await on.advance({ stay });
      }
      expect([endOf(await on.events()).outcome, on.truth().revision]).toEqual([outcome, revision]);
    }
  });
});

describe("drift", () => {
  it("stops, and goes on with what is there once a person accepted it", async () => {
    const on = stage();
    await on.open("v2", "canary");
    const first = when(on, verdictOf("confirm-green-10"));
    const drifted = when(on, (event) => event.kind === "drift");
    const advanced = on.advance();
    await Promise.race([first, on.clock.sleep(millis(8_000))]);
    on.target.hand.shift({ blue: 70, green: 30 });
    await drifted;
    on.appended = () => undefined;
    expect((await on.deployment()).state).toMatchObject({ is: "waiting", for: "drift" });
    await on.ask("acceptDrift");
    await advanced;
    expect(endOf(await on.events())).toMatchObject({ outcome: "done", serves: { revision: "v2" } });
  });

  it("that nobody answers ends undecided, saying who serves", async () => {
    const on = stage();
    await on.open("v2", "blueGreen", { bake: millis(60_000) });
    const baking = when(on, verdictOf("confirm-green-100"));
    const advanced = on.advance();
    await baking;
    on.target.hand.shift({ blue: 70, green: 30 });
    await advanced;
    expect(endOf(await on.events())).toMatchObject({
      outcome: "undecided",
      serves: { weights: { blue: 70, green: 30 } },
    });
  });
});

describe("both slots failing alike", () => {
  it("holds instead of going back, and goes on when the outage is over", async () => {
    const on = stage();
    let out = false;
    const { ports } = on.process();
    const probe: Probe = {
      sample: async (check, of, signal) => {
        const answer = await ports.probe.sample(check, of, signal);
        return out && check.kind === "deep"
          ? { ...answer, result: "fail", expected: "200", actual: "503" }
          : answer;
      },
    };
    await on.open("v2", "blueGreen", { bake: millis(20_000) });
    const baking = when(on, verdictOf("confirm-green-100"));
    const advanced = on.advance({}, { ...ports, probe });
    await baking;
    const held = when(on, verdictOf("guard-checks-green"));
    out = true;
    expect(await held).toMatchObject({ then: "hold", cause: { code: "TEAL-B204" } });
    expect(on.truth().serves).toBe("green");
    await on.clock.sleep(millis(30_000));
    out = false;
    await advanced;
    expect(endOf(await on.events())).toMatchObject({ outcome: "done", serves: { revision: "v2" } });
  });
});

describe("guards beside a wait", () => {
  it("send traffic back when the candidate fails at a gate with its share", async () => {
    const approval = { gate: "approval", timeout: millis(3_600_000), otherwise: "proceed" } as const;
    const on = stage({
      behaviour: ({ id }) => (id === "v2" ? "failsUnderTraffic" : "good"),
      shape: { failsAfter: [3_000, 4_000] },
    });
    await on.open("v2", "canary", { shifts: [{ share: 50, gate: approval }] });
    await on.advance();
    const events = await on.events();
    expect(endOf(events)).toMatchObject({ outcome: "reverted", serves: { slot: "blue" } });
    expect(events.at(-1)?.at).toBeLessThan((events[0]?.at ?? 0) + 60_000);
  });

  it("send traffic back when, of two slots that failed alike, only the one before recovers", async () => {
    const on = stage();
    const out = { blue: false, green: false };
    const { ports } = on.process();
    const probe: Probe = {
      sample: async (check, of, signal) => {
        const answer = await ports.probe.sample(check, of, signal);
        const slot = of.reach.replica.startsWith("blue") ? "blue" : "green";
        return out[slot] && check.kind === "deep"
          ? { ...answer, result: "fail", expected: "200", actual: "503" }
          : answer;
      },
    };
    await on.open("v2", "blueGreen", { bake: millis(20_000) });
    const baking = when(on, verdictOf("confirm-green-100"));
    const advanced = on.advance({}, { ...ports, probe });
    await baking;
    const held = when(on, verdictOf("guard-checks-green"));
    Object.assign(out, { blue: true, green: true });
    expect(await held).toMatchObject({ then: "hold" });
    await on.clock.sleep(millis(10_000));
    out.blue = false;
    await advanced;
    expect(endOf(await on.events())).toMatchObject({
      outcome: "reverted",
      serves: { slot: "blue", revision: "v1" },
    });
  });
});

/** The same with some of its parts replaced; a spread would lose the methods of a class. */
function replaced<T extends object>(whole: T, parts: Partial<T>): T {
  return new Proxy(whole, {
    get: (of, name): unknown => (name in parts ? Reflect.get(parts, name) : Reflect.get(of, name, of)),
  });
}
