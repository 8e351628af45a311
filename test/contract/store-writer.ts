/**
 * A process that appends to a deployment and writes each acknowledged number to its output:
 * `node store-writer.ts <file> <deployment> <writer> <count>`.
 */
import { writeSync } from "node:fs";
import { deploymentId } from "../../src/core/units.ts";
import { openSqliteStore } from "../../src/state/sqlite/store.ts";
import { appendMany } from "./append-many.ts";

const [path, id, writer, count] = process.argv.slice(2);
if (path === undefined || id === undefined || writer === undefined) throw new Error("arguments are missing");
const store = openSqliteStore(path);
await appendMany(store, deploymentId(id), writer, Number(count), (seq) => writeSync(1, `${seq}\n`));
store.dispose();
