/**
 * `npm run bench:aws`: what Teal costs and keeps on AWS, on the simulated account (test/aws-sim), so that control plane,
 * load balancer, instances and users share this machine. Lines by name run only those: `npm run bench:aws -- waiting
 * rollback --n 6`. `--full`: a million requests in `switching`, twelve minutes at most, instead of a tenth of that.
 * `--quick`: a few of each, to see that the bench works. `--json`: one object on the output. The command line is the
 * built one (`npm run build`) where there is one.
 */
import { existsSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { TEAL } from "../commands.ts";
import { countCalls } from "./calls.ts";
import { measureRollbacks } from "./rollbacks.ts";
import type { Ground } from "./shop.ts";
import { measureStarting } from "./starting.ts";
import { measureSwitching } from "./switching.ts";
import { table, type Report } from "./table.ts";
import { measureWaiting } from "./waiting.ts";

const LINES = ["waiting", "calls", "rollback", "throttled", "start", "switching"] as const;

const SIZES = {
  quick: { waits: 2, rollbacks: 2, starts: 2, switches: 10, requests: 10_000 },
  usual: { waits: 12, rollbacks: 12, starts: 11, switches: 100, requests: 100_000 },
  full: { waits: 24, rollbacks: 24, starts: 15, switches: 1_000, requests: 1_000_000 },
} as const;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: "boolean", default: false },
    full: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    /** The command line as it stands in the source. */
    source: { type: "boolean", default: false },
    /** How many deployments, rollbacks or switches of each line, instead of the line's own number. */
    n: { type: "string" },
    /** Accounts beside each other in `waiting`, `rollback` and `throttled`. */
    lanes: { type: "string", default: "3" },
    /** Requests per second in `switching`. */
    rate: { type: "string", default: "1600" },
    /** Minutes after which `switching` begins no further switch. */
    minutes: { type: "string", default: "12" },
  },
});
const wrong = positionals.find((name) => !(LINES as readonly string[]).includes(name));
if (wrong !== undefined) {
  console.error(`there is no line "${wrong}"; there are ${LINES.join(", ")}`);
  process.exit(2);
}

const sizes = SIZES[values.quick ? "quick" : values.full ? "full" : "usual"];
const given = values.n === undefined ? undefined : Number(values.n);
const lanes = Number(values.lanes);
const wants = (name: (typeof LINES)[number]) => positionals.length === 0 || positionals.includes(name);
const say = (text: string) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);

const before = loadavg()[0] ?? 0;
const cli = values.source || !existsSync(TEAL.built) ? TEAL.source : TEAL.built;
const machine = `${cpus().length} cores, ${process.platform} ${process.arch}, Node ${process.versions.node}, load average ${before.toFixed(1)} before`;
const which = cli === TEAL.source ? "as it stands in the source" : "built";
if (!values.json) process.stdout.write(`${machine}\ncommand line: ${which}\n`);
const ground: Ground = { cli };
const report: Report = {
  machine,
  cli: which,
  ...(await measured("waiting", () => measureWaiting(ground, { count: given ?? sizes.waits, lanes }))),
  ...(await measured("calls", async () => ({
    address: await countCalls(ground, { reach: "address", ports: [8080] }),
    headerRule: await countCalls(ground, { reach: "headerRule", ports: [8080, 8081] }),
  }))),
  ...(await measured("rollback", () =>
    measureRollbacks(ground, { count: given ?? sizes.rollbacks, lanes, throttled: false }),
  )),
  ...(await measured("throttled", () =>
    measureRollbacks(ground, { count: given ?? sizes.rollbacks, lanes, throttled: true }),
  )),
  ...(await measured("start", () => measureStarting(ground, sizes.starts))),
  ...(await measured("switching", () =>
    measureSwitching(ground, {
      switches: given ?? sizes.switches,
      requests: Math.round((sizes.requests / sizes.switches) * (given ?? sizes.switches)),
      rate: Number(values.rate),
      atMost: Number(values.minutes) * 60_000,
    }),
  )),
};
if (values.json) process.stdout.write(`${JSON.stringify(report)}\n`);

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
