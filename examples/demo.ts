/**
 * The main job in under a minute, on the real thing: a small shop under steady load, deployed by the command line as
 * anybody would. Prints what the commands print, then a table of what its users saw. Exits 1 when a request was lost.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { styleText } from "node:util";
import { journalsOf, timesOf, type Times } from "./journal-times.ts";
import { Load, summarise, type Answered } from "./load.ts";
import { makeRepository } from "./revisions.ts";

const here = dirname(fileURLToPath(import.meta.url));
const RATE = 220;
/** The load ends by itself, whatever happens to this process. */
const LONGEST = 120_000;

interface Place {
  readonly root: string;
  readonly repository: string;
  readonly state: string;
  readonly url: string;
  readonly env: NodeJS.ProcessEnv;
}

/** @returns the exit status: 0 when every request that could be answered was. */
export async function runDemo(): Promise<number> {
  const place = await prepare();
  const end = new AbortController();
  const interrupted = () => end.abort();
  process.once("SIGINT", interrupted);
  process.once("SIGTERM", interrupted);
  try {
    return await play(place, end.signal);
  } finally {
    await teal(place, ["agent", "stop", "--all", "--yes", "-q"], "quiet", AbortSignal.timeout(60_000));
    process.off("SIGINT", interrupted);
    process.off("SIGTERM", interrupted);
    if (process.env["TEAL_DEMO_KEEP"] === undefined) rmSync(place.root, { recursive: true, force: true });
    else say(`kept: ${place.root}`);
  }
}

async function play(place: Place, signal: AbortSignal): Promise<number> {
  say("A shop goes live: v1");
  await expectExit(place, ["deploy", "v1"], 0, signal);
  const load = new Load({ url: place.url, rate: RATE, streams: 4, atMost: LONGEST });
  try {
    say(
      `Users arrive: ${RATE} requests a second over kept and fresh connections, purchases, 4 event streams`,
    );
    await pause(1_500, signal);

    say("v2 is deployed while they shop");
    await expectExit(place, ["deploy", "v2"], 0, signal);

    say("v3 never becomes healthy");
    await expectExit(place, ["deploy", "v3"], 4, signal);

    say("v4 passes its checks and fails its users");
    await expectExit(place, ["deploy", "v4"], 4, signal);

    say("v1 once more, and straight back: v2 is still warm");
    await expectExit(place, ["deploy", "v1"], 0, signal);
    await expectExit(place, ["rollback"], 0, signal);
    await pause(500, signal);
  } finally {
    await load.stop();
  }
  return report(load, place);
}

/** A folder of its own for everything, so that nothing of the user's is touched. */
async function prepare(): Promise<Place> {
  const root = mkdtempSync(join(tmpdir(), "teal-demo-"));
  const repository = join(root, "shop");
  const state = join(root, "state");
  const orders = join(root, "orders.ndjson");
  mkdirSync(repository);
  writeFileSync(orders, "");
  makeRepository(join(here, "shop"), repository);
  const port = await freePort();
  writeFileSync(join(root, "teal.yaml"), configuration(port));
  return {
    root,
    repository,
    state,
    url: `http://127.0.0.1:${port}`,
    env: {
      ...process.env,
      TEAL_STATE_DIR: state,
      SHOP_ORDERS: orders,
      PATH: `${dirname(process.execPath)}:${process.env["PATH"]}`,
    },
  };
}

/** Like `examples/shop/teal.yaml`, with waits short enough to watch. */
function configuration(port: number): string {
  return `teal: 1
service: shop
target:
  local:
    listen: 127.0.0.1:${port}
    source: shop
    command: node server.js --port {port}
    replicas: 2
    env: { SHOP_ORDERS: "\${SHOP_ORDERS}" }
strategy: { blueGreen: { bake: 5s, keepWarm: 10m, drain: 5s } }
health:
  ready: /health
  deep:
    - http: { path: /health/db, status: 200, body: { contains: connected }, latency: "< 1s" }
  window: { of: 5, passes: 3, consecutive: 2, interval: 150ms, deadline: 10s }
errors: { limit: 1%, minRequests: 20 }
`;
}

