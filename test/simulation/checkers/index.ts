import type { History, Violation } from "../recording.ts";
import { Timeline } from "../timeline.ts";
import {
  changesNoPlan,
  journalsBeforeItWrites,
  keepsOrder,
  keepsWhatItAcknowledged,
  opensOneAtATime,
  waitsEnd,
} from "./journal.ts";
import {
  contractsOnlyWithoutReturn,
  givesBackWhatItBorrowed,
  saysOnlyWhatIsSo,
  stopsOnlyWhatIsDrained,
} from "./replicas.ts";
import {
  goesBackWithoutWaiting,
  holdsWhenBothFail,
  keepsTheLastReady,
  losesNothingItCouldKeep,
  raisedOnlyWhatPassed,
} from "./traffic.ts";
import { converges, migratesOnce, throwsNothing, writesOnlyWithTheLease } from "./writers.ts";

/** One judge per invariant of the design, by its number, and three promises that have none. */
export const CHECKERS = {
  1: raisedOnlyWhatPassed,
  2: (line: Timeline) => [...keepsTheLastReady(line), ...holdsWhenBothFail(line)],
  3: goesBackWithoutWaiting,
  4: stopsOnlyWhatIsDrained,
  5: contractsOnlyWithoutReturn,
  6: migratesOnce,
  7: writesOnlyWithTheLease,
  8: waitsEnd,
  9: (line: Timeline) => [...keepsWhatItAcknowledged(line), ...saysOnlyWhatIsSo(line)],
  10: opensOneAtATime,
  11: journalsBeforeItWrites,
  12: changesNoPlan,
  13: givesBackWhatItBorrowed,
  14: keepsOrder,
  keeps: losesNothingItCouldKeep,
  converges,
  throws: throwsNothing,
} as const;

/** Everything that is wrong with a run. */
export function judge(history: History): readonly Violation[] {
  const line = new Timeline(history);
  return Object.values(CHECKERS).flatMap((check: (line: Timeline) => readonly Violation[]) => check(line));
}
