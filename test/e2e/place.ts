import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Load, type LoadOptions } from "../../examples/load.ts";
import { deploy, type Moved } from "../../src/api/deploying.ts";
import type { ConnectOptions } from "../../src/api/connection.ts";
import { connectLocal, type LocalConnection } from "../../src/api/local.ts";
import type { Wanted } from "../../src/api/planning.ts";
import { statusOf, type Status } from "../../src/api/status.ts";
import type { Config } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load.ts";
import type { JournalEvent } from "../../src/core/journal.ts";
import type { SlotState } from "../../src/core/observed.ts";
import type { Slot } from "../../src/core/units.ts";
import { readJson } from "../../src/targets/local/files.ts";
import type { ProcessIdentity } from "../../src/targets/local/identity.ts";
import { layout } from "../../src/targets/local/layout.ts";
import type { EdgeMethods } from "../../src/targets/local/protocol.ts";
import { RpcClient } from "../../src/targets/local/rpc.ts";
import { killAll, listens, processesOf } from "./processes.ts";
import { makeRepository, type RevisionName } from "./revisions.ts";

/** The shop's checks, quick to decide since everything is on this machine. */
export function shopHealth(deadline = "20s"): string {
  return `health:
  ready: /health
  deep:
    - http: { path: /health/db, status: 200, body: { contains: connected } }
  window: { of: 3, passes: 2, consecutive: 2, interval: 50ms, jitter: 0%, deadline: ${deadline} }
`;
}

/** Keeps the way back open for longer than any test lasts. */
export function blueGreen(bake = "400ms"): string {
  return `{ blueGreen: { bake: ${bake}, keepWarm: 10m } }`;
}

export interface PlaceOptions {
  /** Tags of the shop's repository, which is the source then; else the source is an empty folder. */
  readonly revisions?: readonly RevisionName[];
  readonly replicas?: number;
  /** `strategy` of the configuration; `blueGreen()` by default. */
  readonly strategy?: string;
  readonly command?: string;
  readonly health?: string;
  /** Variables of the replicas beside the shop's own; the configuration takes them from the environment, as secrets. */
  readonly secrets?: Readonly<Record<string, string>>;
}

/**
 * One service in a folder of its own: source, configuration, state directory, users. `end` ends everything that was
 * started; what does not end by itself is killed, and told.
 */
export class Place {
  readonly root: string;
  readonly source: string;
  readonly stateDir: string;
  readonly orders: string;
  readonly configFile: string;
  readonly #connections: LocalConnection[] = [];
  readonly #loads: Load[] = [];
  readonly #underWay: Promise<unknown>[] = [];
  readonly #over = new AbortController();
  #connection: LocalConnection | undefined;
  #environment: Readonly<Record<string, string>> = {};
  #address = "";

  constructor() {
    this.root = mkdtempSync(join(tmpdir(), "teal-e2e-"));
    this.source = join(this.root, "source");
    this.stateDir = join(this.root, "state");
    this.orders = join(this.root, "orders.ndjson");
    this.configFile = join(this.root, "teal.yaml");
  }

  async prepare(options: PlaceOptions): Promise<void> {
    mkdirSync(this.source);
    if (options.revisions !== undefined) makeRepository(this.source, options.revisions);
    writeFileSync(this.orders, "");
    await this.configure(options);
  }

