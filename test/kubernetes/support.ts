import { appendFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { Answered } from "../../examples/load.ts";
import { deploy, type Moved } from "../../src/api/deploying.ts";
import { connectKubernetes, type KubernetesConnection } from "../../src/api/kubernetes.ts";
import type { Wanted } from "../../src/api/planning.ts";
import { statusOf, type Status } from "../../src/api/status.ts";
import { abort, promote, resume, rollback } from "../../src/api/steering.ts";
import { loadConfig } from "../../src/config/load.ts";
import type { HistoryRow, JournalEvent } from "../../src/core/journal.ts";
import type { Slot } from "../../src/core/units.ts";
import type { Cluster } from "../cluster/cluster.ts";
import type { Json } from "../cluster/kubelet/client.ts";
import { deployment, service } from "../cluster/objects.ts";
import { ask, startUsers, type Users } from "../cluster/users.ts";
import { tell } from "../e2e/support.ts";
import { kill, until } from "../e2e/processes.ts";
import { Place, type PlaceOptions } from "./place.ts";
import { Witness } from "./witness.ts";

/* Whole deployments through the public API, each command over a connection of its own, as from another process. */

/** Checks once each, then the cutover; nobody waits. */
export const HEALTH =
  "{ ready: /health, deep: [/health/db], window: { of: 1, passes: 1, consecutive: 1, interval: 50ms, deadline: 15s } }";

export interface BlueGreen {
  readonly gate?: string;
  readonly bake?: string;
  readonly keepWarm?: string;
  readonly drain?: string;
}

export function blueGreen(options: BlueGreen = {}): string {
  const { gate, bake = "300ms", keepWarm = "10m", drain = "500ms" } = options;
  const before = gate === undefined ? "" : `gate: ${gate}, `;
  return `{ blueGreen: { ${before}bake: ${bake}, keepWarm: ${keepWarm}, drain: ${drain} } }`;
}

export class Story {
  readonly place: Place;
  readonly cluster: Cluster;
  readonly namespace: string;
  readonly #signal = new AbortController();
  readonly #ending: (() => Promise<unknown> | void)[] = [];
  #crashing: (() => void) | undefined;
  static readonly #open = new Set<Story>();

  private constructor(place: Place) {
    this.place = place;
    this.cluster = place.cluster;
    this.namespace = place.namespace;
  }

  /** A service of its own in a namespace of its own. */
  static async open(cluster: Cluster, options: PlaceOptions = {}): Promise<Story> {
    const place = await Place.open(cluster, {
      health: HEALTH,
      strategy: blueGreen(),
      // A template that nobody runs: nothing is adopted, the first revision is blue's.
      objects: [deployment("shop", "teal.test/web:v0", { replicas: 0 }), service("shop", { app: "shop" })],
      target: "replicas: 2",
      ...options,
    });
    const story = new Story(place);
    Story.#open.add(story);
    return story;
  }

  /** Ends every story that was opened and is not over, if any: a test that failed early hides nothing by its end. */
  static async endAll(): Promise<void> {
    for (const story of Story.#open) await story.end();
  }

  /** Runs when the story is over. */
  finally(end: () => Promise<unknown> | void): void {
    this.#ending.push(end);
  }

  async end(): Promise<void> {
    Story.#open.delete(this);
    this.#signal.abort();
    try {
      for (const end of this.#ending.toReversed()) await end();
    } finally {
      await this.place.dispose();
    }
  }

  async connect(): Promise<KubernetesConnection> {
    const path = join(this.place.folder, "teal.yaml");
    const env = { ...process.env, KUBECONFIG: this.cluster.kubeconfig };
    process.env["KUBECONFIG"] = this.cluster.kubeconfig;
    const loaded = await loadConfig({ path, env, cwd: this.place.folder });
    if (loaded.is === "invalid") throw new Error(JSON.stringify(loaded.problems));
    const stateDir = join(this.place.folder, "state");
    const made = await connectKubernetes(loaded.config, { stateDir, secrets: loaded.secrets });
    if (made.is === "refused") throw new Error(made.cause.message);
    return made.connection;
  }

  async #with<T>(use: (connection: KubernetesConnection) => Promise<T>): Promise<T> {
    const connection = await this.connect();
    try {
      return await use(connection);
    } finally {
      await connection.close();
    }
  }

  deploy(revision: string, wanted: Wanted = {}): Promise<Moved> {
    return this.#with((connection) =>
      deploy(connection, { ...wanted, revision }, { signal: this.#signal.signal }),
    );
  }

  /** Deploys what must become live. */
  async serve(revision: string): Promise<void> {
    const moved = await this.deploy(revision);
    expect(outcomeOf(moved), tell(moved)).toBeOneOf(["done", "warm"]);
  }

  rollback = (): Promise<Moved> => this.#with((each) => rollback(each, { signal: this.#signal.signal }));
  abort = (): Promise<Moved> => this.#with((each) => abort(each, { signal: this.#signal.signal }));
  promote = (): Promise<Moved> => this.#with((each) => promote(each, { signal: this.#signal.signal }));
  resume = (): Promise<Moved> => this.#with((each) => resume(each, { signal: this.#signal.signal }));
  status = (): Promise<Status> => this.#with((each) => statusOf(each, this.#signal.signal));

  history(): Promise<readonly HistoryRow[]> {
    return this.#with(async ({ store, key }) => {
      const answer = await store.history(key, 50);
      return answer.is === "rows" ? answer.rows : [];
    });
  }

  /** The journal of the open deployment, else of the last one that was closed. */
  journal(): Promise<readonly JournalEvent[]> {
    return this.#with(async ({ store, key }) => {
      const current = await store.current(key);
      if (current.is === "open") return current.journal.events;
      const rows = await store.history(key, 1);
      const id = rows.is === "rows" ? rows.rows[0]?.id : undefined;
      const answer = id === undefined ? undefined : await store.events(key, id);
      return answer?.is === "events" ? answer.events : [];
    });
  }

  /** Watches what users are sent to, until its verdict or the end of the story. */
  async witness(): Promise<Witness> {
    const witness = await Witness.open(this.cluster, this.namespace);
    this.finally(() => witness.close());
    return witness;
  }

  /** The address of a Service, for users: `shop`, or a slot's preview. */
  async url(service = "shop"): Promise<string> {
    const { spec } = await this.cluster.get(this.namespace, "service", service);
    return `http://${spec.clusterIP}`;
  }

  /** Users who ask already; they go with the story at the latest. */
  async users(rate = 40): Promise<Users> {
    const users = startUsers(this.cluster, { url: await this.url(), rate });
    // Whoever counts on their answers stopped them before, and was told if that failed.
    this.finally(() => users.stop().catch(() => undefined));
    await users.begun;
    return users;
  }

  /** What one user is answered now: the revision's name, or what `path` shows. */
  async answer(path = "/", service = "shop"): Promise<string> {
    const text = await ask(this.cluster, `${await this.url(service)}${path}`);
    return text.trim().split(" ")[0] ?? "";
  }

  /** Pods of a slot that are not on their way out. */
  async pods(slot: Slot): Promise<readonly Json[]> {
    const { items } = await this.cluster.get(this.namespace, "pods", "-l", `teal.dev/slot=${slot}`);
    return items.filter(({ metadata }: Json) => metadata.deletionTimestamp === undefined);
  }

  async uids(slot: Slot): Promise<readonly string[]> {
    return (await this.pods(slot)).map(({ metadata }) => String(metadata.uid)).toSorted();
  }

  /** Kills every process of a slot's pods again and again: 100 % of it is crashed until `peace`. */
  async crash(slot: Slot): Promise<void> {
    const names = (await this.pods(slot)).map(({ metadata }) => String(metadata.name));
    this.#crashing = killAlways(names);
    this.finally(() => this.peace());
    await until(`nobody to be ready in ${slot}`, async () => (await this.ready(`shop-${slot}`)).length === 0);
  }

  /** Lets its pods live again. */
  peace(): void {
    this.#crashing?.();
    this.#crashing = undefined;
  }

  /** Names of the pods that a Service reaches. */
  async ready(service = "shop"): Promise<readonly string[]> {
    const of = `kubernetes.io/service-name=${service}`;
    const { items } = await this.cluster.get(this.namespace, "endpointslices", "-l", of);
    return items
      .flatMap(({ endpoints }: Json) => endpoints ?? [])
      .filter(({ conditions }: Json) => conditions.ready === true)
      .map(({ targetRef }: Json) => String(targetRef.name));
  }

  /** Other settings than those of the beginning; none: those again. */
  configure(changes: Parameters<Place["configure"]>[0] & { readonly startDeadline?: string } = {}): void {
    this.place.configure(changes);
    const { startDeadline } = changes;
    if (startDeadline !== undefined)
      appendFileSync(join(this.place.folder, "teal.yaml"), `startDeadline: ${startDeadline}\n`);
  }

  /** A file beside teal.yaml. */
  write(name: string, text: string): void {
    writeFileSync(join(this.place.folder, name), text);
  }

  /** Waits until users of every node are answered by a revision: nodes of a busy machine hear late. */
  async shows(revision: string, service = "shop"): Promise<void> {
    const url = await this.url(service);
    for (const node of this.cluster.nodes)
      await until(`users of ${node} to be on ${revision}`, async () =>
        (await ask(this.cluster, url, node).catch(String)).startsWith(`${revision} `),
      );
  }

  /** Changes a field of an object of the namespace as a person with kubectl would. */
  async patch(object: string, patch: object): Promise<void> {
    await this.cluster.kubectl(
      "patch",
      object,
      "-n",
      this.namespace,
      "--type=merge",
      "-p",
      JSON.stringify(patch),
    );
  }
}

