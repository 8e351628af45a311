import type { SizeRule, Step } from "../plan.ts";
import { shareOf } from "../routing.ts";
import { blueGreen, cutover, expandFirst, keepThenRetire } from "./blue-green.ts";
import type { Frame } from "./frame.ts";
import * as step from "./steps.ts";

/**
 * Batches: so many candidate replicas more, traffic by ready share, so many of the previous revision fewer. At most one
 * batch more than the baseline runs at any time. The last batch of the previous revision stays, without traffic,
 * until the bake is over: something ready to go back to.
 */
export function rolling(frame: Frame): readonly Step[] {
  const total = frame.baseline.slots[frame.other].wanted;
  // Nobody serves, or what serves is told to have no replicas (someone is scaling it down): nothing to replace by parts.
  if (!frame.live || total < 1) return blueGreen(frame);
  const sizes = batches(total, frame.strategy.batch);
  return [
    ...frame.clearing,
    ...expandFirst(frame),
    ...sizes.flatMap((done, index) => batch(frame, { done, of: total, first: index === 0 })),
    ...cutover(frame),
    ...keepThenRetire({ ...frame, strategy: { ...frame.strategy, keepWarm: step.NO_TIME } }),
  ];
}

/** How many candidate replicas there are after each batch: 2, 4, 5 for five in batches of two. */
export function batches(total: number, size: number): readonly number[] {
  return Array.from({ length: Math.ceil(total / size) }, (_, index) => Math.min(total, (index + 1) * size));
}

/** One batch. The last one ends before its shift, which is the cutover. */
function batch(
  frame: Frame,
  at: { readonly done: number; readonly of: number; readonly first: boolean },
): readonly Step[] {
  const { candidate, other, request, strategy } = frame;
  const name = `-${at.done}of${at.of}`;
  const last = at.done === at.of;
  const start: readonly Step[] = [
    step.ensure(frame, candidate, request.revision, part(at.done, at.of), name),
    step.probe(frame, candidate, name),
    ...(at.first ? step.gates(strategy) : []),
  ];
  if (last) return start;
  const left = at.of - at.done;
  return [
    ...start,
    ...traffic(frame, at),
    step.retire(strategy, other, part(left, at.of), "revert", `-${left}of${at.of}`),
  ];
}

/** With weights, the candidate's share of the replicas; in a pool, members join by themselves after the first batch. */
function traffic(
  frame: Frame,
  at: { readonly done: number; readonly of: number; readonly first: boolean },
): readonly Step[] {
  if (frame.modes.includes("weights")) {
    // Rounded down: a share that the batch cannot carry would have more replicas started than one batch.
    const share = Math.max(1, Math.floor((100 * at.done) / at.of));
    return step.shiftAndConfirm(frame, shareOf(frame.candidate, share), frame.candidate);
  }
  return at.first ? step.shiftAndConfirm(frame, "pool", frame.candidate) : [];
}

function part(done: number, of: number): SizeRule {
  return { rule: "part", done, of };
}
