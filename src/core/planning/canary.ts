import type { Step } from "../plan.ts";
import { shareOf } from "../routing.ts";
import { blueGreen, cutover, keepThenRetire, startAndProbe } from "./blue-green.ts";
import type { Frame } from "./frame.ts";
import * as step from "./steps.ts";

/**
 * Growing shares of the traffic, each proven and followed by its gate, before the candidate gets everything. It has
 * its full size before the first share: simple, and a share never outgrows what carries it.
 */
export function canary(frame: Frame): readonly Step[] {
  // Without a slot that serves there is nobody to share with.
  if (!frame.live) return blueGreen(frame);
  const { candidate, strategy } = frame;
  const shares = strategy.shifts.flatMap(({ share, gate }) => [
    ...step.shiftAndConfirm(frame, shareOf(candidate, share), candidate),
    step.gate(gate, `gate-${candidate}-${share}`),
  ]);
  return [
    ...startAndProbe(frame),
    ...step.gates(strategy),
    ...shares,
    ...cutover(frame),
    ...keepThenRetire(frame),
  ];
}
