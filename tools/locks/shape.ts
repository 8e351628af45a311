import type { Major } from "../../test/postgres/programs.ts";

/** A statement as a migration writes it, about the relations of tools/locks/fixture.ts. */
export interface Shape {
  readonly sql: string;
  /** Run in the transaction before the statement; may lock nothing. */
  readonly set?: string;
  /** Committed before the statement is measured. */
  readonly before?: string;
  /** The first major that knows the statement's own `before`. */
  readonly since?: Major;
  /** The statement must stand outside a transaction: relations whose locks are looked for, since nothing shows them all. */
  readonly outside?: readonly string[];
}

/** What rules ask for by name. A text is a shape with nothing special about it. */
export type Shapes = Readonly<Record<string, string | Shape>>;
