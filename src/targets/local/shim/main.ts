import { runShim } from "./shim.ts";

/** `shim <folder of the replica's life>`: keeps one replica running while the agent comes and goes. */
const folder = process.argv[2];
if (folder === undefined) {
  process.stderr.write("usage: shim <folder>\n");
  process.exit(2);
}
// The terminal that started everything may go away; a replica stays.
process.on("SIGHUP", () => {});
process.on("SIGINT", () => {});
process.title = `teal-shim ${folder}`;
await runShim(folder);
// The timer of SIGKILL, or a pipe that somebody outside the group keeps open, must not hold this process.
process.exit(0);
