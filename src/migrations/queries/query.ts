/** Where a query was found. `source`: a string literal in a program, the last resort. */
export interface Origin {
  readonly from: "sql" | "capture" | "statistics" | "source";
  readonly file: string;
  /** Both from 1. */
  readonly line: number;
  readonly column: number;
  /** The name that sqlc, pgtyped or a capture gives it. */
  readonly name?: string;
}

/** A query as one source has it. */
export interface Found {
  /** As it is prepared: parameters are `$1`, `$2`. */
  readonly text: string;
  readonly origin: Origin;
  readonly calls?: number;
  /** When it was last seen, as the source says it (ISO 8601). */
  readonly seen?: string;
  /** Why its text is not what the server gets. */
  readonly incomplete?: string;
}

/** A query that a revision is known to send: alike ones of all sources are one. */
export interface Query {
  /** Of its shape, the same in every run: PostgreSQL's fingerprint, the names in it and the kinds of its constants. */
  readonly id: string;
  readonly text: string;
  readonly origins: readonly Origin[];
  /** Sum of those origins that count; absent where none does. */
  readonly calls?: number;
  readonly seen?: string;
  /** Why it can never be proven: it does not parse, or is put together at run time. */
  readonly unreadable?: string;
}
