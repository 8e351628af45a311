import type { Observed } from "../observed.ts";
import type { Baseline, Plan, Planned, Request, Step } from "../plan.ts";
import type { Mode } from "../routing.ts";
import { assertNever, otherSlot, type Millis, type Slot } from "../units.ts";
import { baselineOf, holdsOnly, isOccupied, isShared, type SeenSlots } from "./baseline.ts";
import { blueGreen } from "./blue-green.ts";
import { canary } from "./canary.ts";
import { canonicalJson } from "./canonical.ts";
import { frameOf, type Frame } from "./frame.ts";
import { guardsFor } from "./guards.ts";
import { recreate } from "./recreate.ts";
import { revertedBefore, wrongMode, wrongNumbers, wrongSituation } from "./refusals.ts";
import { rolling } from "./rolling.ts";

export interface PlanInput {
  readonly request: Request;
  readonly observed: Observed;
  readonly router: { readonly modes: readonly Mode[]; readonly propagation: Millis | "unknown" };
  /** A hash of the text; the core brings none of its own. */
  readonly digest: (canonicalJson: string) => string;
  /** An earlier deployment of this very revision was reverted, and nobody said to try it again. A rollback may. */
  readonly reverted?: boolean;
}

/**
 * What to do, decided before anything acts: a plan, `unchanged` when the revision serves already and nothing else has
 * traffic, or a refusal with its cause (TEAL-P101 to P113) and what would work. Equal inputs give equal plans.
 */
export function plan(input: PlanInput): Planned {
  const { request, router } = input;
  const wrong = wrongNumbers(request);
  if (wrong) return wrong;
  const found = baselineOf(input.observed, request.live);
  if (found.is === "refused") return found;
  const { baseline, slots } = found;
  const there = slotItServesFrom(request, baseline, slots);
  if (there !== undefined) return { is: "unchanged", slot: there };
  if (input.reverted === true && request.rollback !== true) return revertedBefore(request);
  const frame = frameOf({ request, router, baseline, slots });
  const refusal = wrongMode(request.strategy.kind, router.modes) ?? wrongSituation(frame);
  if (refusal) return refusal;
  return { is: "plan", plan: assemble(frame, stepsOf(frame), input.digest) };
}

/** The revision serves already, and nothing in the other slot could get traffic. */
function slotItServesFrom(request: Request, baseline: Baseline, slots: SeenSlots): Slot | undefined {
  const { serving, weights } = baseline;
  if (serving === "nobody" || request.again === true) return undefined;
  const alone = !isShared(baseline) || (weights === "pool" && !isOccupied(slots[otherSlot(serving)]));
  return alone && holdsOnly(slots[serving], request.revision) ? serving : undefined;
}

function stepsOf(frame: Frame): readonly Step[] {
  const { kind } = frame.strategy;
  switch (kind) {
    case "blueGreen":
      return blueGreen(frame);
    case "canary":
      return canary(frame);
    case "rolling":
      return rolling(frame);
    case "recreate":
      return recreate(frame);
    default:
      return assertNever(kind);
  }
}

function assemble(frame: Frame, steps: readonly Step[], digest: PlanInput["digest"]): Plan {
  const pointOfNoReturn = noReturn(frame, steps);
  const content: Omit<Plan, "digest"> = {
    schema: 1,
    request: frame.request,
    candidate: { slot: frame.candidate, revision: frame.request.revision },
    baseline: frame.baseline,
    steps,
    guards: guardsFor(frame.candidate, steps),
    ...(pointOfNoReturn === undefined ? {} : { pointOfNoReturn }),
  };
  return { ...content, digest: digest(canonicalJson(content)) };
}

/** Whether a plan still says what was planned: its digest is the one of its content. */
export function isIntact(given: Plan, digest: PlanInput["digest"]): boolean {
  const { digest: claimed, ...content } = given;
  return digest(canonicalJson(content)) === claimed;
}

/** Contract takes away what the previous revision needs; a destructive migration does so before the candidate starts. */
function noReturn(frame: Frame, steps: readonly Step[]): string | undefined {
  const phase = frame.live && frame.strategy.migrations.destructive ? "expand" : "contract";
  return steps.find((step) => step.do === "migrate" && step.phase === phase)?.id;
}
