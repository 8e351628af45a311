import type { Read } from "../core/observed.ts";
import type { By, Expect, Write } from "./write.ts";

export interface MigrationState {
  /** Phases that the migration ledger shows as applied. */
  readonly applied: readonly ("expand" | "contract")[];
  /** The live revision's queries were re-checked against the schema after contract. Anything but `clean` is not safe. */
  readonly rehearsal: "clean" | "breaks" | "unproven";
}

/** Applies a deployment's schema changes, once each, by a ledger of its own inside the database. */
export interface Migrator {
  observe(signal: AbortSignal): Promise<Read<MigrationState>>;
  migrate(phase: "expand" | "contract", expect: Expect, by: By): Promise<Write<MigrationState>>;
}
