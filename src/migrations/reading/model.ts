import type { Node } from "libpg-query";

/** A place in a file: offsets count UTF-16 units from 0, line and column from 1. */
export interface Span {
  readonly offset: number;
  readonly end: number;
  readonly line: number;
  readonly column: number;
}

/** How the tool that owns the file runs it: all in one transaction, each statement by itself, or outside of any. */
export type TransactionMode = "one" | "none" | "perStatement";

/** One statement that PostgreSQL's grammar accepts. */
export interface Statement {
  /** As it stands in the file, without its semicolon and the comments before it. */
  readonly text: string;
  /** Name of the tree's node: `AlterTableStmt`. */
  readonly kind: string;
  readonly tree: Node;
  readonly span: Span;
  /** Offset into the file of a location of the tree, which counts bytes of UTF-8. */
  readonly offsetOf: (location: number) => number;
}

/** `-- teal: acknowledge TEAL-M201 reason`, for the statement it stands at. */
export interface Acknowledgement {
  readonly code: string;
  readonly reason: string;
  readonly span: Span;
  /** Index of the statement in its migration; absent where none follows. */
  readonly statement?: number;
}

/** Something in a file that could not be read as a statement; one of the rules of reading says what it means. */
export interface Problem {
  readonly code: string;
  readonly file: string;
  readonly span: Span;
  /** What exactly, in one line. */
  readonly says: string;
  /** The reason given in the file. */
  readonly acknowledged?: string;
}

/** What one run of a migration tool does with one file, in one direction. */
export interface Migration {
  readonly name: string;
  readonly file: string;
  /** The whole file, to which every offset points. */
  readonly text: string;
  /** Which tool's layout it has. */
  readonly layout: string;
  readonly direction: "up" | "down";
  readonly transaction: TransactionMode;
  readonly statements: readonly Statement[];
  readonly acknowledgements: readonly Acknowledgement[];
}

/** A file as it was found; `path` is what messages name. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** All that was read. Every file is in exactly one of `migrations` (perhaps twice, up and down) and `schemas`. */
export interface Reading {
  readonly migrations: readonly Migration[];
  /** Files that state a whole schema (a dump, `structure.sql`): not linted, but known. */
  readonly schemas: readonly string[];
  readonly problems: readonly Problem[];
}
