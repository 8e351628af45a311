import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Cluster } from "../cluster/cluster.ts";
import { deployment, service } from "../cluster/objects.ts";
import { killAll } from "../e2e/processes.ts";

/** The command line on a service of its own in a cluster, for stories. */

const MAIN = join(import.meta.dirname, "../../src/cli/main.ts");

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface PlaceOptions {
  /** Entries of `kubernetes:` besides context, namespace and template. */
  readonly target?: string;
  /** Of teal.yaml, instead of `deployment/shop`. */
  readonly from?: string;
  /** What the namespace has before Teal comes, instead of the Deployment `shop` behind the Service `shop`. */
  readonly objects?: readonly object[];
  readonly strategy?: string;
  readonly health?: string;
}

const STRATEGY = "{ blueGreen: { bake: 500ms, keepWarm: 10m, drain: 500ms } }";
const HEALTH =
  "{ ready: /health, deep: [/health/db], window: { of: 2, passes: 1, consecutive: 1, interval: 50ms, deadline: 15s } }";

export class Place {
  readonly cluster: Cluster;
  readonly namespace: string;
  readonly folder = mkdtempSync(join(tmpdir(), "teal-k8s-"));
  readonly #options: PlaceOptions;

  private constructor(cluster: Cluster, namespace: string, options: PlaceOptions) {
    this.cluster = cluster;
    this.namespace = namespace;
    this.#options = options;
    this.configure();
  }

  /**
   * A fresh namespace with the Deployment `shop` behind the Service `shop`, and a folder with its teal.yaml. Without
   * `objects` that Deployment is only the template: with replicas it would serve, and be adopted.
   */
  static async open(cluster: Cluster, options: PlaceOptions = {}): Promise<Place> {
    const namespace = await cluster.namespace("shop");
    const {
      objects = [deployment("shop", "teal.test/web:v0", { replicas: 0 }), service("shop", { app: "shop" })],
    } = options;
    if (objects.length > 0) await cluster.apply(namespace, ...objects);
    return new Place(cluster, namespace, options);
  }

  configure(changes: PlaceOptions & { readonly context?: string; readonly namespace?: string } = {}): void {
    const {
      target,
      strategy = STRATEGY,
      health = HEALTH,
      context = "teal-test",
      namespace = this.namespace,
      from = "deployment/shop",
    } = { ...this.#options, ...changes };
    const size = target?.includes("replicas:") === true ? "" : ", replicas: 2";
    const more = target === undefined ? size : `${size}, ${target}`;
    writeFileSync(
      join(this.folder, "teal.yaml"),
      `service: shop
target:
  kubernetes: { context: ${context}, namespace: ${namespace}, template: ${from}, propagation: 1s${more} }
strategy: ${strategy}
health: ${health}
`,
    );
  }

  /** Runs a command to its end. */
  teal(...words: readonly string[]): Promise<Ran> {
    return this.start(words).ended;
  }

  /** @param as another kubeconfig, and a machine that shares nothing with this one. */
  start(words: readonly string[], as: { readonly kubeconfig?: string; readonly machine?: string } = {}) {
    const { NO_COLOR: _no, FORCE_COLOR: _force, ...inherited } = process.env;
    const child = spawn(process.execPath, [MAIN, ...words], {
      cwd: this.folder,
      env: {
        ...inherited,
        KUBECONFIG: as.kubeconfig ?? this.cluster.kubeconfig,
        TEAL_STATE_DIR: join(this.folder, as.machine ?? "state"),
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let out = "";
    let err = "";
    child.stdout.on("data", (part: Buffer) => (out += part.toString()));
    child.stderr.on("data", (part: Buffer) => (err += part.toString()));
    const ended = new Promise<Ran>((resolve) => child.on("close", (code) => resolve({ code, out, err })));
    return { pid: child.pid as number, ended, output: () => out };
  }

  /** As somebody with another account, or on another machine. */
  tealAs(
    as: { readonly kubeconfig?: string; readonly machine?: string },
    ...words: readonly string[]
  ): Promise<Ran> {
    return this.start(words, as).ended;
  }

  /** The slot that the Service reaches by its selector. */
  async live(): Promise<string | undefined> {
    const { spec } = await this.cluster.get(this.namespace, "service", "shop");
    return spec.selector["teal.dev/slot"];
  }

  /** Replicas that a Deployment is told to have; undefined where there is none. */
  async replicas(slot: "blue" | "green"): Promise<number | undefined> {
    const { items } = await this.cluster.get(this.namespace, "deployments", "-l", `teal.dev/slot=${slot}`);
    return items[0]?.spec.replicas;
  }

  /** Ends what it started (nobody is to look after a warm slot of a test) and removes its files. */
  async dispose(): Promise<void> {
    await killAll(this.folder);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
