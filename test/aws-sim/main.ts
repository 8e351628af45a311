import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { parseArgs } from "node:util";
import { standardShop } from "./shop.ts";
import { startSimulator } from "./simulator.ts";

/* `npm run aws-sim -- teal status`: a simulated AWS account with a shop in it, for as long as the command runs. */

const USAGE = `usage: npm run aws-sim -- [OPTIONS] [COMMAND...]
  --speed N               seconds of the simulated world per second (1)
  --seed N                decides every chance in it (1)
  --port N                a listener; may be repeated (8080)
  --rule host|default     where the weights are: a rule for shop.example (default), or the listener's default rule
  --no-shop               an empty account
Without a command it prints the environment variables and serves until it is interrupted.
"teal" in the command is the one of this source.`;

const OPTIONS = {
  speed: { type: "string", default: "1" },
  seed: { type: "string", default: "1" },
  port: { type: "string", multiple: true },
  rule: { type: "string", default: "host" },
  "no-shop": { type: "boolean", default: false },
  help: { type: "boolean", default: false },
} as const;

// The command begins at the first word that is neither an option nor an option's value; its own options are its own.
const given = process.argv.slice(2);
const { tokens } = parseArgs({
  args: given,
  options: OPTIONS,
  strict: false,
  allowPositionals: true,
  tokens: true,
});
const first = tokens.find(({ kind }) => kind === "positional")?.index ?? given.length;
const { values } = parseArgs({ args: given.slice(0, first), options: OPTIONS });
const [command, ...rest] = given.slice(first);

if (values.help) console.log(USAGE);
else process.exitCode = await run();

async function run(): Promise<number> {
  const simulator = await startSimulator({ speed: Number(values.speed), seed: Number(values.seed) });
  try {
    if (!values["no-shop"]) {
      await standardShop(simulator, {
        rule: values.rule === "default" ? "default" : "host",
        ...(values.port !== undefined && { listeners: values.port.map((port) => ({ port: Number(port) })) }),
      });
    }
    const environment = simulator.environment();
    if (command !== undefined) return await commanded(command, rest, environment);
    for (const [name, value] of Object.entries(environment)) console.log(`export ${name}=${value}`);
    await interrupted();
    return 0;
  } finally {
    await simulator.stop();
  }
}

/** Runs the command with the simulated account in its environment; its exit code. */
async function commanded(
  program: string,
  args: string[],
  environment: Record<string, string>,
): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "aws-sim-"));
  try {
    writeTeal(join(folder, "teal"));
    const child = spawn(program, args, {
      stdio: "inherit",
      env: {
        // What Teal keeps on this machine about a simulated account ends with that account.
        TEAL_STATE_DIR: join(folder, "state"),
        ...process.env,
        ...environment,
        PATH: [folder, process.env["PATH"]].join(delimiter),
      },
    });
    // A terminal signals the command itself as well: it decides what that means, and the simulator ends after it.
    const pass = (signal: NodeJS.Signals) => void child.kill(signal);
    process.on("SIGTERM", pass);
    process.on("SIGINT", () => {});
    return await ended(program, child);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function ended(program: string, child: ReturnType<typeof spawn>): Promise<number> {
  try {
    const [code] = (await once(child, "exit")) as [number | null];
    return code ?? 1;
  } catch (error) {
    console.error(`${program}: ${(error as Error).message}`);
    return 127;
  }
}

function writeTeal(path: string): void {
  const quoted = [process.execPath, join(import.meta.dirname, "../../src/cli/main.ts")].map(
    (word) => `'${word.replaceAll("'", String.raw`'\''`)}'`,
  );
  writeFileSync(path, `#!/bin/sh\nexec ${quoted.join(" ")} "$@"\n`);
  chmodSync(path, 0o755);
}

async function interrupted(): Promise<void> {
  await new Promise<void>((resolve) => {
    process.once("SIGINT", () => resolve());
    process.once("SIGTERM", () => resolve());
  });
}
