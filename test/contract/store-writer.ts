/**
 * A process that writes to a store and says on its output what was acknowledged, one line each.
 * `node store-writer.ts append <file> <deployment> <writer> <count>`: appends; says the number of each event.
 * `node store-writer.ts cycle <file> <prefix>`: opens, appends and closes deployments without end; says
 * `<deployment> <number of events>`, and `<deployment> closed`.
 * With `STORE_WRITER_UID` it becomes that user once its program is read: where the program lies, that user may not be
 * allowed to read it.
 */
import { writeSync } from "node:fs";
import { deploymentId } from "../../src/core/units.ts";
import { openSqliteStore } from "../../src/state/sqlite/store.ts";
import { KEY, appendMany, note } from "./append-many.ts";
import { CLOSED, FIRST, row } from "./history-fixture.ts";

const [mode, path = "", name = "", writer = "", count] = process.argv.slice(2);
const uid = Number(process.env["STORE_WRITER_UID"] ?? Number.NaN);
if (!Number.isNaN(uid)) {
  process.setgid?.(uid);
  process.setuid?.(uid);
}
const store = openSqliteStore(path);
const say = (line: string) => writeSync(1, `${line}\n`);

if (mode === "append")
  await appendMany(store, deploymentId(name), writer, Number(count), (seq) => say(String(seq)));
if (mode === "cycle") {
  for (let number = 1; ; number += 1) {
    const id = deploymentId(`${name}${number}`);
    const opened = await store.open(KEY, id, note("open"));
    if (opened.is !== "opened") throw new Error(JSON.stringify(opened));
    say(`${id} 1`);
    await appendMany(store, id, name, 5, (seq) => say(`${id} ${seq}`));
    const closed = await store.close(KEY, id, 6, CLOSED, row(id, opened.number), FIRST);
    if (closed.is !== "closed") throw new Error(JSON.stringify(closed));
    say(`${id} closed`);
  }
}
store.dispose();
