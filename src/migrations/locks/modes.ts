/**
 * PostgreSQL's table locks: https://www.postgresql.org/docs/current/explicit-locking.html, section 13.3.1 and its table
 * 13.2 of conflicts. Both are the same from version 12 to 18.
 */

/** From the weakest to the strongest, as the table of conflicts has them; the names of LOCK TABLE. */
export const LOCK_MODES = [
  "ACCESS SHARE",
  "ROW SHARE",
  "ROW EXCLUSIVE",
  "SHARE UPDATE EXCLUSIVE",
  "SHARE",
  "SHARE ROW EXCLUSIVE",
  "EXCLUSIVE",
  "ACCESS EXCLUSIVE",
] as const;

export type LockMode = (typeof LOCK_MODES)[number];

/** What each mode cannot be held beside, in another transaction. */
const CONFLICTS: Readonly<Record<LockMode, readonly LockMode[]>> = {
  "ACCESS SHARE": LOCK_MODES.slice(7),
  "ROW SHARE": LOCK_MODES.slice(6),
  "ROW EXCLUSIVE": LOCK_MODES.slice(4),
  "SHARE UPDATE EXCLUSIVE": LOCK_MODES.slice(3),
  SHARE: ["ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE", ...LOCK_MODES.slice(5)],
  "SHARE ROW EXCLUSIVE": LOCK_MODES.slice(2),
  EXCLUSIVE: LOCK_MODES.slice(1),
  "ACCESS EXCLUSIVE": LOCK_MODES,
};

/** Whether two transactions cannot hold these at the same time. */
export function conflict(one: LockMode, other: LockMode): boolean {
  return CONFLICTS[one].includes(other);
}

/** What an application or a neighbour does to a table, by the lock it needs. */
const USES = {
  reads: "ACCESS SHARE",
  "row locks": "ROW SHARE",
  writes: "ROW EXCLUSIVE",
  maintenance: "SHARE UPDATE EXCLUSIVE",
} as const satisfies Record<string, LockMode>;

/**
 * reads: SELECT, COPY TO · row locks: SELECT FOR UPDATE and its kin, foreign key checks · writes: INSERT, UPDATE,
 * DELETE, MERGE, COPY FROM · maintenance: VACUUM, ANALYZE, CREATE INDEX CONCURRENTLY.
 */
export type Use = keyof typeof USES;

/** Who has to wait while a transaction holds this lock. */
export function blocks(mode: LockMode): readonly Use[] {
  return (Object.keys(USES) as Use[]).filter((use) => conflict(mode, USES[use]));
}

/** The stronger of two, in the order of LOCK_MODES. */
export function stronger(one: LockMode, other: LockMode): LockMode {
  return LOCK_MODES.indexOf(one) > LOCK_MODES.indexOf(other) ? one : other;
}
