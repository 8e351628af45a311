/** What PostgreSQL says when it refuses something. */
export interface ServerError {
  /** SQLSTATE, five characters. */
  readonly code: string;
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
}

export interface Column {
  readonly name: string;
  readonly type: number;
}

/** What the server tells of a prepared statement; types are oids of `pg_type`. */
export type Description =
  | { readonly is: "described"; readonly parameters: readonly number[]; readonly columns: readonly Column[] }
  | { readonly is: "refused"; readonly error: ServerError };

export interface Engine {
  readonly name: "pglite";
  /** Of the package; snapshots of another one cannot be read. */
  readonly version: string;
  /** PostgreSQL's own, `18.6`. */
  readonly server: string;
}

/** A database without rows that a migration may be tried on. One connection, so it says nothing of lock contention. */
export interface Shadow {
  readonly engine: Engine;
  /** Runs scripts one by one, each by itself; undefined where the server accepted it. */
  run(scripts: readonly string[]): Promise<readonly (ServerError | undefined)[]>;
  /** Rows of a query of ours: throws where the server refuses it. */
  rows<Row>(sql: string): Promise<readonly Row[]>;
  /** Prepares each text under its name, or anew each time under the empty name, and describes it. */
  prepare(
    statements: readonly { readonly name: string; readonly text: string }[],
  ): Promise<readonly Description[]>;
  /** Describes statements that were prepared before, as a driver's next use of them would meet the server. */
  describe(names: readonly string[]): Promise<readonly Description[]>;
  /** The whole database as bytes that `start` takes. */
  dump(): Promise<Uint8Array>;
  close(): Promise<void>;
}
