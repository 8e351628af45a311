import type { TrafficSeen } from "../core/deciding/moves.ts";
import { currentStep, type Deployment } from "../core/deployment.ts";
import type { Read } from "../core/observed.ts";
import { instant, otherSlot } from "../core/units.ts";
import type { Clock } from "../ports/clock.ts";
import type { MetricHistory } from "../ports/router.ts";
import { CALL_BOUND, boundedRead } from "./ports.ts";

/**
 * What users got from the candidate since it was left alone, at most as long as its bake was to last, and from the
 * previous slot in an equal stretch before that. Undefined where no bake was left alone.
 */
export async function unwatched(
  deployment: Deployment,
  history: MetricHistory,
  clock: Clock,
  signal: AbortSignal,
): Promise<Read<TrafficSeen> | undefined> {
  const step = currentStep(deployment);
  const { state, since } = deployment;
  if (state.is !== "waiting" || state.for !== "history" || step?.do !== "bake") return undefined;
  const stretch = (slot: typeof step.slot, from: number, to: number) =>
    boundedRead(clock, CALL_BOUND, signal, (end) => history.served(slot, instant(from), instant(to), end));
  const [candidate, previous] = await Promise.all([
    stretch(step.slot, since, Math.min(clock.now(), since + step.for)),
    stretch(otherSlot(step.slot), since - step.for, since),
  ]);
  if (candidate.is === "unreadable") return candidate;
  // Whether nothing counted is nothing asked, only the previous slot's counts tell.
  if (candidate.value.requests === 0 && previous.is === "unreadable") return previous;
  // Without them the candidate is held against its limit alone.
  const before = previous.is === "seen" ? previous.value : { requests: 0, failed: 0 };
  return { ...candidate, value: { candidate: candidate.value, previous: before, examples: [] } };
}
