import type { Refusal, Request, Strategy, StrategyKind } from "../plan.ts";
import { NOBODY, sameWeights, type Mode } from "../routing.ts";
import { assertNever } from "../units.ts";
import type { Frame } from "./frame.ts";
import { refused } from "./refused.ts";

/** Whether a router can do what the strategy's shifts ask of it. */
export function canRun(kind: StrategyKind, modes: readonly Mode[]): boolean {
  const oneSlot = modes.includes("switch") || modes.includes("weights");
  switch (kind) {
    case "blueGreen":
      return oneSlot;
    case "canary":
      return modes.includes("weights");
    case "rolling":
      // A pool alone can neither end with the candidate by itself nor take traffic back from it.
      return modes.includes("weights") || (modes.includes("pool") && modes.includes("switch"));
    case "recreate":
      // `none` has no users to lose: its record only says which slot is live.
      return oneSlot || modes.includes("none");
    default:
      return assertNever(kind);
  }
}

/** Strategies that come closest to what each one is chosen for, nearest first. */
const NEAREST: Readonly<Record<StrategyKind, readonly StrategyKind[]>> = {
  blueGreen: ["recreate"],
  canary: ["blueGreen", "rolling", "recreate"],
  rolling: ["blueGreen", "recreate"],
  recreate: ["blueGreen"],
};

/** TEAL-P110: the router lacks what the strategy needs. */
export function wrongMode(kind: StrategyKind, modes: readonly Mode[]): Refusal | undefined {
  if (canRun(kind, modes)) return undefined;
  const nearest = NEAREST[kind].find((each) => canRun(each, modes));
  return refused(
    "TEAL-P110",
    `${kind} needs a router that can do ${NEEDS[kind]}; this one can do ${modes.join(", ") || "nothing"}`,
    nearest === undefined
      ? "Use a router that can switch between the slots; with this one no strategy works."
      : `Use strategy ${nearest}, the nearest that works here.`,
  );
}

const NEEDS: Readonly<Record<StrategyKind, string>> = {
  blueGreen: "switch or weights",
  canary: "weights",
  rolling: "weights, or pool and switch",
  recreate: "switch or weights",
};

/** TEAL-P111: numbers that no plan can be made of. The configuration checks them too; plans are also asked for from code. */
export function wrongNumbers(request: Request): Refusal | undefined {
  const { strategy, replicas } = request;
  const wrong = numberProblem(strategy, replicas);
  if (wrong === undefined) return undefined;
  return refused("TEAL-P111", wrong, "Correct the strategy in teal.yaml; `teal check` shows the line.");
}

function numberProblem(strategy: Strategy, replicas: number): string | undefined {
  if (!isCount(replicas)) return `replicas is ${replicas}; a service needs a whole number of at least 1`;
  if (strategy.kind === "rolling" && !isCount(strategy.batch)) {
    return `the batch is ${strategy.batch}; rolling needs a whole number of at least 1`;
  }
  if (strategy.kind !== "canary") return undefined;
  const shares = strategy.shifts.map((shift) => shift.share);
  const growing = shares.every((share, index) => share > (shares[index - 1] ?? 0) && share < 100);
  return growing
    ? undefined
    : `the canary's shares are ${shares.join(", ")}; they must grow and stay between 0 and 100`;
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 1;
}

/** TEAL-P112: the candidate had to be taken back before. */
export function revertedBefore(request: Request): Refusal {
  return refused(
    "TEAL-P112",
    `${request.revision.id} was live and was taken back`,
    "Fix it and deploy another revision, or repeat this one with --retry-reverted.",
  );
}

/** What depends on both the request and what runs: TEAL-P105 and TEAL-P113. */
export function wrongSituation(frame: Frame): Refusal | undefined {
  const { strategy } = frame;
  const runsBeside =
    frame.otherOccupied && !(strategy.kind === "recreate" && frame.baseline.serving !== frame.candidate);
  if (strategy.migrations.destructive && runsBeside) {
    return refused(
      "TEAL-P113",
      `the migration takes away what the revision on ${frame.other} needs while it still runs`,
      "Split it (teal migrate split), or use strategy recreate, which stops the one before the other starts.",
    );
  }
  const toNobody = frame.clearing.some((step) => step.do === "shift" && sameWeights(step.to, NOBODY));
  if (toNobody && strategy.kind !== "recreate") {
    return refused(
      "TEAL-P105",
      "traffic is shared between the slots and no replica is ready in either, so nobody serves and no slot is free of traffic",
      "Use strategy recreate once: it takes traffic off both slots before it starts anything.",
    );
  }
  return undefined;
}
