import type { StrategyKind } from "../../src/core/plan.ts";
import type { Profile } from "../../src/targets/memory/index.ts";
import type { Action, Schedule } from "./schedule.ts";

/** A run without faults: r0 serves, ann deploys r1. What a test is about is laid over it. */
export function plain(profile: Profile, seed: number, but: Partial<Schedule> = {}): Schedule {
  return {
    seed,
    profile,
    installed: true,
    replicas: 2,
    modes: ["switch", "weights"],
    autoscaler: false,
    migrations: false,
    longTail: false,
    approval: false,
    keepWarm: 0,
    behaviours: { r0: "good", r1: "good", r2: "good", r3: "good" },
    actions: [deployAt(5_000, "r1")],
    ...but,
  };
}

export function deployAt(
  at: number,
  revision: string,
  strategy: StrategyKind = "blueGreen",
  by: "ann" | "bob" = "ann",
): Action {
  return { at, by, command: { do: "deploy", revision, strategy } };
}
