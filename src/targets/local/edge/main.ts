import { readJson } from "../files.ts";
import { layoutAt } from "../layout.ts";
import type { ServiceFile } from "../protocol.ts";
import { Duty } from "./duty.ts";

/**
 * The data plane of one service, a child of its holder: `main <folder>`. The holder's words come as messages:
 * `serve` (take over the control and the listening sockets) and `drain` (let go of both, finish what is in flight).
 */
const [, , folder] = process.argv;
if (folder === undefined || process.send === undefined) {
  console.error("TEAL-E101 the edge is started by its holder, and that by: teal agent");
  process.exit(2);
}
const layout = layoutAt(folder);
let duty: Duty | undefined;
let replaced = false;

process.on("message", (message) => {
  if (message === "serve") run(serve);
  else if (message === "drain") run(async () => duty?.drain());
});
process.on("SIGTERM", () => run(async () => (duty === undefined ? process.exit(0) : duty.end())));
// A holder that was killed: the sockets live on in this process, and it makes them a new holder.
process.on("disconnect", () => run(async () => duty?.orphaned()));
process.on("uncaughtException", (error) => {
  console.error("edge: replaced after", error);
  // Nobody can say what state this process is in; the connections it has are better finished than cut all the same.
  if (duty === undefined) process.exit(1);
  if (!replaced) process.send?.("replace");
  replaced = true;
});
process.send("loaded");

async function serve(): Promise<void> {
  const service = readJson<ServiceFile>(layout.serviceFile);
  if (service === undefined)
    throw new Error(`TEAL-E104 ${layout.serviceFile} is missing: the edge does not know its policies`);
  duty = new Duty(layout, service);
  await duty.begin();
}

function run(task: () => Promise<void>): void {
  task().catch((error: unknown) => {
    console.error(error instanceof Error && error.message.startsWith("TEAL-") ? error.message : error);
    process.exit(1);
  });
}
