import { spawnSync } from "node:child_process";

/**
 * `npm run check`: everything CI asks for but the long suites, each stage with its seconds. All stages run, so that one
 * look shows everything that is wrong. `--without <stage>` leaves one out.
 */
const STAGES: readonly (readonly [stage: string, command: string, ...args: string[]])[] = [
  ["lint", "oxlint"],
  ["format", "oxfmt", "--check"],
  ["types", "tsc"],
  ["knip", "knip"],
  ["unit", "vitest", "run", "--project", "pure", "--project", "real"],
  ["build", "node", "tools/build.ts"],
  ["package", "node", "tools/package.ts"],
];

const without = process.argv.flatMap((word, at) => (process.argv[at - 1] === "--without" ? [word] : []));
const misspelt = without.filter((name) => !STAGES.some(([stage]) => stage === name));
if (misspelt.length > 0) {
  console.error(
    `check: no stage ${misspelt.join(", ")}; there are ${STAGES.map(([stage]) => stage).join(", ")}`,
  );
  process.exit(2);
}

const ended: string[] = [];
let failed = false;
for (const [stage, command, ...args] of STAGES) {
  if (without.includes(stage)) continue;
  console.log(`\n--- ${stage}`);
  const began = process.hrtime.bigint();
  const { status, error } = spawnSync(command, args, { stdio: ["ignore", "inherit", "inherit"] });
  if (error) console.error(`${command}: ${error.message}. Start this by "npm run check".`);
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  ended.push(`${status === 0 ? "ok    " : "FAILED"} ${stage.padEnd(8)} ${seconds.toFixed(1).padStart(6)} s`);
  failed ||= status !== 0;
}
console.log(`\n${ended.join("\n")}`);
process.exit(failed ? 1 : 0);
