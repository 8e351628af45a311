import type { MigrationState, Migrator } from "../../ports/migrator.ts";
import type { Write } from "../../ports/write.ts";
import { readOver, writeOver, writerOf } from "./wire.ts";
import type { World } from "./world.ts";

/** Applies the schema changes called `changes`. Its ledger and its statements are one transaction: a phase runs once. */
export function memoryMigrator(world: World, changes: string): Migrator {
  const { ledgers } = world;
  return {
    observe: (signal) =>
      readOver(world, { port: "migrator", method: "observe", kind: "read" }, signal, () => ({
        value: ledgers.state(changes),
        version: ledgers.version(changes),
      })),
    migrate: (phase, expect, by) =>
      writeOver(
        world,
        { port: "migrator", method: "migrate", kind: "write", call: { call: "migrate", phase } },
        by,
        (): Write<MigrationState> => {
          const seen = ledgers.state(changes);
          if (seen.applied.includes(phase)) return { is: "unchanged", seen };
          if (expect !== "any" && expect !== ledgers.version(changes)) return { is: "conflict", seen };
          ledgers.run(changes, phase, writerOf(by));
          return { is: "applied", seen: ledgers.state(changes) };
        },
      ),
  };
}
