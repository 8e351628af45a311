import { parseArgs } from "node:util";
import type { Profile } from "../../src/targets/memory/index.ts";
import { STRATEGIES, everyCrash } from "./crashes.ts";
import { printSchedule, printTimeline } from "./print.ts";
import { judge } from "./checkers/index.ts";
import { reportOf, violationsOf } from "./report.ts";
import { PROFILES, scheduleOf } from "./schedule.ts";
import { PLAIN, type Plain, reduced } from "./shrink.ts";
import { simulate } from "./simulate.ts";

/**
 * `npm run simulate -- --seeds 10000 [--from N] [--profile P]`, one run: `--seed N [--keep 0,3] [--plain autoscaler]`,
 * or a process that dies around every write: `--crashes [--profile P]`.
 */
const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "500" },
    from: { type: "string", default: "1" },
    profile: { type: "string" },
    seed: { type: "string" },
    keep: { type: "string" },
    plain: { type: "string" },
    crashes: { type: "boolean", default: false },
  },
});

const profile = PROFILES.find((each) => each === values.profile) as Profile | undefined;
if (values.profile !== undefined && profile === undefined) {
  console.error(`--profile ${values.profile}: there is none. Profiles: ${PROFILES.join(", ")}.`);
  process.exit(2);
}
if (values.crashes) process.exit(await crashes());
process.exit(values.seed === undefined ? await many() : await one(Number(values.seed)));

async function many(): Promise<number> {
  const from = whole("from", values.from);
  const seeds = whole("seeds", values.seeds);
  const began = Date.now();
  for (let seed = from; seed < from + seeds; seed++) {
    const schedule = scheduleOf(seed, profile);
    const violations = await violationsOf(schedule);
    if (violations.length > 0) {
      console.log(await reportOf(schedule, violations));
      return 1;
    }
    const done = seed - from + 1;
    if (done % 100 === 0 || done === seeds)
      console.log(
        `${done} of ${seeds} seeds kept every promise, ${Math.round((Date.now() - began) / 1000)} s`,
      );
  }
  return 0;
}

/** Every death around every write of every strategy, in every profile or the one named. */
async function crashes(): Promise<number> {
  for (const each of profile === undefined ? PROFILES : [profile]) {
    for (const strategy of STRATEGIES) {
      const all = await everyCrash(each, strategy);
      for (const { name, schedule } of all) {
        const history = await simulate(schedule);
        const violations = judge(history);
        if (violations.length === 0) continue;
        console.log([name, printSchedule(schedule), printTimeline(history, violations)].join("\n"));
        return 1;
      }
      console.log(`${each} ${strategy}: ${all.length} deaths kept every promise`);
    }
  }
  return 0;
}

async function one(seed: number): Promise<number> {
  const schedule = scheduleOf(seed, profile);
  const keep =
    values.keep === undefined
      ? schedule.actions.map((_, index) => index)
      : values.keep
          .split(",")
          .filter((part) => part !== "")
          .map(Number);
  const plain = (values.plain?.split(",") ?? []).filter((part): part is Plain => part in PLAIN);
  const least = reduced(schedule, { keep, plain });
  const history = await simulate(least);
  const violations = judge(history);
  console.log(printSchedule(least));
  console.log(printTimeline(history, violations));
  console.log(violations.length === 0 ? "every promise was kept" : `${violations.length} violations`);
  return violations.length === 0 ? 0 : 1;
}

function whole(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0) return value;
  console.error(`--${name} ${text}: not a whole number`);
  return process.exit(2);
}
