import { layout } from "../layout.ts";
import { runAgent } from "./run.ts";

/** `agent <state directory> <service> <environment>`: the background form of `teal agent`. Its output is `agent.log`. */
const [stateDir, service, environment] = process.argv.slice(2);
if (stateDir === undefined || service === undefined || environment === undefined) {
  process.stderr.write("usage: agent <state directory> <service> <environment>\n");
  process.exit(2);
}
process.title = `teal-agent ${layout(stateDir, service, environment).root}`;
process.on("SIGHUP", () => {}); // the terminal it was started from may go away
const say = (line: string) => process.stdout.write(`${new Date().toISOString()} ${line}\n`);
try {
  await runAgent(layout(stateDir, service, environment), say);
  process.exit(0);
} catch (error) {
  say(`agent ended: ${(error as Error).stack ?? String(error)}`);
  process.exit(1);
}
