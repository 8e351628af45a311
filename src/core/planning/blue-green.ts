import type { Step } from "../plan.ts";
import { allTo } from "../routing.ts";
import type { Frame } from "./frame.ts";
import * as step from "./steps.ts";

/** The candidate starts beside the live slot at its size, passes its checks, and gets everything in one shift. */
export function blueGreen(frame: Frame): readonly Step[] {
  return [
    ...startAndProbe(frame),
    ...step.gates(frame.strategy),
    ...cutover(frame),
    ...keepThenRetire(frame),
  ];
}

/** Expand, then the candidate at full size beside whatever serves, then its checks. */
export function startAndProbe(frame: Frame): readonly Step[] {
  return [
    ...frame.clearing,
    ...expandFirst(frame),
    step.ensure(frame, frame.candidate, frame.request.revision, frame.size),
    step.probe(frame, frame.candidate),
  ];
}

/** Schema changes that must be there before the candidate starts. */
export function expandFirst(frame: Frame): readonly Step[] {
  const { expand, destructive } = frame.strategy.migrations;
  return expand || destructive ? [step.migrate("expand")] : [];
}

/** All traffic to the candidate, proven and watched. */
export function cutover(frame: Frame): readonly Step[] {
  return [
    ...step.shiftAndConfirm(frame, allTo(frame.candidate), frame.candidate),
    step.bake(frame.strategy, frame.candidate),
  ];
}

/** After the bake: the previous slot stays warm, then goes, and with it what only it needed of the schema. */
export function keepThenRetire(frame: Frame): readonly Step[] {
  const { strategy, other } = frame;
  const keepsWarm = frame.live && strategy.keepWarm > 0;
  return [
    step.restore(),
    ...(keepsWarm ? [step.warm(strategy, other)] : []),
    ...(frame.otherOccupied ? step.drainAndRetire(strategy, other, "stop") : []),
    ...(strategy.migrations.contract ? [step.migrate("contract")] : []),
  ];
}
