import type { SizeRule, Step } from "../plan.ts";
import { NOBODY } from "../routing.ts";
import { blueGreen, cutover, keepThenRetire } from "./blue-green.ts";
import type { Frame } from "./frame.ts";
import * as step from "./steps.ts";

/**
 * The previous revision stops before the candidate starts: never two at once, never more replicas than before, and a
 * declared window in which nobody serves, from the shift to nobody until the cutover.
 */
export function recreate(frame: Frame): readonly Step[] {
  if (!frame.live) return blueGreen(frame);
  const { strategy, candidate, other, request } = frame;
  const size: SizeRule = { rule: "fixed", replicas: frame.baseline.slots[other].wanted || request.replicas };
  return [
    ...frame.clearing,
    ...step.gates(strategy),
    ...step.shiftAndConfirm(frame, NOBODY, other),
    ...step.drainAndRetire(strategy, other, "revert"),
    ...(strategy.migrations.expand || strategy.migrations.destructive ? [step.migrate("expand")] : []),
    step.ensure(frame, candidate, request.revision, size),
    step.probe(frame, candidate),
    ...cutover(frame),
    ...keepThenRetire({ ...frame, live: false, otherOccupied: false }),
  ];
}
