import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ProcessIdentity } from "../targets/local/identity.ts";
import { isAlive } from "../targets/local/identity.ts";

/** The command line as a process of its own, on a service of its own, for tests. */
export const MAIN = join(import.meta.dirname, "main.ts");

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/**
 * A small server whose behaviour is a file of its release: `good`; `unhealthy` (its deep check answers 503);
 * `failsLater` (its pages answer 500 and its checks 503, from the first page on); `crashes` (exits at once).
 */
const SERVER = `
import http from "node:http";
import { readFileSync } from "node:fs";
const { mode, secret } = JSON.parse(readFileSync(new URL("./release.json", import.meta.url), "utf8"));
if (mode === "crashes") { console.error("Error: cannot start"); process.exit(3); }
let visited = false;
const port = Number(process.argv[process.argv.indexOf("--port") + 1]);
console.log("listens with " + (process.env.SHOP_SECRET ?? "nothing"));
http.createServer((request, response) => {
  const page = request.url === "/";
  if (page) visited = true;
  const bad = (mode === "unhealthy" && request.url === "/deep") || (mode === "failsLater" && visited);
  if (bad) console.error("Error: " + request.url + " with " + (process.env.SHOP_SECRET ?? "nothing"));
  response.writeHead(bad ? 503 : 200);
  response.end(bad ? "refused with " + (process.env.SHOP_SECRET ?? "nothing") : "connected");
}).listen(port, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

export type Mode = "good" | "unhealthy" | "failsLater" | "crashes";

export class TestService {
  readonly folder = mkdtempSync(join(tmpdir(), "teal-cli-"));
  readonly source = join(this.folder, "source");
  readonly state = join(this.folder, "state");
  #env: Readonly<Record<string, string>>;

  constructor(options: { readonly strategy?: string; readonly env?: Readonly<Record<string, string>> } = {}) {
    mkdirSync(this.source);
    this.#env = options.env ?? {};
    writeFileSync(join(this.source, "server.mjs"), SERVER);
    this.release("good");
    this.configure(options.strategy ?? "{ blueGreen: { bake: 300ms, keepWarm: 10m, drain: 1s } }");
  }

  configure(strategy: string): void {
    writeFileSync(
      join(this.source, "teal.yaml"),
      `teal: 1
service: shop
target:
  local:
    listen: 127.0.0.1:0
    command: node server.mjs --port {port}
    replicas: 1
    stopGrace: 1s
    env: { SHOP_SECRET: "\${SHOP_SECRET:-}" }
strategy: ${strategy}
health:
  ready: /ready
  deep: [{ http: /deep }]
  window: { of: 2, passes: 1, consecutive: 1, interval: 50ms, deadline: 5s }
`,
    );
  }

  /** What the next revision is like. */
  release(mode: Mode): void {
    writeFileSync(join(this.source, "release.json"), JSON.stringify({ mode }));
  }

  /** Variables of commands that are started from now on. */
  set(more: Readonly<Record<string, string>>): void {
    this.#env = { ...this.#env, ...more };
  }

  get processEnv(): NodeJS.ProcessEnv {
    const { NO_COLOR: _no, FORCE_COLOR: _force, GITHUB_STEP_SUMMARY: _summary, ...inherited } = process.env;
    return { ...inherited, TEAL_STATE_DIR: this.state, ...this.#env };
  }

  /** Runs a command to its end. */
  teal(...words: readonly string[]): Promise<Ran> {
    return this.start(...words).ended;
  }

  /** Starts a command; it is over when `ended` resolves. */
  start(...words: readonly string[]): {
    readonly pid: number;
    readonly ended: Promise<Ran>;
    readonly output: () => string;
  } {
    const child = spawn(process.execPath, [MAIN, ...words], {
      cwd: this.source,
      env: this.processEnv,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let out = "";
    let err = "";
    child.stdout.on("data", (part: Buffer) => (out += part.toString()));
    child.stderr.on("data", (part: Buffer) => (err += part.toString()));
    const ended = new Promise<Ran>((resolve) => child.on("close", (code) => resolve({ code, out, err })));
    return { pid: child.pid as number, ended, output: () => out };
  }

  /** Stops everything of the service and removes its files. */
  async dispose(): Promise<void> {
    const stopped = await this.teal("agent", "stop", "--all", "--yes");
    if (stopped.code !== 0 && !stopped.err.includes("TEAL-C"))
      throw new Error(`not stopped: ${stopped.out}${stopped.err}`);
    const caretaker = this.#caretaker();
    if (caretaker !== undefined && isAlive(caretaker)) process.kill(caretaker.pid, "SIGTERM");
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The process that looks after what becomes due. */
  #caretaker(): ProcessIdentity | undefined {
    try {
      return JSON.parse(
        readFileSync(join(this.state, "shop.default", "caretaker.pid.json"), "utf8"),
      ) as ProcessIdentity;
    } catch {
      return undefined;
    }
  }
}

/** The objects of a `--json` output. */
export function objects(out: string): readonly Record<string, unknown>[] {
  return out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** The last one: how the command ended. */
export function resultOf(ran: Ran): Record<string, unknown> {
  return objects(ran.out).at(-1) ?? {};
}