  /** Writes the configuration; from here on it is what the place's own connection goes by. */
  async configure(options: PlaceOptions): Promise<void> {
    this.#environment = options.secrets ?? {};
    writeFileSync(this.configFile, this.#text(options));
    this.#connection = await this.connect();
  }

  #text(options: PlaceOptions): string {
    const {
      replicas = 1,
      strategy = blueGreen(),
      health = shopHealth(),
      command = "node server.js --port {port}",
    } = options;
    const references = Object.fromEntries(
      Object.keys(this.#environment).map((name) => [name, `\${${name}}`]),
    );
    return `teal: 1
service: shop
target:
  local:
    listen: 127.0.0.1:0
    source: ${this.source}
    command: ${command.replace(/^node /, `${process.execPath} `)}
    replicas: ${replicas}
    env: ${JSON.stringify({ SHOP_ORDERS: this.orders, ...references })}
    streams: { over: 200ms }
strategy: ${strategy}
${health}`;
  }

  /** What the configuration says now, as a command would load it. */
  async load(): Promise<{ readonly config: Config; readonly secrets: readonly string[] }> {
    const loaded = await loadConfig({
      path: this.configFile,
      env: { ...process.env, ...this.#environment },
      cwd: this.root,
    });
    if (loaded.is === "invalid") throw new Error(JSON.stringify(loaded.problems));
    return loaded;
  }

  /** Another connection to the service, as another command would have one. */
  async connect(options: ConnectOptions = {}): Promise<LocalConnection> {
    const { config, secrets } = await this.load();
    const connection = await connectLocal(config, { stateDir: this.stateDir, secrets, ...options });
    this.#connections.push(connection);
    return connection;
  }

  /** The connection of the test itself. */
  get connection(): LocalConnection {
    if (this.#connection === undefined) throw new Error("not prepared");
    return this.#connection;
  }

  /** Aborts when the test is over. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /** Waited for before anything is ended. */
  during<T>(work: Promise<T>): Promise<T> {
    this.#underWay.push(work.catch(() => undefined));
    return work;
  }

  deploy(revision: string | undefined, wanted: Wanted = {}, connection = this.connection): Promise<Moved> {
    const named = revision === undefined ? wanted : { ...wanted, revision };
    return this.during(deploy(connection, named, { signal: this.signal }));
  }

  status(): Promise<Status> {
    return statusOf(this.connection, AbortSignal.timeout(10_000));
  }

  async slot(slot: Slot): Promise<SlotState> {
    const seen = (await this.status()).observed.slots[slot];
    if (seen.is === "unreadable") throw new Error(`${slot}: ${seen.cause.message}`);
    return seen.value;
  }

  /** The public address. */
  async address(): Promise<string> {
    const address = await this.connection.target.address();
    if (address === undefined) throw new Error("no edge answers");
    return (this.#address = address);
  }

  /** Users: 240 requests a second of every kind and 4 event streams unless told otherwise. */
  async users(options: Partial<LoadOptions> = {}): Promise<Load> {
    const load = new Load({ url: await this.address(), rate: 240, streams: 4, atMost: 60_000, ...options });
    this.#loads.push(load);
    return load;
  }

  async edgePid(): Promise<number> {
    const client = new RpcClient(this.connection.target.layout.edgeSocket);
    try {
      return (await client.call<EdgeMethods["hello"][1]>("hello", {}, 2_000)).pid;
    } finally {
      client.close();
    }
  }

  agentPid(): number {
    const agent = readJson<ProcessIdentity>(this.connection.target.layout.agentPid);
    if (agent === undefined) throw new Error("no agent runs");
    return agent.pid;
  }

  /** Events of the open deployment, else of the last one. */
  async journal(): Promise<readonly JournalEvent[]> {
    const { store, key } = this.connection;
    const current = await store.current(key);
    if (current.is === "open") return current.journal.events;
    const rows = await store.history(key, 1);
    const last = rows.is === "rows" ? rows.rows[0] : undefined;
    const answer = last === undefined ? undefined : await store.events(key, last.id);
    return answer?.is === "events" ? answer.events : [];
  }

  /** @throws when something did not end by itself, after it was killed and removed. */
  async end(): Promise<void> {
    const wrong: string[] = [];
    const tried = async (what: string, work: () => unknown) => {
      try {
        await work();
      } catch (error) {
        wrong.push(`${what}: ${(error as Error).message}`);
      }
    };
    await Promise.all(this.#loads.map((load) => tried("load", () => load.stop())));
    this.#over.abort();
    await Promise.all(this.#underWay);
    await tried("stop", () => this.#connection?.target.stop());
    for (const connection of this.#connections) await tried("close", () => connection.close());
    wrong.push(...processesOf(this.root).map(({ pid, command }) => `still running: ${pid} ${command}`));
    await tried("kill", () => killAll(this.root));
    if (this.#address !== "" && (await listens(this.#address)))
      wrong.push(`something still listens on ${this.#address}`);
    const { agentSocket, edgeSocket } = layout(this.stateDir, "shop", "default");
    wrong.push(
      ...[agentSocket, edgeSocket].filter((path) => existsSync(path)).map((path) => `left behind: ${path}`),
    );
    rmSync(this.root, { recursive: true, force: true });
    if (wrong.length > 0) throw new Error(`left by the service in ${this.root}:\n${wrong.join("\n")}`);
  }
}
