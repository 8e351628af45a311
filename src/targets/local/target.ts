import { existsSync } from "node:fs";
import { hostname } from "node:os";
import type { Read, Routing } from "../../core/observed.ts";
import { NOBODY, type Shares } from "../../core/routing.ts";
import {
  millis,
  otherSlot,
  SLOTS,
  version,
  type Cause,
  type Instant,
  type Revision,
} from "../../core/units.ts";
import type { Target } from "../../ports/target.ts";
import type { Write } from "../../ports/write.ts";
import type { SlotsFile } from "./agent/record.ts";
import { readJson } from "./files.ts";
import { isAlive, type ProcessIdentity } from "./identity.ts";
import { layout as layoutOf, type Layout } from "./layout.ts";
import type { AgentMethods, EdgeMethods, ServiceFile } from "./protocol.ts";
import type { ReleaseSettings } from "./releases.ts";
import { createLocalRouter, type LocalRouter } from "./router.ts";
import { RpcClient, RpcError } from "./rpc.ts";
import { createLocalSlots } from "./slots.ts";

/** A service on this machine. Paths are absolute, lengths of time in ms, sizes in bytes. */
export interface LocalSettings extends ReleaseSettings {
  readonly stateDir: string;
  readonly service: string;
  readonly environment: string;
  /** Public address: `host:port`, or a port on all interfaces; port 0 lets the system choose. */
  readonly listen: string | number;
  /** Private address of the idle slot: `host:port`, or a port on loopback; by default the system chooses one. */
  readonly preview?: string | number;
  readonly edge?: Partial<ServiceFile["edge"]>;
  readonly replicasPolicy?: Partial<ServiceFile["replicas"]>;
}

export interface LocalTarget extends Target {
  readonly kind: "local";
  readonly layout: Layout;
  readonly router: LocalRouter;
  /** What the agent and the edge are to be started with. */
  readonly serviceFile: ServiceFile;
  /** Ends the replicas of both slots, the edge and the agent. Releases, logs and records stay. */
  stop(): Promise<void>;
  /** Removes releases that neither a slot nor `keep` names; tells which. */
  prune(keep: readonly Revision[]): Promise<readonly string[]>;
  /** Public address for people, `http://127.0.0.1:8080`; undefined while no edge runs. */
  address(signal?: AbortSignal): Promise<string | undefined>;
}

const EDGE: ServiceFile["edge"] = {
  streams: { policy: "reconnect", after: 0, over: 2_000 },
  queue: { timeout: 2_000, limit: 1_000 },
  responseTimeout: 30_000,
  trustedProxies: [],
};

const REPLICAS: ServiceFile["replicas"] = {
  backoff: 500,
  backoffCap: 30_000,
  crashLoop: { exits: 3, within: 60_000 },
  stopGrace: 10_000,
  drainCap: 30_000,
  log: { maxBytes: 10_000_000, keep: 5 },
};

/** What stopping everything may take (ms) beyond the grace of the replicas: the edge finishes requests first. */
const STOP_MARGIN = 30_000;
/** A look is a question over a local socket, and a replica can be ready after 100 ms. */
const PACE = millis(20);
/** An edge that is being started answers within so long (ms). */
const EDGE_AT_MOST = 15_000;

/**
 * The service as a target. Cheap: nothing is read, connected or started until a method needs it, and reading a
 * service that was never deployed starts nothing.
 */
export function createLocalTarget(settings: LocalSettings): Promise<LocalTarget> {
  const layout = layoutOf(settings.stateDir, settings.service, settings.environment);
  const service = serviceFile(settings);
  const processes = new Processes(layout, service);
  const slots = createLocalSlots(layout, (need) => processes.agent(need));
  const router = createLocalRouter(layout);
  const target: LocalTarget = {
    kind: "local",
    serviceFile: service,
    place: hostname(),
    layout,
    slots,
    router: withEdge(router, layout, processes),
    metrics: router,
    prepare: async (name, signal, progress) =>
      (await import("./releases.ts")).prepareRelease(layout, settings, name, signal, progress),
    recall: async (revision) => (await import("./releases.ts")).recallRelease(layout, revision),
    start: async () => {
      const fault = await processes.startEdge();
      // Of a service that runs nothing, nothing stays behind to try again later: it was refused.
      if (fault !== undefined && !processes.hasWork()) await processes.stop();
      return fault;
    },
    pace: PACE,
    prune: async (keep) => (await import("./releases.ts")).pruneReleases(layout, keep, Date.now()),
    address: async () => addressOf((await processes.edge())?.public),
    preview: async (slot) => {
      // Asked first and once: where no edge runs, nobody waits for it to come back.
      const edge = await processes.edge();
      const seen = edge && (await router.observe(AbortSignal.timeout(EDGE_AT_MOST)));
      if (seen?.is !== "seen" || seen.value.weights === "pool") return undefined;
      const { weights } = seen.value;
      // One private address, which shows the slot with the smaller share.
      return weights[slot] > weights[otherSlot(slot)] ? undefined : addressOf(edge?.preview);
    },
    stop: () => processes.stop(),
    close: async () => {
      slots.close();
      router.close();
    },
  };
  return Promise.resolve(target);
}

/** What the agent and the edge are started with: the settings with every default filled in. */
function serviceFile(settings: LocalSettings): ServiceFile {
  const { service, environment, listen, preview = 0, edge, replicasPolicy } = settings;
  return {
    service,
    environment,
    listen: typeof listen === "number" ? `0.0.0.0:${listen}` : listen,
    preview: typeof preview === "number" ? `127.0.0.1:${preview}` : preview,
    edge: { ...EDGE, ...edge },
    replicas: { ...REPLICAS, ...replicasPolicy },
  };
}

