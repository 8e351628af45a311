/** A process that adds to a spool without end and writes a line for each addition: `node spool-writer.ts <file>`. */
import { writeSync } from "node:fs";
import { fileSpool } from "../../src/state/spool.ts";
import { note } from "./append-many.ts";

const spool = fileSpool(process.argv[2] ?? "", () => undefined);
for (let index = 0; ; index += 1) {
  await spool.add(note(String(index)));
  writeSync(1, `${index}\n`);
}
