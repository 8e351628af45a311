/**
 * `npm run bench`: what Teal costs, measured on this machine in this very run and told as ratios, since absolute numbers
 * of one machine say little about another. Needs the built command line for its part (`npm run build`). `--json`: one
 * object on the output. `--quick`: a few of each, the command line as it stands in the source; to see that the bench
 * works, since its numbers mean nothing.
 */
import { existsSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { TEAL, measureCommands, type Commands } from "./commands.ts";
import { measureSwitching, type Switching } from "./switching.ts";
import { measureThroughput, type Way } from "./throughput.ts";

const FULL = {
  throughput: { rounds: 7, round: 1_500, alone: 300 },
  switching: { shifts: 150, rollbacks: 15 },
  commands: { starts: 15, deployments: 7 },
} as const;
const QUICK = {
  throughput: { rounds: 1, round: 200, alone: 20 },
  switching: { shifts: 10, rollbacks: 1 },
  commands: { starts: 1, deployments: 1 },
} as const;

export interface Report {
  readonly machine: string;
  readonly ways: Readonly<Record<string, Way>>;
  readonly switching: Switching;
  readonly commands?: Commands;
  /** What was not measured, and why. */
  readonly skipped: readonly string[];
}

const { values } = parseArgs({
  options: { quick: { type: "boolean", default: false }, json: { type: "boolean", default: false } },
});
const sizes = values.quick ? QUICK : FULL;
const say = (text: string) => process.stderr.write(`${text}\n`);

say("the edge beside other ways to the same replica");
const { ways, skipped } = await measureThroughput(sizes.throughput);
say("switching and going back under load");
const switching = await measureSwitching(sizes.switching);
const teal = values.quick ? TEAL.source : TEAL.built;
const there = existsSync(teal);
if (there) say("the command line");
const commands = there ? await measureCommands({ ...sizes.commands, teal }) : undefined;
const report: Report = {
  machine: `${cpus().length} cores, ${process.platform} ${process.arch}, Node ${process.versions.node}`,
  ways,
  switching,
  ...(commands === undefined ? {} : { commands }),
  skipped: there ? skipped : [...skipped, "the command line is not built: npm run build"],
};
process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : table(report));

function table({ machine, ways: all, switching: moved, commands: cli, skipped: left }: Report): string {
  const rows: string[] = [
    machine,
    "",
    "one replica, 64 connections   req/s  ratio   p50 ms   p99 ms  alone p50 ms  CPU µs/req  RSS MB",
  ];
  for (const [name, way] of Object.entries(all)) {
    const cells: readonly (readonly [unknown, number])[] = [
      [way.requestsPerSecond, 7],
      [way.ratioToDirect, 7],
      [way.p50, 9],
      [way.p99, 9],
      [way.aloneP50, 14],
      [way.cpu ?? "", 12],
      [way.rss ?? "", 8],
    ];
    rows.push(
      `${`${name} ${way.version ?? ""}`.padEnd(28)}${cells.map(([text, width]) => String(text).padStart(width)).join("")}`,
    );
  }
  const { acknowledgement, warmRollback } = moved;
  rows.push(
    "",
    `switch acknowledged         p50 ${acknowledgement.p50} ms, p99 ${acknowledgement.p99} ms (${acknowledgement.count} shifts, ${moved.requests} requests, ${moved.failed} failed)`,
    `  began after it, other slot ${moved.wrongSlot}`,
    `warm rollback               p50 ${warmRollback.p50} ms, p99 ${warmRollback.p99} ms (${warmRollback.count} times, decision to acknowledgement)`,
  );
  if (cli !== undefined) {
    rows.push(
      `node -e 0                   ${cli.node} ms`,
      `teal --version              ${cli.version.p50} ms, ${cli.version.ratioToNode} x node (goal 60 ms)`,
      `teal status                 ${cli.status.p50} ms, ${cli.status.ratioToNode} x node (goal 120 ms)`,
    );
    for (const [window, { first, next }] of Object.entries(cli.deploy)) {
      rows.push(
        `command to 100 %, ${window.padEnd(9)} p50 ${next.p50} ms of ${next.count}; the first of all ${first} ms`,
      );
    }
  }
  return `${[...rows, ...left.map((each) => `not measured: ${each}`)].join("\n")}\n`;
}
