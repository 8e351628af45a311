import { expect, it } from "vitest";
import type { Check, CheckPlan } from "../../src/core/checks.ts";
import type { SlotSpec } from "../../src/core/calls.ts";
import { allTo } from "../../src/core/routing.ts";
import { millis } from "../../src/core/units.ts";
import {
  type MemoryTarget,
  type Operation,
  type Profile,
  createMemoryTarget,
} from "../../src/targets/memory/index.ts";
import { SimClock } from "../simulation/clock.ts";
import { seeded } from "../simulation/random.ts";
import { type Bench, NEVER, seen } from "./contract.ts";
import { migratorContract } from "./migrator.ts";
import { probeContract } from "./probe.ts";
import { routerContract } from "./router.ts";
import { slotProviderContract } from "./slots.ts";

const READY = check("ready", "ready");
const CHECKS: CheckPlan = {
  checks: [READY],
  window: { of: 3, passes: 2, consecutive: 1, interval: millis(200), jitter: 0, deadline: millis(30_000) },
  minHealthy: "all",
  identity: { by: "address" },
};

let seed = 1;

for (const profile of ["atomic", "churn", "loose"] as const) {
  slotProviderContract(`memory (${profile})`, async () => {
    const bench = make(profile, { autoscaler: true });
    return {
      ...bench,
      provider: bench.target.slots,
      revisions: [spec("r1"), spec("r2")],
      neverReady: spec("dead"),
      crash: (slot) => Promise.resolve(bench.target.hand.crash(slot, 0)),
    };
  });
  routerContract(
    `memory (${profile})`,
    async () => {
      const bench = make(profile, {});
      for (const [slot, revision] of [
        ["green", "r2"],
        ["blue", "r1"],
      ] as const) {
        bench.target.hand.install(slot, { id: revision, config: "memory" }, 1);
      }
      await bench.clock.sleep(millis(20_000));
      return { ...bench, router: bench.target.router, traffic: () => bench.clock.sleep(millis(1_000)) };
    },
    {
      skip: {
        "a mode the router does not have is refused":
          "this one has every mode; the one that only switches shows it",
        ...(profile === "loose"
          ? {
              "of two shifts decided on the same version one takes effect":
                "no compare-and-set: both may apply",
            }
          : {}),
      },
    },
  );
  probeContract(`memory (${profile})`, async () => {
    const bench = make(profile, {});
    bench.target.hand.install("blue", { id: "broken", config: "memory" }, 1);
    await bench.clock.sleep(millis(20_000));
    const [reach] = seen(await bench.target.slots.reach("blue", NEVER)).value;
    return {
      ...bench,
      probe: bench.target.probe,
      revision: { id: "broken", config: "memory" },
      identity: { by: "address" },
      reach: reach!,
      passes: READY,
      fails: check("deep", "deep"),
      gone: { ...reach!, incarnation: "blue-9#0@0" },
    };
  });
  migratorContract(`memory (${profile})`, () => {
    const bench = make(profile, {});
    const { ledgers } = bench.target.world;
    return Promise.resolve({
      ...bench,
      migrator: bench.target.migrator,
      ran: async (phase) => {
        await bench.clock.sleep(millis(bench.settle));
        bench.target.world.advance();
        return ledgers.times("default", phase);
      },
    });
  });
}

routerContract(
  "memory (switch only)",
  () => {
    const bench = make("atomic", { modes: ["switch"] });
    bench.target.hand.install("green", { id: "r2", config: "memory" }, 1);
    bench.target.hand.install("blue", { id: "r1", config: "memory" }, 1);
    return Promise.resolve({
      ...bench,
      router: bench.target.router,
      traffic: () => bench.clock.sleep(millis(1_000)),
    });
  },
  {
    skip: {
      "weights divide the traffic": "it only switches",
      "a pool lets both slots share the traffic": "it only switches",
    },
  },
);

it("the contract's fixtures are really loose: a write answered unknown applies late", async () => {
  const bench = make("loose", {});
  bench.fault((operation) => (operation.method === "shift" ? { late: 5_000 } : undefined));
  const router = bench.target.router;
  const by = {
    intent: "i" as never,
    fence: 1 as never,
    deadline: (bench.clock.now() + 10_000) as never,
    signal: NEVER,
  };
  expect((await router.shift(allTo("blue"), "any", by)).is).toBe("unknown");
  expect(bench.target.world.routes.weights).toEqual({ blue: 0, green: 0 });
  await bench.clock.sleep(millis(5_000));
  bench.target.world.advance();
  expect(bench.target.world.routes.weights).toEqual(allTo("blue"));
});

interface MemoryBench extends Bench {
  readonly clock: SimClock;
  readonly target: MemoryTarget;
  readonly cutOff: () => Promise<void>;
  readonly fault: (faults: (operation: Operation) => "fails" | { late: number } | undefined) => void;
}

function make(
  profile: Profile,
  options: { readonly autoscaler?: boolean; readonly modes?: readonly "switch"[] },
): MemoryBench {
  const clock = new SimClock();
  let faults: (operation: Operation) => "fails" | { late: number } | undefined = () => undefined;
  const target = createMemoryTarget({
    profile,
    clock,
    random: seeded(seed++),
    faults: (operation) => faults(operation),
    behaviour: ({ id }) => (id === "dead" ? "neverReady" : id === "broken" ? "failsChecks" : "good"),
    ...(options.modes === undefined ? {} : { modes: options.modes }),
    ...(options.autoscaler === true ? { autoscaler: { min: 1, max: 5, every: [5_000, 20_000] } } : {}),
  });
  return {
    clock,
    target,
    settle: profile === "loose" ? 15_000 : 0,
    patience: 300_000,
    end: () => Promise.resolve(clock.stop()),
    cutOff: () => Promise.resolve((faults = () => "fails")).then(() => undefined),
    fault: (hook) => (faults = hook),
  };
}

function spec(id: string): SlotSpec {
  return { revision: { id, config: "memory" }, replicas: 1, checks: CHECKS };
}

function check(name: string, kind: Check["kind"]): Check {
  return { name, kind, timeout: millis(1_000), ask: "tcp", tcp: {} };
}
