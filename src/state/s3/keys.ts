/*
 * What lies where, below `<prefix>/<service>/<environment>/`. Numbers are padded, so that their order is that of the keys.
 */

/** All that decides. */
export const HEAD = "journal.json";
export const LEASE = "lease.json";
/** Chunks of events, by the number of their deployment. */
export const EVENTS = "events/";
/** Pages of history rows. */
export const HISTORY = "history/";

/** The chunks of a deployment. */
export function eventsOf(deployment: number): string {
  return `${EVENTS}${padded(deployment)}/`;
}

/** @param first number of the first event. @param write names the write, so that no key is ever written twice. */
export function chunkKey(deployment: number, first: number, write: string): string {
  return `${eventsOf(deployment)}${padded(first)}-${write}.json`;
}

export function historyKey(page: number): string {
  return `${HISTORY}${padded(page)}.json`;
}

/** The number that a key below `EVENTS` or `HISTORY` begins with. */
export function numberOf(key: string): number {
  return Number(/^[a-z]+\/(\d+)/u.exec(key)?.[1]);
}

function padded(number: number): string {
  return String(number).padStart(8, "0");
}
