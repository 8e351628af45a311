import type { Wishes } from "../../src/api/connection.ts";
import type { Check, CheckPlan } from "../../src/core/checks.ts";
import type { Gate, Strategy, StrategyKind } from "../../src/core/plan.ts";
import { millis } from "../../src/core/units.ts";
import type { Schedule } from "./schedule.ts";

const CHECKS: CheckPlan = {
  checks: [check("ready", "ready"), check("deep", "deep")],
  window: {
    of: 3,
    passes: 2,
    consecutive: 2,
    interval: millis(500),
    jitter: 0.2,
    deadline: millis(15_000),
  },
  minHealthy: "all",
  identity: { by: "address" },
};

/** What the simulated service is configured with: everything as in a configuration, only with shorter times. */
export function wishesOf(schedule: Schedule): Wishes {
  return {
    strategyFor: (kind = "blueGreen") => strategy(kind, schedule),
    checks: () => Promise.resolve({ is: "checks", plan: CHECKS }),
    replicas: schedule.replicas,
  };
}

function strategy(kind: StrategyKind, schedule: Schedule): Strategy {
  const approval: Gate = {
    gate: "approval",
    timeout: millis(20_000),
    otherwise: schedule.seed % 2 === 0 ? "proceed" : "revert",
  };
  const watch: Gate = { gate: "watch", for: millis(3_000) };
  const { migrations } = schedule;
  return {
    kind,
    gates: schedule.approval ? [approval] : [],
    shifts:
      kind === "canary"
        ? [
            { share: 20, gate: watch },
            { share: 60, gate: schedule.approval ? approval : watch },
          ]
        : [],
    batch: 1 + (schedule.seed % 2),
    bake: millis(5_000),
    keepWarm: millis(schedule.keepWarm),
    drainCap: millis(4_000),
    startDeadline: millis(20_000),
    errors: { share: 0.05, minRequests: 50 },
    freshness: millis(5_000),
    migrations: { expand: migrations, contract: migrations && schedule.seed % 3 !== 1, destructive: false },
  };
}

function check(name: string, kind: Check["kind"]): Check {
  return { name, kind, timeout: millis(1_000), ask: "tcp", tcp: {} };
}
