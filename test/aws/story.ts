import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectAws, type AwsConnection } from "../../src/api/aws.ts";
import { deploy, type Moved } from "../../src/api/deploying.ts";
import type { Wanted } from "../../src/api/planning.ts";
import { statusOf, type Status } from "../../src/api/status.ts";
import { abort, resume, rollback } from "../../src/api/steering.ts";
import { loadConfig } from "../../src/config/load.ts";
import { formatProblems } from "../../src/config/problem.ts";
import type { Behaviour } from "../aws-sim/instances/behaviour.ts";
import { standardShop, type Shop, type ShopOptions } from "../aws-sim/shop.ts";
import { startSimulator, type Simulator } from "../aws-sim/simulator.ts";
import type { SimulatorOptions } from "../aws-sim/types.ts";

/* Whole deployments to the simulated account, each command over a connection of its own, as from another process. */

export interface StoryOptions {
  readonly simulator?: SimulatorOptions;
  readonly shop?: ShopOptions;
  /** Further keys of `target.aws`, as YAML in one line each. */
  readonly aws?: readonly string[];
  readonly strategy?: string;
  readonly health?: string;
}

/** Checks twice, then the cutover. */
export const HEALTH =
  "{ identity: { header: x-revision }, window: { of: 2, passes: 2, consecutive: 2, interval: 50ms, deadline: 30s } }";
export const BLUE_GREEN = "{ blueGreen: { bake: 300ms, keepWarm: 10m, drain: 1s } }";

const MAIN = join(import.meta.dirname, "../../src/cli/main.ts");

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export class AwsStory {
  readonly simulator: Simulator;
  readonly shop: Shop;
  readonly folder = mkdtempSync(join(tmpdir(), "teal-aws-"));
  readonly #options: StoryOptions;
  readonly #ended = new AbortController();

  private constructor(simulator: Simulator, shop: Shop, options: StoryOptions) {
    this.simulator = simulator;
    this.shop = shop;
    this.#options = options;
    this.configure({});
  }

  /** A fast world without throttling, where instances take half a second to come up. */
  static async open(options: StoryOptions = {}): Promise<AwsStory> {
    const simulator = await startSimulator({ speed: 20, throttling: "off", ...options.simulator });
    try {
      return new AwsStory(simulator, await standardShop(simulator, options.shop), options);
    } catch (error) {
      await simulator.stop();
      throw error;
    }
  }

  async end(): Promise<void> {
    this.#ended.abort();
    await this.simulator.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Writes teal.yaml, with other parts than the story's options where they are given. */
  configure(but: Pick<StoryOptions, "aws" | "strategy" | "health"> & { readonly account?: string }): void {
    const { aws = [], strategy = BLUE_GREEN, health = HEALTH, account } = { ...this.#options, ...but };
    mkdirSync(this.folder, { recursive: true });
    const ports = this.shop.listeners.map(({ port }) => port);
    const keys = [
      `account: "${account ?? this.simulator.account}"`,
      `listener: [${ports.map((port) => `shop-alb:${port}`).join(", ")}]`,
      ...(this.#options.shop?.rule === "default" ? [] : ["host: shop.example"]),
      "propagation: 300ms",
      ...aws,
    ];
    writeFileSync(
      join(this.folder, "teal.yaml"),
      `teal: 1\nservice: shop\ntarget:\n  aws:\n${keys.map((key) => `    ${key}\n`).join("")}strategy: ${strategy}\nhealth: ${health}\n`,
    );
  }

  /** An AMI that serves this revision; its id. */
  image(revision: string, behaviour: Partial<Behaviour> = {}): string {
    return this.simulator.compute.registerImage({
      name: `shop-${revision}`,
      behaviour: { revision, ...behaviour },
    });
  }

  async connect(): Promise<AwsConnection> {
    Object.assign(process.env, this.#environment());
    const loaded = await loadConfig({ env: process.env, cwd: this.folder });
    if (loaded.is === "invalid") throw new Error(formatProblems(loaded.problems, { color: false }));
    const stateDir = join(this.folder, "state");
    const { speed } = this.simulator.clock;
    const made = await connectAws(loaded.config, { stateDir, secrets: loaded.secrets }, { speed });
    if (made.is === "refused") throw new Error(made.cause.message);
    return made.connection;
  }

  async with<T>(use: (connection: AwsConnection) => Promise<T>): Promise<T> {
    const connection = await this.connect();
    try {
      return await use(connection);
    } finally {
      await connection.close();
    }
  }

  deploy(revision: string, wanted: Wanted = {}): Promise<Moved> {
    const progress = (line: string) => this.said.push(line);
    return this.with((each) =>
      deploy(each, { ...wanted, revision }, { signal: this.#ended.signal, progress }),
    );
  }

  /** Access key of whoever runs the commands; the principal that may everything by default. */
  as: string | undefined;

  /** Further variables of the commands' environment. */
  variables: Readonly<Record<string, string>> = {};

  #environment(): Record<string, string> {
    return { AWS_SESSION_TOKEN: "", ...this.simulator.environment(this.as), ...this.variables };
  }

  /** What the commands said on the way. */
  readonly said: string[] = [];

  rollback = (): Promise<Moved> => this.with((each) => rollback(each, { signal: this.#ended.signal }));
  abort = (): Promise<Moved> => this.with((each) => abort(each, { signal: this.#ended.signal }));
  resume = (): Promise<Moved> => this.with((each) => resume(each, { signal: this.#ended.signal }));
  status = (): Promise<Status> => this.with((each) => statusOf(each, this.#ended.signal));

  /** Runs the command line to its end, as a pipeline would: ambient credentials, no terminal. */
  teal(...words: readonly string[]): Promise<Ran> {
    const { NO_COLOR: _no, FORCE_COLOR: _force, GITHUB_STEP_SUMMARY: _summary, ...inherited } = process.env;
    const env = {
      ...inherited,
      ...this.#environment(),
      TEAL_STATE_DIR: join(this.folder, "state"),
    };
    const child = spawn(process.execPath, [MAIN, ...words], {
      cwd: this.folder,
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let out = "";
    let err = "";
    child.stdout.on("data", (part: Buffer) => (out += part.toString()));
    child.stderr.on("data", (part: Buffer) => (err += part.toString()));
    return new Promise((resolve) => child.on("close", (code) => resolve({ code, out, err })));
  }

  /** Revision that one user is answered by, at each node of the load balancer in turn. */
  async answers(): Promise<readonly string[]> {
    const nodes = this.simulator.elb.nodes(this.shop.loadBalancer.arn);
    return Promise.all(
      nodes.map(async ({ address }) => {
        const answer = await ask(address, this.shop.listeners[0]?.port ?? 8080);
        return answer.split(" ")[0] ?? "";
      }),
    );
  }

  /** Calls that changed something since there were `before` of all, without those of the shop's builder. */
  written(before = 0): readonly string[] {
    return this.simulator.recorded
      .slice(before)
      .filter(
        ({ mutating, error, principal }) => mutating && error === undefined && !principal.includes("builder"),
      )
      .map(({ action }) => action);
  }
}

async function ask(host: string, port: number): Promise<string> {
  const { default: http } = await import("node:http");
  return new Promise((resolve, reject) => {
    const request = http.get({ host, port, path: "/", headers: { host: "shop.example" } }, (response) => {
      let body = "";
      response.on("data", (part: Buffer) => (body += part.toString()));
      response.on("end", () => resolve(body));
    });
    request.on("error", reject);
  });
}
