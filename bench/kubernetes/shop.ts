import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { Moved } from "../../src/api/deploying.ts";
import { connectKubernetes, type KubernetesConnection } from "../../src/api/kubernetes.ts";
import { loadConfig } from "../../src/config/load.ts";
import type { JournalEvent } from "../../src/core/journal.ts";
import type { Slot } from "../../src/core/units.ts";
import { LABELS } from "../../src/targets/kubernetes/names.ts";
import type { Cluster } from "../../test/cluster/cluster.ts";
import { deployment, service } from "../../test/cluster/objects.ts";
import { kill, killAll } from "../../test/e2e/processes.ts";
import { Observer } from "./observer.ts";

/** Where it is measured. */
export interface Ground {
  readonly cluster: Cluster;
  /** File of the command line. */
  readonly cli: string;
}

/** One pass decides. */
const ONE_PASS =
  "{ ready: /health, window: { of: 1, passes: 1, consecutive: 1, interval: 10ms, jitter: 0%, deadline: 30s } }";

export interface ShopOptions {
  readonly replicas?: number;
  /** `strategy` of the configuration. */
  readonly strategy: string;
  readonly propagation?: string;
  /** `health` of the configuration; by default one pass of one check decides. `none`: says nothing about it. */
  readonly health?: string;
  /** Kubeconfig of connections and commands, instead of the cluster's own. */
  readonly kubeconfig?: string;
}

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** A service of its own in a namespace of its own, somebody who watches it, and a folder with its configuration. */
export class Shop {
  readonly cluster: Cluster;
  readonly namespace: string;
  readonly observer: Observer;
  readonly folder = mkdtempSync(join(tmpdir(), "teal-bench-"));
  /** `http://<address of the live Service>` */
  readonly url: string;
  readonly #cli: string;
  readonly #connections: KubernetesConnection[] = [];
  #kubeconfig: string;

  private constructor({ cluster, cli }: Ground, namespace: string, observer: Observer, url: string) {
    this.cluster = cluster;
    this.#cli = cli;
    this.namespace = namespace;
    this.observer = observer;
    this.url = url;
    this.#kubeconfig = cluster.kubeconfig;
  }

  static async open(ground: Ground, options: ShopOptions): Promise<Shop> {
    const { cluster } = ground;
    const namespace = await cluster.namespace("bench");
    const { replicas = 2 } = options;
    await cluster.apply(
      namespace,
      deployment("shop", "teal.test/web:v0", { replicas }),
      service("shop", { app: "shop" }),
    );
    const { spec } = await cluster.get(namespace, "service", "shop");
    const observer = await Observer.start(cluster.kubeconfig, namespace);
    const shop = new Shop(ground, namespace, observer, `http://${spec.clusterIP}`);
    shop.configure(options);
    return shop;
  }

  configure({
    strategy,
    propagation = "200ms",
    health = ONE_PASS,
    kubeconfig = this.cluster.kubeconfig,
  }: ShopOptions): void {
    this.#kubeconfig = kubeconfig;
    const target = `context: teal-test, namespace: ${this.namespace}, template: deployment/shop, propagation: ${propagation}, kubeconfig: ${kubeconfig}`;
    writeFileSync(
      join(this.folder, "teal.yaml"),
      `service: shop\ntarget:\n  kubernetes: { ${target} }\nstrategy: ${strategy}\n${health === "none" ? "" : `health: ${health}\n`}`,
    );
  }

  /** A connection by the configuration as it is now, in this process. */
  async connect(): Promise<KubernetesConnection> {
    const loaded = await loadConfig({
      path: join(this.folder, "teal.yaml"),
      env: process.env,
      cwd: this.folder,
    });
    if (loaded.is === "invalid") throw new Error(JSON.stringify(loaded.problems));
    const connected = await connectKubernetes(loaded.config, { stateDir: join(this.folder, "state") });
    if (connected.is === "refused") throw new Error(connected.cause.message);
    this.#connections.push(connected.connection);
    return connected.connection;
  }

  /** Runs a command to its end, and expects it to go well. */
  async teal(...words: readonly string[]): Promise<Ran> {
    const ran = await this.start(words).ended;
    if (ran.code !== 0) throw new Error(`teal ${words.join(" ")}: exit ${ran.code}\n${ran.out}${ran.err}`);
    return ran;
  }

  /** @param node more arguments for Node itself. */
  start(words: readonly string[], node: readonly string[] = []) {
    const child = spawn(process.execPath, [...node, this.#cli, ...words], {
      cwd: this.folder,
      env: { ...process.env, KUBECONFIG: this.#kubeconfig, TEAL_STATE_DIR: join(this.folder, "state") },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const said = [text(child.stdout), text(child.stderr)];
    const ended = new Promise<Ran>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => {
        void Promise.all(said).then(([out = "", err = ""]) => resolve({ code, out, err }));
      });
    });
    return { pid: child.pid ?? 0, ended };
  }

  /** Events of the open deployment, else of the last one. */
  async journal(connection: KubernetesConnection): Promise<readonly JournalEvent[]> {
    const { store, key } = connection;
    const current = await store.current(key);
    if (current.is === "open") return current.journal.events;
    const rows = await store.history(key, 1);
    const last = rows.is === "rows" ? rows.rows[0] : undefined;
    const answer = last === undefined ? undefined : await store.events(key, last.id);
    return answer?.is === "events" ? answer.events : [];
  }

  /** Ends the processes of a slot's pods at once, as a crash would. */
  async crash(slot: Slot): Promise<void> {
    const pods = await this.cluster.get(this.namespace, "pods", "-l", `${LABELS.slot}=${slot}`);
    const names: readonly string[] = pods.items.map(
      (pod: { metadata: { name: string } }) => pod.metadata.name,
    );
    for (const pid of processesWith(names.map((name) => `HOSTNAME=${name}`))) kill(pid);
  }

  async end(): Promise<void> {
    for (const connection of this.#connections) await connection.close();
    this.observer.close();
    await killAll(this.folder);
    rmSync(this.folder, { recursive: true, force: true });
    await this.cluster.kubectl("delete", "namespace", this.namespace, "--wait=false");
  }
}

/** Processes that have one of these variables. */
function processesWith(variables: readonly string[]): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/u.test(name))
    .filter((pid) => {
      try {
        const environment = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
        return variables.some((each) => environment.includes(each));
      } catch {
        return false; // ended meanwhile
      }
    })
    .map(Number);
}

/** @returns the events of a deployment that ended so, or is kept warm. @throws when it went any other way. */
export function went(moved: Moved, as: "warm" | "done" | "reverted"): readonly JournalEvent[] {
  if (moved.is === "warm" && as === "warm") return moved.events;
  if (moved.is !== "ended") throw new Error(`not ${as}: ${JSON.stringify(moved)}`);
  const { state } = moved.deployment;
  if (state.is === "finished" && state.outcome === as) return moved.events;
  throw new Error(`not ${as}: ${JSON.stringify(moved.events.filter(({ kind }) => kind !== "opened"))}`);
}

/** Runs so many pieces of work in each of the lanes, one lane beside the other. */
export async function inLanes<L>(
  lanes: readonly L[],
  count: number,
  work: (lane: L, n: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  await Promise.all(
    lanes.map(async (lane) => {
      for (let n = next++; n < count; n = next++) await work(lane, n);
    }),
  );
}
