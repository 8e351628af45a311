import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

/* examples/aws as `npm run example:aws` runs it. */

/** The commands look at the account as often as in reality, while it runs 20 times as fast. */
const MOST_MS = 300_000;
const EXAMPLE = join(import.meta.dirname, "../../examples/aws");

test(
  "the example runs from the first look to a rollback, and its script knows nothing of a simulator",
  async () => {
    const child = spawn(process.execPath, [join(EXAMPLE, "simulated.ts")], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    child.stdout.on("data", (part: Buffer) => (said += part.toString()));
    child.stderr.on("data", (part: Buffer) => (said += part.toString()));
    const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
    expect(code, said).toBe(0);
    const commands = [...said.matchAll(/^\$ teal (\w+)/gmu)].map(([, name]) => name);
    expect(commands).toEqual(["init", "plan", "deploy", "status", "deploy", "rollback", "deploy", "status"]);
    for (const share of ["blue 10 %, green 90 %", "blue 50 %, green 50 %", "blue 100 %"])
      expect(said).toMatch(new RegExp(`✓ (?:shift|cutover) +${share}`, "u"));
    expect(said).toMatch(/rolled back by .*; ami-\w+ is live\./u);
    expect(said).toMatch(/rejected\. Users stayed on ami-\w+; no traffic moved\./u);
    expect(said.trimEnd().split("\n").at(-1)).toContain("reverted");
    const script = readFileSync(join(EXAMPLE, "run.sh"), "utf8");
    expect(script.replaceAll(/^#.*$/gmu, "")).not.toMatch(/127\.0\.0\.1|localhost|simulat|AWS_ENDPOINT/iu);
  },
  MOST_MS,
);
