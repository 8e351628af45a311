import { spawn } from "node:child_process";
import { join } from "node:path";
import type { JournalEvent } from "../src/core/journal.ts";
import type { Place } from "../test/e2e/place.ts";
import { processesOf, until } from "../test/e2e/processes.ts";
import { median, rounded, spread, type Spread } from "./figures.ts";
import { trivialService, type WINDOWS } from "./service.ts";

/** ms, and as a multiple of the time that Node itself needs to start and end. */
export interface Command {
  readonly p50: number;
  readonly ratioToNode: number;
}

export interface Commands {
  /** `node -e 0` */
  readonly node: number;
  readonly version: Command;
  /** Of a service that runs. */
  readonly status: Command;
  /** ms from starting the command until the edge acknowledged 100 % for the new revision; whole ms. */
  readonly deploy: Readonly<Record<keyof typeof WINDOWS, { readonly first: number; readonly next: Spread }>>;
}

export interface CommandOptions {
  /** Starts of each command. */
  readonly starts: number;
  /** Deployments after the first of each window. */
  readonly deployments: number;
  /** File of the command line. */
  readonly teal: string;
}

export async function measureCommands(options: CommandOptions): Promise<Commands> {
  const minimal = await trivialService("minimal");
  const usual = await trivialService("default");
  try {
    const deploy = {
      minimal: await deployments(minimal, options),
      default: await deployments(usual, options),
    };
    return { ...(await starts(minimal, options)), deploy };
  } finally {
    for (const service of [minimal, usual]) {
      // Also what the command left to look after the warm slot.
      await run(service, [options.teal, "agent", "stop", "--all", "--yes", "-q"]);
      await until("everything to end", () => processesOf(service.root).length === 0);
      await service.end();
    }
  }
}

async function starts(
  service: Place,
  { starts: count, teal }: CommandOptions,
): Promise<Omit<Commands, "deploy">> {
  const took = { node: [] as number[], version: [] as number[], status: [] as number[] };
  for (let n = 0; n <= count; n += 1) {
    const round = {
      node: await run(service, ["-e", "0"]),
      version: await run(service, [teal, "--version"]),
      status: await run(service, [teal, "status"]),
    };
    // The first one reads everything from the disk.
    if (n > 0) for (const name of ["node", "version", "status"] as const) took[name].push(round[name]);
  }
  const node = median(took.node);
  const command = (values: readonly number[]) => ({
    p50: rounded(median(values)),
    ratioToNode: rounded(median(values) / node),
  });
  return { node: rounded(node), version: command(took.version), status: command(took.status) };
}

async function deployments(
  service: Place,
  { deployments: count, teal }: CommandOptions,
): Promise<{ first: number; next: Spread }> {
  const first = await deployOnce(service, teal, "v0");
  const next: number[] = [];
  for (let n = 1; n <= count; n += 1) {
    next.push(await deployOnce(service, teal, `v${n}`));
    await run(service, [teal, "promote", "--yes", "-q"]);
  }
  return { first, next: spread(next) };
}

async function deployOnce(service: Place, teal: string, revision: string): Promise<number> {
  const began = Date.now();
  await run(service, [teal, "deploy", revision, "--yes", "-q"]);
  return cutover(await service.journal()) - began;
}

/** When the edge had acknowledged that the candidate gets everything. */
function cutover(events: readonly JournalEvent[]): number {
  const shift = events.find(
    (event) => event.kind === "intent" && event.dir === "forward" && event.call.call === "shift",
  );
  const outcome =
    shift?.kind !== "intent"
      ? undefined
      : events.find((event) => event.kind === "outcome" && event.intent === shift.intent);
  if (outcome === undefined) throw new Error("the journal does not tell of a cutover");
  return outcome.at;
}

/** Runs Node with these arguments in the service's folder. @returns ms until it had ended. @throws when it failed. */
function run(service: Place, args: readonly string[]): Promise<number> {
  const began = performance.now();
  const child = spawn(process.execPath, args, {
    cwd: service.root,
    env: { ...process.env, TEAL_STATE_DIR: service.stateDir },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (said += chunk));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve(performance.now() - began);
      else reject(new Error(`${args.join(" ")} ended with exit ${code}: ${said}`));
    });
  });
}

/** The command line as it is built, and as it stands in the source. */
export const TEAL = {
  built: join(import.meta.dirname, "../dist/bin/teal.js"),
  source: join(import.meta.dirname, "../src/cli/main.ts"),
} as const;