/** How a command ended, in one word: of a deployment that is over, its outcome. */
export function outcomeOf(moved: Moved): string {
  if (moved.is !== "ended") return moved.is;
  const { state } = moved.deployment;
  return state.is === "finished" ? state.outcome : state.is;
}

/** The journal of a command that ended or left a slot warm. */
export function eventsOf(moved: Moved): readonly JournalEvent[] {
  return "events" in moved ? moved.events : [];
}

/** Steps that were judged, in order: `probe-green pass`. */
export function verdicts(events: readonly JournalEvent[]): readonly string[] {
  return events.flatMap((event) =>
    event.kind === "verdict" && event.then !== "note" ? [`${event.of} ${event.result}`] : [],
  );
}

/** Writes that took effect, in order: `forward ensure`, `back shift`. */
export function writes(events: readonly JournalEvent[]): readonly string[] {
  const applied = new Set(
    events.flatMap((event) => (event.kind === "outcome" && event.result === "applied" ? [event.intent] : [])),
  );
  return events.flatMap((event) =>
    event.kind === "intent" && applied.has(event.intent) ? [`${event.dir} ${event.call.call}`] : [],
  );
}

export function failed(answers: readonly Answered[]): readonly string[] {
  return answers
    .filter(({ got }) => got !== 200 && got !== 201)
    .slice(0, 10)
    .map(({ at, kind, got, version }) => `${Math.round(at)} ms ${kind}: ${got} by ${version ?? "nobody"}`);
}

/** @returns how it is ended. */
function killAlways(pods: readonly string[]): () => void {
  const strike = (): void => processesOfPods(pods).forEach(kill);
  strike();
  const timer = setInterval(strike, 100);
  return () => clearInterval(timer);
}

/** Test pods are processes of this machine; each has its pod's name in its environment. */
export function processesOfPods(pods: readonly string[]): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/u.test(name))
    .filter((pid) => pods.includes(hostnameOf(pid)))
    .map(Number);
}

function hostnameOf(pid: string): string {
  try {
    const variables = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
    return variables.find((each) => each.startsWith("HOSTNAME="))?.slice("HOSTNAME=".length) ?? "";
  } catch {
    return ""; // ended meanwhile
  }
}
