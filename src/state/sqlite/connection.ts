import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from "node:sqlite";
import { chmodSync, closeSync, existsSync, fsyncSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { millis } from "../../core/units.ts";
import type { Millis } from "../../core/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Unavailable } from "../../ports/store.ts";
import { StoreFault, causeOf, closedStore, isBusy, replaced, writtenByLater } from "./faults.ts";
import { READ_SCHEMA, SCHEMA, TABLES, WRITE_SCHEMA } from "./statements.ts";

/** SQLite's own wait for a lock stops the whole process, so it is short; longer waits are ours and stop nothing. */
const BLOCKING_WAIT = 4;
const FIRST_PAUSE = 2;
const LONGEST_PAUSE = 20;

export type Row = Record<string, SQLOutputValue>;

/** What a transaction works with. */
export interface Transaction {
  rows(sql: string, ...parameters: readonly SQLInputValue[]): Row[];
  /** Ends the transaction without a trace, with this answer. */
  refuse<T>(answer: T): T;
  refused(): boolean;
}

/**
 * One file, opened when it is first needed. A transaction runs in one piece, so that none of this process interleaves
 * with another; when another process holds the lock it is tried again without blocking, until `waitAtMost` is over.
 */
export class Connection {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #waitAtMost: Millis;
  #open: Opened | undefined;
  /** Which file this is, from the first opening on. */
  #inode: number | undefined;
  #closed = false;

  constructor(path: string, clock: Clock, waitAtMost: Millis) {
    this.#path = path;
    this.#clock = clock;
    this.#waitAtMost = waitAtMost;
  }

  /** Durable when answered, unless the transaction refused. */
  write<T>(act: (transaction: Transaction) => T): Promise<T | Unavailable> {
    return this.#retrying(() => this.#transaction("begin immediate", act));
  }

  /** One consistent look. `absent` when there is no file yet: looking makes none. */
  read<T>(act: (transaction: Transaction) => T, absent: T): Promise<T | Unavailable> {
    return this.#retrying(() => {
      if (this.#inode === undefined && !existsSync(this.#path)) return absent;
      return this.#transaction("begin", act);
    });
  }

  /** Changes whenever another process has written; undefined while nothing can be told. Costs microseconds. */
  dataVersion(): number | undefined {
    try {
      if (this.#closed || !existsSync(this.#path)) return undefined;
      return Number(this.#database().statement("pragma data_version").get()?.["data_version"]);
    } catch {
      // Whatever is wrong: the next read will say it. A wake-up that fails is only a later wake-up.
      return undefined;
    }
  }

  close(): void {
    this.#closed = true;
    this.#drop();
  }

  async #retrying<T>(attempt: () => T): Promise<T | Unavailable> {
    const start = this.#clock.monotonic();
    for (let pause = FIRST_PAUSE; ; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
      try {
        if (this.#closed) throw new StoreFault(closedStore(this.#path));
        return attempt();
      } catch (error) {
        const cause = causeOf(error, this.#path);
        if (cause === undefined) throw error;
        const left = start + this.#waitAtMost - this.#clock.monotonic();
        if (!isBusy(error)) this.#drop();
        if (!isBusy(error) || left <= 0) return { is: "unavailable", cause };
        await this.#clock.sleep(millis(Math.min(pause, left)));
      }
    }
  }

  #transaction<T>(begin: string, act: (transaction: Transaction) => T): T {
    const opened = this.#database();
    const { database } = opened;
    let refused = false;
    database.exec(begin);
    try {
      const answer = act({
        rows: (sql, ...parameters) => opened.statement(sql).all(named(parameters)),
        refuse: (value) => {
          refused = true;
          return value;
        },
        refused: () => refused,
      });
      database.exec(refused ? "rollback" : "commit");
      return answer;
    } catch (error) {
      if (database.isTransaction) database.exec("rollback");
      throw error;
    }
  }

  #database(): Opened {
    // Going on with a file that nobody else can find would acknowledge what is lost; one put in its place may hold
    // lower fences.
    const found = statSync(this.#path, { throwIfNoEntry: false })?.ino;
    if (this.#inode !== undefined && found !== this.#inode) throw new StoreFault(replaced(this.#path));
    this.#open ??= open(this.#path);
    this.#inode ??= statSync(this.#path).ino;
    return this.#open;
  }

  #drop(): void {
    this.#open?.database.close();
    this.#open = undefined;
  }
}

interface Opened {
  readonly database: DatabaseSync;
  statement(sql: string): StatementSync;
}

function open(path: string): Opened {
  createPrivately(path);
  // Not a static import: loading it costs some milliseconds that commands without a store need not spend.
  const sqlite = process.getBuiltinModule("node:sqlite");
  const database = new sqlite.DatabaseSync(path, { timeout: BLOCKING_WAIT });
  try {
    // FULL: an acknowledged transaction survives a loss of power, also in WAL mode. https://sqlite.org/pragma.html
    database.exec("pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on");
    prepareSchema(database, path);
  } catch (error) {
    database.close();
    throw error;
  }
  const statements = new Map<string, StatementSync>();
  const statement = (sql: string) => {
    const known = statements.get(sql) ?? database.prepare(sql);
    statements.set(sql, known);
    return known;
  };
  return { database, statement };
}

/** The file belongs to its user alone; SQLite gives its companions (`-wal`, `-shm`) the same mode. */
function createPrivately(path: string): void {
  if (existsSync(path)) return;
  const folder = dirname(path);
  const made = mkdirSync(folder, { recursive: true, mode: 0o700 });
  closeSync(openSync(path, "a", 0o600));
  chmodSync(path, 0o600);
  for (const each of made === undefined ? [folder] : [folder, dirname(made)]) syncFolder(each);
}

function syncFolder(path: string): void {
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function prepareSchema(database: DatabaseSync, path: string): void {
  const hasTables = () =>
    database.prepare("select 1 from sqlite_master where type = 'table' and name = 'meta'").get() !==
    undefined;
  if (!hasTables()) createTables(database);
  const found = String(database.prepare(READ_SCHEMA).get()?.["value"]);
  if (found !== String(SCHEMA)) throw new StoreFault(writtenByLater(path, found, SCHEMA));
}

/** In one transaction, so that nobody sees half of the tables; whoever comes second creates nothing. */
function createTables(database: DatabaseSync): void {
  database.exec("begin immediate");
  try {
    for (const table of TABLES) database.exec(table);
    database.prepare(WRITE_SCHEMA).run({ 1: String(SCHEMA) });
    database.exec("commit");
  } catch (error) {
    if (database.isTransaction) database.exec("rollback");
    throw error;
  }
}

/** SQLite takes `$1` for a parameter named "1". */
function named(parameters: readonly SQLInputValue[]): Record<string, SQLInputValue> {
  return Object.fromEntries(parameters.map((value, index) => [String(index + 1), value]));
}
