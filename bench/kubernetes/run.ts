/**
 * `npm run bench:kubernetes`: what Teal costs and keeps on a cluster, on the test cluster (test/cluster), so that control
 * plane, nodes, pods and users share this machine. Takes at most about ten minutes; lines by name run only those:
 * `npm run bench:kubernetes -- cutover rollback --n 12`. `--quick`: a few of each, to see that the bench works. `--json`:
 * one object on the output. The command line is the built one (`npm run build`) where there is one.
 */
import { existsSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { TEAL } from "../commands.ts";
import { startCluster } from "../../test/cluster/cluster.ts";
import { measureCutovers } from "./cutover.ts";
import { countRequests } from "./requests.ts";
import { measureResuming } from "./resuming.ts";
import { measureRollbacks } from "./rollbacks.ts";
import type { Ground } from "./shop.ts";
import { measureStatus } from "./status.ts";
import { measureSwitching } from "./switching.ts";
import { table, type Report } from "./table.ts";

const LINES = ["cutover", "rollback", "switching", "resume", "requests", "status"] as const;

const FULL = { cutovers: 12, rollbacks: 50, switching: 100, resumes: 6, idle: 25, starts: 15 };
const QUICK = { cutovers: 3, rollbacks: 2, switching: 2, resumes: 2, idle: 5, starts: 2 };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    /** The command line as it stands in the source. */
    source: { type: "boolean", default: false },
    /** How many cutovers and rollbacks of each line, instead of the line's own number. */
    n: { type: "string" },
    /** Services beside each other in `rollback` and `switching`. */
    lanes: { type: "string", default: "3" },
    /** Requests per second in `switching`. */
    rate: { type: "string", default: "510" },
    /** Minutes after which `switching` begins no further cutover. */
    minutes: { type: "string", default: "4" },
  },
});
const wrong = positionals.find((name) => !(LINES as readonly string[]).includes(name));
if (wrong !== undefined) {
  console.error(`there is no line "${wrong}"; there are ${LINES.join(", ")}`);
  process.exit(2);
}

const sizes = values.quick ? QUICK : FULL;
const given = values.n === undefined ? undefined : Number(values.n);
const lanes = Number(values.lanes);
const wants = (name: (typeof LINES)[number]) => positionals.length === 0 || positionals.includes(name);
const say = (text: string) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);

const before = loadavg()[0] ?? 0;
const cli = values.source || !existsSync(TEAL.built) ? TEAL.source : TEAL.built;
const machine = `${cpus().length} cores, ${process.platform} ${process.arch}, Node ${process.versions.node}, load average ${before.toFixed(1)} before`;
const which = cli === TEAL.source ? "as it stands in the source" : "built";
if (!values.json) process.stdout.write(`${machine}\ncommand line: ${which}\n`);
const cluster = await startCluster();
const ground: Ground = { cluster, cli };
try {
  const report: Report = {
    machine,
    cli: which,
    ...(await measured("cutover", async () => {
      const count = given ?? sizes.cutovers;
      return {
        ready: await measureCutovers(ground, count, "none"),
        checked: await measureCutovers(ground, count, "one pass"),
      };
    })),
    ...(await measured("requests", () => countRequests(ground, sizes.idle))),
    ...(await measured("status", () => measureStatus(ground, sizes.starts))),
    ...(await measured("resume", () => measureResuming(ground, sizes.resumes))),
    ...(await measured("rollback", async () => {
      const count = given ?? sizes.rollbacks;
      return {
        crashed: await measureRollbacks(ground, { count, lanes, failing: false }),
        failing: await measureRollbacks(ground, { count, lanes, failing: true }),
      };
    })),
    ...(await measured("switching", () =>
      measureSwitching(ground, {
        count: given ?? sizes.switching,
        lanes,
        rate: Number(values.rate),
        atMost: Number(values.minutes) * 60_000,
      }),
    )),
  };
  if (values.json) process.stdout.write(`${JSON.stringify(report)}\n`);
} finally {
  await cluster.stop();
}

async function measured<Name extends (typeof LINES)[number], T>(
  name: Name,
  measure: () => Promise<T>,
): Promise<{ readonly [name in Name]?: T }> {
  if (!wants(name)) return {};
  say(name);
  const line = { [name]: await measure() } as { readonly [name in Name]?: T };
  // At once: whoever interrupts the rest keeps what is done.
  if (!values.json) process.stdout.write(table(line));
  return line;
}