async function expectExit(
  place: Place,
  args: readonly string[],
  expected: number,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) throw new Error("interrupted");
  process.stdout.write(`${styleText("dim", `$ teal ${args.join(" ")}`)}\n`);
  const exit = await teal(place, args, "shown", signal);
  process.stdout.write("\n");
  if (exit !== expected)
    throw new Error(`teal ${args.join(" ")} ended with exit ${exit}, expected ${expected}`);
}

/** Runs the command line of this very package, source or built. */
function teal(
  place: Place,
  args: readonly string[],
  output: "shown" | "quiet",
  signal: AbortSignal,
): Promise<number | null> {
  const child = spawn(process.execPath, [program(), ...args], {
    cwd: place.root,
    env: place.env,
    stdio: ["ignore", output === "shown" ? "inherit" : "ignore", "inherit"],
  });
  const stop = () => child.kill("SIGTERM");
  signal.addEventListener("abort", stop, { once: true });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => {
      signal.removeEventListener("abort", stop);
      resolve(code);
    });
  });
}

function program(): string {
  const source = join(here, "../src/cli/main.ts");
  return existsSync(source) ? source : join(here, "teal.js");
}

async function report(load: Load, place: Place): Promise<number> {
  const { requests, lost, refused, slowest } = summarise(load.answers);
  const times = timesOf(await journalsOf(place.state));
  const { v4 = 0, ...others } = refused;
  const unexpected = Object.values(others).reduce((sum, each) => sum + each, 0);
  const failed = lost.length + unexpected + load.brokenStreams;
  const late = mixed(load, times);
  const rows: readonly (readonly [string, string])[] = [
    ["requests", `${requests.toLocaleString("en-US")} (and ${load.events} events over 4 streams)`],
    ["failed", `${failed}${failed === 0 ? "" : `: ${wrong(lost, others, load.brokenStreams)}`}`],
    ["answered 5xx by v4 itself", `${v4}, until its revert`],
    ["slowest", `${slowest.toFixed(0)} ms`],
    ...timeRows(times),
    ["answered by another version than the live one", `${late}`],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  say("What the users saw");
  for (const [name, value] of rows) process.stdout.write(`  ${name.padEnd(width)}  ${value}\n`);
  process.stdout.write(`\nEverything was under ${place.root} and is gone now: nothing is left running.\n`);
  return failed === 0 && late === 0 ? 0 : 1;
}

function timeRows(times: Times): readonly (readonly [string, string])[] {
  const list = (values: readonly number[]) =>
    values.length === 0 ? "none seen" : `${values.map((each) => each.toFixed(0)).join(", ")} ms`;
  return [
    ["time to switch", `${list(times.switches)} (router asked to router answered)`],
    ["time to go back", `${list(times.reverts)} (verdict or rollback to router answered)`],
  ];
}

/** Requests answered by another version than the live one, while the router was not being asked: there must be none. */
function mixed(load: Load, { acknowledged }: Times): number {
  return load.answers.filter(({ at, took, version }) => {
    const began = load.startedAt + at;
    // The journal's stamps are whole milliseconds.
    const last = acknowledged.findLastIndex((each) => each.at + 1 < began);
    const next = acknowledged[last + 1];
    const live = acknowledged[last]?.version;
    const duringSwitch = next !== undefined && began + took >= next.asked - 1 && version === next.version;
    return last >= 0 && version !== undefined && version !== live && !duringSwitch;
  }).length;
}

function wrong(
  lost: readonly Answered[],
  refused: Readonly<Record<string, number>>,
  streams: number,
): string {
  const codes = [...new Set(lost.map((each) => `${each.kind} ${each.got}`))];
  const versions = Object.entries(refused).map(([version, count]) => `${count} answered 5xx by ${version}`);
  return [...codes, ...versions, ...(streams > 0 ? [`${streams} streams broke`] : [])].join(", ");
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}

function say(text: string): void {
  process.stdout.write(`${styleText("bold", text)}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  runDemo().then(
    (exit) => (process.exitCode = exit),
    (error: Error) => {
      console.error(error.message);
      process.exitCode = 1;
    },
  );
}
