import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { MAJORS, whatPostgresLacks } from "../test/postgres/programs.ts";
import { startPostgres } from "../test/postgres/server.ts";
import { measure, releaseOf } from "./locks/native.ts";
import { lockPage } from "./locks/page.ts";
import { SHAPES } from "./locks/shapes/index.ts";
import { printTable, tableOf, type Measurement } from "./locks/table.ts";

/**
 * Measures what every statement of `tools/locks/shapes` locks, writes again and reads on a real server of every major
 * version, and writes the table that the rules read, and its page: `src/migrations/locks/table.json`, `docs/locks.md`.
 */

const ROOT = join(import.meta.dirname, "..");

const lacking = whatPostgresLacks();
if (lacking !== undefined) {
  console.error(`locks: no server of PostgreSQL can run on this machine: ${lacking}`);
  process.exit(1);
}

const measurements: Measurement[] = [];
for (const major of MAJORS) {
  const server = await startPostgres(major, console.error);
  try {
    const release = await releaseOf(server);
    const began = performance.now();
    const effects = await measure(server);
    const seconds = Math.round((performance.now() - began) / 1000);
    console.log(`PostgreSQL ${release}: ${effects.size} statements in ${seconds} s`);
    measurements.push({ major, release, effects });
  } finally {
    await server.stop();
  }
}
const table = tableOf(SHAPES, measurements);
writeFileSync(join(ROOT, "src/migrations/locks/table.json"), printTable(table));
writeFileSync(join(ROOT, "docs/locks.md"), lockPage(table));
