import { expect, it } from "vitest";
import type { Replica } from "../core/observed.ts";
import { instant, millis, version } from "../core/units.ts";
import { systemClock } from "../state/system-clock.ts";
import { HealthWatch } from "./health-watch.ts";
import { Stage } from "./test-support.ts";

/** A watch beside the steps on two replicas whose phases the test sets. @returns a round's replicas. */
function beside(proven?: readonly string[]) {
  const phases: Record<string, Replica["phase"]> = {};
  const { ports } = new Stage().process();
  const replicas = (): readonly Replica[] =>
    Object.entries(phases).map(([id, phase]) => ({ id, incarnation: `${id}.0`, phase, restarts: 0 }));
  const seen = { is: "seen", version: version("1"), at: instant(0) } as const;
  const slots: typeof ports.target.slots = {
    ...ports.target.slots,
    observe: async () => ({
      ...seen,
      value: { slot: "green", wanted: 2, settled: true, replicas: replicas() },
    }),
    reach: async () => ({ ...seen, value: [] }),
  };
  const watch = new HealthWatch(
    {
      ...ports,
      // Only pauses end; what bounds an answer never comes.
      clock: { ...systemClock, sleep: (ms) => (ms > 1 ? new Promise(() => {}) : Promise.resolve()) },
      target: { ...ports.target, slots },
    },
    {
      slot: "green",
      revision: { id: "v2", config: "c" },
      plan: {
        checks: [],
        window: { of: 1, passes: 1, consecutive: 1, interval: millis(1), jitter: 0, deadline: millis(1) },
        minHealthy: "all",
        identity: { by: "address" },
      },
      force: [],
      startedOnly: true,
      ...(proven === undefined ? {} : { proven }),
    },
  );
  return async (now: Record<string, Replica["phase"]>) => {
    Object.assign(phases, now);
    return (await watch.round(new AbortController().signal))?.map(({ id }) => id);
  };
}

it("leaves out a replica that never was ready, though the target calls it unready", async () => {
  const judged = beside(["a.0"]);
  expect(await judged({ a: "ready", b: "starting" })).toEqual(["a"]);
  expect(await judged({ b: "unready" })).toEqual(["a"]);
  expect(await judged({ b: "ready" })).toEqual(["a", "b"]);
  expect(await judged({ b: "unready" })).toEqual(["a", "b"]);
});

it("judges one that was proven before this process came, however it is now", async () => {
  expect(await beside(["a.0"])({ a: "unready", b: "exited" })).toEqual(["a", "b"]);
});

it("judges everything that is unready in a slot that nobody proved", async () => {
  expect(await beside()({ a: "unready", b: "starting" })).toEqual(["a"]);
});
