import type { Observed } from "../observed.ts";
import type { Baseline, Plan, Planned, Request, Step } from "../plan.ts";
import type { Mode } from "../routing.ts";
import { assertNever, otherSlot, sameRevision, type Millis } from "../units.ts";
import { baselineOf, isOccupied, isShared, type SeenSlots } from "./baseline.ts";
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
  /** An earlier deployment of this very revision was reverted, and nobody said to try it again. */
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
  if (baseline.serving !== "nobody" && isThere(request, baseline, slots)) return { is: "unchanged", slot: baseline.serving };
  if (input.reverted === true) return revertedBefore(request);
  const frame = frameOf({ request, router, baseline, slots });
  const refusal = wrongMode(request.strategy.kind, router.modes) ?? wrongSituation(frame);
  if (refusal) return refusal;
  return { is: "plan", plan: assemble(frame, stepsOf(frame), input.digest) };
}

/** The revision serves, and nothing runs in the other slot that could get traffic. */
function isThere(request: Request, baseline: Baseline, slots: SeenSlots): boolean {
  if (baseline.serving === "nobody" || request.again === true) return false;
  const other = slots[otherSlot(baseline.serving)];
  const alone = !isShared(baseline) || (baseline.weights === "pool" && !isOccupied(other));
  return alone && sameRevision(slots[baseline.serving].revision, request.revision);
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
