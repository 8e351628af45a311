import type { LockMode } from "./modes.ts";
import measured from "./table.json" with { type: "json" };

/** What a relation is to a statement. */
export type Role =
  /** The table that the statement names, or that uses the type or domain it names. */
  | "table"
  /** An index of any of the tables, that was there before. */
  | "index"
  /** The table that a foreign key points to. */
  | "referenced"
  /** A partitioned table, or one that others inherit from. */
  | "parent"
  /** A partition that is there before the statement, or an heir. */
  | "child"
  /** The default partition. */
  | "default"
  /** The table that becomes a partition. */
  | "attached"
  | "view"
  | "materialized"
  | "sequence";

/** What a server did with a statement. */
export interface Effect {
  /** SQLSTATE of its refusal; nothing else is known then. Absent: the statement was run. */
  readonly error?: string;
  /** The strongest lock on relations of each role that were there before, held until the transaction ends. */
  readonly locks?: Readonly<Partial<Record<Role, LockMode>>>;
  /** Whose rows or entries are written again, into another file. */
  readonly rewrites?: readonly Role[];
  /** Whose rows are all read, under the lock. */
  readonly scans?: readonly Role[];
  /** SQLSTATE of the refusal inside a transaction. Its locks are those asked for, by all its own transactions. */
  readonly inTransaction?: string;
  /** Waits for the end of every transaction that holds this lock, or a stronger one. */
  readonly waits?: Readonly<Partial<Record<Role, LockMode>>>;
}

/** The same on each of these major versions. */
export interface Measured extends Effect {
  readonly from: number;
  readonly to: number;
}

export interface MeasuredShape {
  readonly sql: string;
  /** Settings of the session that decide, where there are any. */
  readonly set?: string;
  /** What was done to the schema before. */
  readonly before?: string;
  /** Ascending, without overlaps. */
  readonly versions: readonly Measured[];
}

/** What `npm run locks` writes. */
export interface LockTable {
  /** The release that was measured, for each major. */
  readonly releases: Readonly<Record<string, string>>;
  readonly shapes: Readonly<Record<string, MeasuredShape>>;
}

/** Names of the measured statements, such as `add-column-default-constant`. */
export type ShapeId = keyof typeof measured.shapes;

export const LOCK_TABLE: LockTable = measured as LockTable;

/** A statement by its name, as it was measured. */
export function shapeOf(id: ShapeId): MeasuredShape {
  const shape = LOCK_TABLE.shapes[id];
  if (shape === undefined) throw new Error(`src/migrations/locks/table.json has no shape ${id}`);
  return shape;
}

/**
 * What a statement does on the major versions between two, both included. More than one answer: it depends on the
 * version. None: no such version was measured.
 */
export function effectsOf(id: ShapeId, from: number, to: number): readonly Measured[] {
  return shapeOf(id)
    .versions.filter((range) => range.from <= to && range.to >= from)
    .map((range) => ({ ...range, from: Math.max(range.from, from), to: Math.min(range.to, to) }));
}
