import { EVENT_BOUND } from "../core/bounds.ts";
import type { Cause, DeploymentId } from "../core/units.ts";
import type { Key, NotKept } from "../ports/store.ts";

/** What every store answers to what it will never keep, in the same words. */

export function tooLarge(kind: string, size: number): NotKept {
  return notKept(
    "TEAL-S110",
    `An event ("${kind}") of ${size} bytes is too large for the journal (${EVENT_BOUND} at most).`,
  );
}

export function journalFull(id: DeploymentId, size: number, bound: number): NotKept {
  return notKept(
    "TEAL-S111",
    `The journal of ${id} is full: with this event it would have ${size} of ${bound} bytes. Run: teal abort`,
  );
}

export function unknownDeployment(key: Key, id: DeploymentId): NotKept {
  return notKept(
    "TEAL-S112",
    `This store knows no deployment ${id} of ${key.service} in ${key.environment}. Run: teal history`,
  );
}

export function idUsed(id: DeploymentId): NotKept {
  return notKept(
    "TEAL-S113",
    `The deployment id ${id} was used before. Run the command again for a new one.`,
  );
}

function notKept(code: string, message: string): NotKept {
  const cause: Cause = { code, message };
  return { is: "rejected", cause };
}
