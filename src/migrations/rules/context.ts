import type { Change, ChangeOf, Done } from "../reading/changes.ts";
import type { Migration } from "../reading/model.ts";

/** A change with the transaction it runs in: a number per transaction, none where it runs by itself. */
export interface Entry {
  readonly change: Change;
  readonly transaction?: number;
}

/**
 * What is known of a file when a rule looks at one of its changes: all that stands before and after it. A table or
 * column that the file itself makes holds no rows of others and no query of the live version knows it.
 */
export class Context {
  readonly #entries: readonly Entry[];
  readonly #tables = new Set<string>();
  readonly #columns = new Set<string>();
  readonly #proven = new Set<string>();
  /** The columns that constraints of this file say are NOT NULL, validated or not, by table and name. */
  readonly #checks = new Map<string, string>();
  readonly migration: Migration;
  #at = -1;
  #lockTimeout = false;
  #asked = new Set<string>();

  constructor(migration: Migration, entries: readonly Entry[]) {
    this.migration = migration;
    this.#entries = entries;
  }

  /** Goes on to the next change; what the one before it did counts from now on. */
  next(): Change | undefined {
    const before = this.#entries[this.#at]?.change;
    if (before !== undefined) this.#learn(before);
    this.#at += 1;
    return this.#entries[this.#at]?.change;
  }

  /** The file made the table before. */
  isNew(table: string): boolean {
    return this.#tables.has(table);
  }

  isNewColumn(table: string, column: string): boolean {
    return this.isNew(table) || this.#columns.has(`${table} ${column}`);
  }

  /** A validated CHECK or NOT NULL of this file proves that no row lacks a value. */
  isProvenNotNull(table: string, column: string): boolean {
    return this.#proven.has(`${table} ${column}`);
  }

  /** What ran before in this file. */
  before<Is extends Done["is"]>(is: Is): readonly ChangeOf<Is>[] {
    return this.#select(this.#entries.slice(0, this.#at), is);
  }

  /** What runs later in this file. */
  after<Is extends Done["is"]>(is: Is): readonly ChangeOf<Is>[] {
    return this.#select(this.#entries.slice(this.#at + 1), is);
  }

  get inTransaction(): boolean {
    return this.#entries[this.#at]?.transaction !== undefined;
  }

  /** The nearest of what ran before in the same transaction, and so holds its locks until the end of it. */
  earlier(test: (change: Change) => boolean): Change | undefined {
    const transaction = this.#entries[this.#at]?.transaction;
    if (transaction === undefined) return undefined;
    for (let at = this.#at - 1; at >= 0 && this.#entries[at]?.transaction === transaction; at -= 1) {
      const change = this.#entries[at]?.change;
      if (change !== undefined && test(change)) return change;
    }
    return undefined;
  }

  get isLast(): boolean {
    return this.#at === this.#entries.length - 1;
  }

  get hasLockTimeout(): boolean {
    return this.#lockTimeout;
  }

  /** True once per file for each key: for what is worth saying once. */
  once(key: string): boolean {
    if (this.#asked.has(key)) return false;
    this.#asked.add(key);
    return true;
  }

  #select<Is extends Done["is"]>(entries: readonly Entry[], is: Is): readonly ChangeOf<Is>[] {
    return entries.flatMap(({ change }) => (change.is === is ? [change as ChangeOf<Is>] : []));
  }

  #learn(change: Change): void {
    if (change.is === "createTable") this.#tables.add(change.table);
    if (change.is === "addColumn") this.#columns.add(`${change.table} ${change.column.name}`);
    if (change.is === "rename") this.#learnName(change);
    if (change.is === "addConstraint") this.#learnProof(change);
    if (change.is === "validateConstraint" || change.is === "dropConstraint") {
      const column = this.#checks.get(`${change.table} ${change.name}`);
      if (column === undefined) return;
      if (change.is === "dropConstraint") this.#proven.delete(`${change.table} ${column}`);
      else this.#proven.add(`${change.table} ${column}`);
    }
    if (change.is === "setNotNull") this.#proven.add(`${change.table} ${change.column}`);
    if (change.is === "dropNotNull") this.#proven.delete(`${change.table} ${change.column}`);
    if (change.is === "setting" && change.name === "lock_timeout")
      this.#lockTimeout = !/^(?:0|default)$/u.test(change.value);
  }

  #learnName({ what, name, to, table = "" }: ChangeOf<"rename">): void {
    if (what === "table" && this.#tables.has(name)) this.#tables.add(to);
    if (what === "column" && this.#columns.has(`${table} ${name}`)) this.#columns.add(`${table} ${to}`);
  }

  #learnProof({ table, constraint }: ChangeOf<"addConstraint">): void {
    const { kind, columns, notValid, provesNotNull, name = "" } = constraint;
    const column = kind === "notNull" ? columns[0] : provesNotNull;
    if (column === undefined) return;
    this.#checks.set(`${table} ${name}`, column);
    if (!notValid) this.#proven.add(`${table} ${column}`);
  }
}

/** Each change with its transaction: the tool's, or what BEGIN and COMMIT in the file make of it. */
export function withTransactions(migration: Migration, changes: readonly Change[]): readonly Entry[] {
  let transaction: number | undefined = migration.transaction === "one" ? 0 : undefined;
  let count = 0;
  return changes.map((change) => {
    if (change.is === "transaction") {
      if (change.does === "begin" && transaction === undefined) transaction = count += 1;
      if (change.does === "commit" || change.does === "rollback") transaction = undefined;
    }
    return transaction === undefined ? { change } : { change, transaction };
  });
}

/** The table that was there before and that this needs alone (ACCESS EXCLUSIVE), however briefly. */
export function needsTableAlone(change: Change, context: Context): string | undefined {
  return lockedBy(change).find((table) => !context.isNew(table));
}

/** Commands of ALTER TABLE that take ACCESS EXCLUSIVE, as measured. */
const ALONE: ReadonlySet<Change["is"]> = new Set([
  "addColumn",
  "dropColumn",
  "alterType",
  "setNotNull",
  "dropNotNull",
  "dropDefault",
  "setDefault",
  "dropConstraint",
  "enableRowSecurity",
]);

function lockedBy(change: Change): readonly string[] {
  if (change.is === "truncate") return change.tables;
  if (change.is === "drop") return change.what === "table" ? change.names : [];
  if (change.is === "addConstraint") return change.constraint.kind === "foreign" ? [] : [change.table];
  if (change.is === "rename" && change.what === "table") return [change.name];
  if (change.is === "rename" && change.what !== "column") return [];
  return (ALONE.has(change.is) || change.is === "rename") && "table" in change && change.table !== undefined
    ? [change.table]
    : [];
}
