import type { StrategyKind } from "../../src/core/plan.ts";
import type { Mode } from "../../src/core/routing.ts";
import type { Slot } from "../../src/core/units.ts";
import type { Behaviour, Fault, Profile } from "../../src/targets/memory/index.ts";
import { between, pick, seeded } from "./random.ts";

/** What people type. Each command is a process of its own on the operator's machine. */
export type Command =
  | { readonly do: "deploy"; readonly revision: string; readonly strategy: StrategyKind }
  | { readonly do: "abort" | "promote" | "rollback" | "resume" | "acceptDrift" };

export type Operator = "ann" | "bob";

/** Something that happens to a run. Times are simulated ms from its start. */
export type Action =
  | { readonly at: number; readonly by: Operator; readonly command: Command }
  /** The process whose `n`-th write (to target, store or spool; counted over the run) this is dies around it. */
  | { readonly atWrite: number; readonly dies: "before" | "inTransit" | "after" }
  /** The processes stand still, then go on as if nothing had been. */
  | { readonly at: number; readonly pauses: number }
  | { readonly at: number; readonly kills: Operator }
  | { readonly at: number; readonly storeDown: number }
  | { readonly at: number; readonly storeLosesAnswers: number }
  | { readonly at: number; readonly unreadable: "router" | Slot | "migrator"; readonly for: number }
  | { readonly at: number; readonly refuses: "router" | "slots"; readonly for: number }
  /** The `n`-th write to the target goes wrong on the wire. */
  | { readonly targetWrite: number; readonly fault: Exclude<Fault, "fails" | "hangs"> }
  | { readonly at: number; readonly drifts: "traffic" | "size" | "revision" }
  | { readonly at: number; readonly crashes: Slot; readonly all: boolean }
  /** What both slots need is down for so long. */
  | { readonly at: number; readonly outage: number }
  | { readonly at: number; readonly clockJumps: number }
  | { readonly at: number; readonly rehearsal: "breaks" | "clean" };

/** Everything that decides a run, besides the code. */
export interface Schedule {
  readonly seed: number;
  readonly profile: Profile;
  /** Something serves before the first command. */
  readonly installed: boolean;
  readonly replicas: number;
  readonly modes: readonly Mode[];
  readonly autoscaler: boolean;
  readonly migrations: boolean;
  /** Requests in flight may outlast the drain cap. */
  readonly longTail: boolean;
  readonly approval: boolean;
  readonly keepWarm: number;
  readonly behaviours: Readonly<Record<string, Behaviour>>;
  readonly actions: readonly Action[];
}

/** Faults stop here; from then on a run has to come to its end. */
export const HORIZON = 90_000;
export const PROFILES = ["atomic", "churn", "loose"] as const satisfies readonly Profile[];
export const REVISIONS = ["r1", "r2", "r3"] as const;

const STRATEGIES: readonly StrategyKind[] = [
  "blueGreen",
  "blueGreen",
  "canary",
  "canary",
  "rolling",
  "recreate",
];
const BEHAVIOURS: readonly Behaviour[] = [
  "good",
  "good",
  "good",
  "good",
  "good",
  "good",
  "good",
  "good",
  "neverReady",
  "crashLoop",
  "failsChecks",
  "failsUnderTraffic",
  "flapping",
];

/** The run that a seed stands for. */
export function scheduleOf(seed: number, profile: Profile = PROFILES[seed % 3]!): Schedule {
  const random = seeded(seed * 2_654_435_761 + 97);
  const chance = (share: number) => random() < share;
  const behaviours = Object.fromEntries(REVISIONS.map((revision) => [revision, pick(random, BEHAVIOURS)]));
  const people = commands(random);
  const faults = Array.from({ length: between(random, 0, 8) }, () => anyFault(random));
  return {
    seed,
    profile,
    installed: chance(0.85),
    replicas: between(random, 1, 4),
    modes: pick(random, [
      ["switch", "weights"],
      ["switch", "weights"],
      ["switch", "weights", "pool"],
      ["switch", "pool"],
      ["switch"],
    ] as const),
    autoscaler: chance(0.4),
    migrations: chance(0.4),
    longTail: chance(0.2),
    approval: chance(0.2),
    keepWarm: chance(0.5) ? 15_000 : 0,
    behaviours: { r0: "good", ...behaviours },
    actions: [...people, ...faults],
  };
}

/** One deployment at least; often a second operator, who does something else at the same time. */
function commands(random: () => number): Action[] {
  const first: Action = { at: between(random, 4_100, 6_000), by: "ann", command: deploy(random) };
  const more = Array.from({ length: between(random, 0, 4) }, (): Action => {
    const command = pick<() => Command>(random, [
      () => deploy(random),
      () => ({ do: "abort" }),
      () => ({ do: "rollback" }),
      () => ({ do: "promote" }),
      () => ({ do: "resume" }),
      () => ({ do: "acceptDrift" }),
    ])();
    return {
      at: between(random, 4_500, HORIZON - 10_000),
      by: pick(random, ["ann", "bob"] as const),
      command,
    };
  });
  return [first, ...more];
}

function deploy(random: () => number): Command {
  return { do: "deploy", revision: pick(random, REVISIONS), strategy: pick(random, STRATEGIES) };
}

function anyFault(random: () => number): Action {
  const at = between(random, 4_500, HORIZON - 25_000);
  const short = between(random, 300, 20_000);
  const slot = pick(random, ["blue", "green"] as const);
  return pick<() => Action>(random, [
    () => ({
      atWrite: between(random, 1, 60),
      dies: pick(random, ["before", "inTransit", "after"] as const),
    }),
    () => ({
      atWrite: between(random, 1, 60),
      dies: pick(random, ["before", "inTransit", "after"] as const),
    }),
    () => ({ at, pauses: between(random, 1_000, 25_000) }),
    () => ({ at, kills: pick(random, ["ann", "bob"] as const) }),
    () => ({ at, storeDown: short }),
    () => ({ at, storeLosesAnswers: short }),
    () => ({ at, unreadable: pick(random, ["router", "blue", "green", "migrator"] as const), for: short }),
    () => ({ at, refuses: pick(random, ["router", "slots"] as const), for: short }),
    () => ({ targetWrite: between(random, 1, 25), fault: wire(random) }),
    () => ({ targetWrite: between(random, 1, 25), fault: wire(random) }),
    () => ({ at, drifts: pick(random, ["traffic", "size", "revision"] as const) }),
    () => ({ at, crashes: slot, all: random() < 0.4 }),
    () => ({ at, outage: between(random, 2_000, 20_000) }),
    () => ({ at, clockJumps: between(random, -600_000, 600_000) }),
    () => ({ at, rehearsal: pick(random, ["breaks", "clean"] as const) }),
  ])();
}

function wire(random: () => number): Exclude<Fault, "fails" | "hangs"> {
  return pick<() => Exclude<Fault, "fails" | "hangs">>(random, [
    () => "refused",
    () => "lostRequest",
    () => "lostAnswer",
    () => ({ late: between(random, 50, 4_900) }),
    () => ({ twice: between(random, 5, 3_000) }),
  ])();
}

/** One line a person can read. */
export function describe(action: Action): string {
  const { at, ...rest } = { at: undefined as number | undefined, ...action };
  if ("command" in action) return `${action.at} ms: ${action.by} ${Object.values(action.command).join(" ")}`;
  return `${at === undefined ? "" : `${at} ms: `}${JSON.stringify(rest)}`;
}