function addressOf(listens: string | undefined): string | undefined {
  return listens === undefined
    ? undefined
    : `http://${listens.replace(/^0\.0\.0\.0:/, "127.0.0.1:").replace("[::]:", "[::1]:")}`;
}

/**
 * The edge's router; while there is no holder of its sockets, and so no edge, the route record itself is read, since
 * it is what is live. Where an edge is, a write goes straight to it: going back must not depend on the agent.
 */
function withEdge(router: LocalRouter, layout: Layout, processes: Processes): LocalRouter {
  async function write<T>(attempt: () => Promise<Write<T>>): Promise<Write<T>> {
    const fault = alive(layout.holderPid) ? undefined : await processes.startEdge();
    return fault === undefined ? attempt() : { is: "rejected", cause: fault };
  }
  return {
    ...router,
    claim: (by) => write(() => router.claim(by)),
    shift: (to, expect, by) => write(() => router.shift(to, expect, by)),
    observe: async (signal) => {
      // Without a route record nothing was ever routed, whether or not an agent runs already.
      const routed = existsSync(layout.routeFile);
      if (alive(layout.holderPid) || (routed && (await processes.agent("read")) !== "absent"))
        return router.observe(signal);
      return recorded(layout) ?? router.observe(signal);
    },
  };
}

/** What the route record says; undefined when it is not one. */
function recorded(layout: Layout): Read<Routing> | undefined {
  const record = readJson<{ weights: Shares; version: number }>(layout.routeFile) ?? {
    weights: NOBODY,
    version: 0,
  };
  if (typeof record.weights?.blue !== "number" || typeof record.weights.green !== "number") return undefined;
  const { weights } = record;
  const rules = [{ id: "edge", weights, raw: JSON.stringify(weights) }];
  return {
    is: "seen",
    value: { weights, rules },
    version: version(String(record.version)),
    at: Date.now() as Instant,
  };
}

/** The background processes of the service: started when needed, never by merely looking at an empty service. */
class Processes {
  readonly #layout: Layout;
  readonly #service: ServiceFile;
  #ensured = false;

  constructor(layout: Layout, service: ServiceFile) {
    this.#layout = layout;
    this.#service = service;
  }

  /** Makes the agent run. Before a write, with these settings; for reading, as it was, and only if it has work. */
  async agent(need: "read" | "write"): Promise<"running" | "absent" | Cause> {
    try {
      if (this.#agentAlive() && (need === "read" || this.#ensured)) return "running";
      if (need === "read" && !this.hasWork()) return "absent";
      const before = need === "read" ? readJson<ServiceFile>(this.#layout.serviceFile) : undefined;
      // Loaded when needed: `teal status` of a running service starts nothing.
      const { ensureAgent } = await import("./agent/start.ts");
      const ensured = await ensureAgent(this.#layout, before ?? this.#service);
      if (ensured.is === "failed") return ensured;
      this.#ensured ||= need === "write";
      return "running";
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      return { code: code?.startsWith("TEAL-") === true ? code : "TEAL-L203", message };
    }
  }

  /** Makes the edge answer; a cause when it does not. */
  async startEdge(): Promise<Cause | undefined> {
    const agent = await this.agent("write");
    if (agent !== "running") return agent === "absent" ? undefined : agent;
    const deadline = performance.now() + EDGE_AT_MOST;
    while ((await this.edge()) === undefined) {
      const fault = (await ask<AgentMethods["edge"][1]>(this.#layout.agentSocket, "edge"))?.fault;
      if (fault !== undefined) return fault;
      if (performance.now() > deadline) {
        return {
          code: "TEAL-L209",
          message: `no edge after ${EDGE_AT_MOST / 1000} s. Its log is ${this.#layout.edgeLog}`,
        };
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return undefined;
  }

  edge(): Promise<EdgeMethods["hello"][1] | undefined> {
    return ask(this.#layout.edgeSocket, "hello");
  }

  async stop(): Promise<void> {
    const layout = this.#layout;
    if (!this.#agentAlive()) {
      if (!this.hasWork() && !alive(layout.holderPid)) return;
      // An agent that died left its replicas running: another one finds and ends them.
      const ready = await this.agent("write");
      if (ready !== "running")
        throw new Error(ready === "absent" ? "no agent" : `${ready.code} ${ready.message}`);
    }
    // Read before it stops: an agent that ends removes its record while its process is still there.
    const agent = readJson<ProcessIdentity>(layout.agentPid);
    const client = new RpcClient(layout.agentSocket);
    try {
      await client.call("stop", { everything: true }, this.#service.replicas.stopGrace + STOP_MARGIN);
    } finally {
      client.close();
    }
    while (agent !== undefined && isAlive(agent)) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  #agentAlive(): boolean {
    return alive(this.#layout.agentPid);
  }

  /** Some slot should have replicas, or still has. */
  hasWork(): boolean {
    const slots = readJson<SlotsFile>(this.#layout.slotsFile)?.slots;
    return SLOTS.some(
      (slot) => (slots?.[slot].want?.replicas ?? 0) > 0 || (slots?.[slot].replicas.length ?? 0) > 0,
    );
  }
}

function alive(pidFile: string): boolean {
  const identity = readJson<ProcessIdentity>(pidFile);
  return identity !== undefined && isAlive(identity);
}

/** One question to one process; undefined when it does not answer. */
async function ask<T>(socket: string, method: string): Promise<T | undefined> {
  const client = new RpcClient(socket);
  try {
    return await client.call<T>(method, {}, 5_000);
  } catch (error) {
    if (error instanceof RpcError) return undefined;
    throw error;
  } finally {
    client.close();
  }
}
