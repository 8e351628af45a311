import type { SizeRule, Step } from "../plan.ts";
import { NOBODY, sameWeights } from "../routing.ts";
import { blueGreen, cutover, expandFirst, keepThenRetire } from "./blue-green.ts";
import type { Frame } from "./frame.ts";
import * as step from "./steps.ts";

/**
 * The previous revision stops before the candidate starts: never two at once, never more replicas than before, and a
 * declared window in which nobody serves, from the shift to nobody until the cutover.
 */
export function recreate(frame: Frame): readonly Step[] {
  const { strategy, baseline, candidate, other, request } = frame;
  // Nothing to stop first, or the candidate itself serves already and only has to get the rest of the traffic.
  if (!frame.otherOccupied || baseline.serving === candidate) return blueGreen(frame);
  const { wanted } = baseline.slots[other];
  // By then the live slot is gone and cannot be matched any more.
  const size: SizeRule = frame.size.rule === "matchLive" ? { rule: "fixed", replicas: wanted } : frame.size;
  return [
    ...frame.clearing,
    ...step.gates(strategy),
    ...(hasTraffic(frame) ? step.shiftAndConfirm(frame, NOBODY, other) : []),
    ...step.drainAndRetire(strategy, other, "revert"),
    ...expandFirst(frame),
    step.ensure(frame, candidate, request.revision, size),
    step.probe(frame, candidate),
    ...cutover(frame),
    ...keepThenRetire({ ...frame, live: false, otherOccupied: false }),
  ];
}

/** Whether anything gets traffic once the candidate's slot is cleared. */
function hasTraffic(frame: Frame): boolean {
  const cleared = frame.clearing.some((each) => each.do === "shift" && sameWeights(each.to, NOBODY));
  return !cleared && !sameWeights(frame.baseline.weights, NOBODY);
}
