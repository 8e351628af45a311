import http, { type IncomingMessage, type Server, type ServerResponse } from "node:http";
import https from "node:https";
import type { Duplex } from "node:stream";
import { Pool } from "undici";
import type { Chance, WorldClock } from "../../kernel.ts";
import type { Listener, LoadBalancer } from "../model.ts";
import { errorPage } from "./answers.ts";
import type { Cookies } from "./cookies.ts";
import type { Counters } from "./counters.ts";
import type { Group } from "./group.ts";
import { towardsTarget } from "./headers.ts";
import { relay, sendOwn } from "./relay.ts";
import { asked, decide, type Decision, type PortTable } from "./route.ts";
import type { Target } from "./target.ts";
import { tunnel, writeOwn } from "./tunnel.ts";

/** A busy machine is not an idle connection: none is closed earlier than this, ms of the machine. */
const LEAST_IDLE = 1_000;
/** Clients live in the machine's time: they keep connections and tunnels for seconds, whatever the world's speed is. */
const LEAST_CLIENT_IDLE = 10_000;
/** Guide, "Troubleshoot", HTTP 504: ten seconds to connect to a target. */
const CONNECT = 10_000;

export interface NodeDeps {
  readonly clock: WorldClock;
  readonly chance: Chance;
  readonly cookies: Cookies;
  readonly renewGroupCookie: boolean;
  readonly counters: Counters;
  readonly groups: ReadonlyMap<string, Group>;
  readonly certificate: () => { readonly key: string; readonly certificate: string };
  /** A port could not be opened. */
  readonly failed: (error: Error) => void;
}

/** What a node serves: of one moment of the control plane. */
export interface Told {
  /** Counts up with every change. */
  readonly version: number;
  readonly loadBalancer: LoadBalancer;
  readonly ports: ReadonlyMap<number, PortTable>;
}

/** One address of a load balancer, on real sockets. It serves by what it was told, however late that was. */
export class Node {
  readonly address: string;
  readonly zone: string;
  /** How long it takes until it applies a change, ms of the world. */
  delay: number;
  /** Requests that came in. */
  requests = 0;
  /** World time at which it applied the last change. */
  appliedAt: number;
  readonly #deps: NodeDeps;
  #told: Told;
  readonly #servers = new Map<number, Server>();
  /** Of deleted listeners, until their last request is answered. */
  readonly #closing = new Set<Server>();
  readonly #tunnels = new Set<() => void>();
  readonly #opening = new Set<Promise<void>>();
  readonly #pools = new Map<Target, Pool>();
  readonly #turns = new Map<Group, number>();
  readonly #born = new WeakMap<object, number>();
  #stopped = false;
  #waiters: (() => void)[] = [];

  constructor(address: string, zone: string, delay: number, deps: NodeDeps, told: Told) {
    this.address = address;
    this.zone = zone;
    this.delay = delay;
    this.#deps = deps;
    this.#told = told;
    this.appliedAt = deps.clock.now();
    this.#open();
  }

  get version(): number {
    return this.#told.version;
  }

  /** Changes overtaken by later ones are left alone. */
  apply(told: Told): void {
    if (this.#stopped || told.version <= this.#told.version) return;
    this.#told = told;
    this.appliedAt = this.#deps.clock.now();
    this.#wake();
    for (const [port, server] of this.#servers) {
      const listener = told.ports.get(port)?.listener;
      if (listener === undefined || secure(server) !== (listener.protocol === "HTTPS"))
        this.#close(port, server);
    }
    this.#open();
  }

  /** With the next change that it applies, or its end. */
  nextChange(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  #wake(): void {
    for (const wake of this.#waiters.splice(0)) wake();
  }

  /** Once every port that it was told of is open. */
  async ready(): Promise<void> {
    await Promise.all(this.#opening);
  }

  /** A target is gone: requests that are still with it break off. */
  drop(target: Target): void {
    const pool = this.#pools.get(target);
    this.#pools.delete(target);
    if (pool !== undefined) void pool.destroy(new Error("the target is gone")).catch(() => {});
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake();
    const servers = [...this.#servers.values(), ...this.#closing];
    const closed = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    for (const cut of this.#tunnels) cut();
    for (const server of servers) server.closeAllConnections();
    this.#servers.clear();
    for (const target of this.#pools.keys()) this.drop(target);
    await Promise.all(closed);
  }

  #open(): void {
    for (const [port, { listener }] of this.#told.ports) {
      if (this.#servers.has(port)) continue;
      const server = this.#serve(listener);
      this.#servers.set(port, server);
      const opening = new Promise<void>((resolve) => {
        server.once("listening", resolve);
        server.once("error", (error) => {
          this.#deps.failed(error);
          resolve();
        });
      }).finally(() => this.#opening.delete(opening));
      this.#opening.add(opening);
      server.listen(port, this.address);
    }
  }

  /** Requests on their way are completed; connections end with them. */
  #close(port: number, server: Server): void {
    this.#servers.delete(port);
    this.#closing.add(server);
    server.close(() => this.#closing.delete(server));
    server.closeIdleConnections();
  }

  #serve({ port, protocol }: Listener): Server {
    const { key, certificate: cert } = protocol === "HTTPS" ? this.#deps.certificate() : {};
    const server = protocol === "HTTPS" ? https.createServer({ key, cert }) : http.createServer();
    server.keepAliveTimeout = Math.max(LEAST_CLIENT_IDLE, this.#idle());
    server.requestTimeout = 0;
    server.headersTimeout = 60_000;
    server.on(protocol === "HTTPS" ? "secureConnection" : "connection", (socket: object) =>
      this.#born.set(socket, this.#deps.clock.now()),
    );
    server.on("request", (request, response) => this.#answer(port, request, response));
    server.on("upgrade", (request, socket, head) => this.#upgrade(port, request, socket, head));
    server.on("clientError", (_error, socket) => socket.destroy());
    return server;
  }

  #answer(port: number, request: IncomingMessage, response: ServerResponse): void {
    this.requests += 1;
    const table = this.#told.ports.get(port);
    // Guide, "Client keepalive duration": the answer that is the first after it closes the connection. A listener that
    // was deleted closes its connections the same way.
    if (table === undefined || this.#tooOld(request)) response.shouldKeepAlive = false;
    const decision: Decision =
      table === undefined
        ? { is: "own", answer: errorPage(503) }
        : decide(this.#routing, table, asked(request));
    if (decision.is === "own") {
      this.#countOwn(decision.targetGroup, decision.answer.status);
      sendOwn(response, decision.answer);
      return;
    }
    const { group, target } = decision;
    const count = this.#count(group);
    count.sent();
    target.inflight += 1;
    relay(this.#pool(group, target), {
      request,
      response,
      headers: towardsTarget(request, table!.listener, this.#attributes, this.#deps.clock.now()),
      setCookies: decision.setCookies,
      idle: this.#idle(),
      began: count.answered,
      ended: (relayed) => {
        group.left(target);
        if (relayed.is === "own") this.#countOwn(group.of.arn, relayed.status);
      },
    });
  }

  #upgrade(port: number, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.requests += 1;
    const table = this.#told.ports.get(port);
    if (table === undefined) return void socket.destroy();
    const decision = decide(this.#routing, table, asked(request));
    if (decision.is === "own") {
      this.#countOwn(decision.targetGroup, decision.answer.status);
      return writeOwn(socket, decision.answer);
    }
    const { group, target } = decision;
    const count = this.#count(group);
    count.sent();
    target.inflight += 1;
    const cut = tunnel({
      request,
      socket,
      head,
      to: { protocol: group.of.protocol, host: group.host(target), port: target.port },
      from: this.address,
      headers: towardsTarget(request, table.listener, this.#attributes, this.#deps.clock.now()),
      setCookies: decision.setCookies,
      idle: Math.max(LEAST_CLIENT_IDLE, this.#idle()),
      began: count.answered,
      ended: (own) => {
        target.tunnels.delete(cut);
        this.#tunnels.delete(cut);
        group.left(target);
        if (own !== undefined) this.#countOwn(group.of.arn, own);
      },
    });
    target.tunnels.add(cut);
    this.#tunnels.add(cut);
  }

  #count(group: Group): { readonly sent: () => void; readonly answered: (status: number) => void } {
    const began = performance.now();
    const { counters, clock } = this.#deps;
    const at = () => counters.at(this.#told.loadBalancer.arn, group.of.arn, this.address);
    return {
      sent: () => {
        at().requests += 1;
      },
      answered: (status) => {
        const counted = at();
        const of = Math.floor(status / 100) - 1;
        if (of in counted.answers) counted.answers[of as 0] += 1;
        counted.seconds += ((performance.now() - began) / 1000) * clock.speed;
        counted.timed += 1;
      },
    };
  }

  #countOwn(targetGroup: string | undefined, status: number): void {
    const { own } = this.#deps.counters.at(this.#told.loadBalancer.arn, targetGroup, this.address);
    own.set(status, (own.get(status) ?? 0) + 1);
  }

  /** Guide, "Listeners": connections to targets are kept alive; each node has its own. */
  #pool(group: Group, target: Target): Pool {
    let pool = this.#pools.get(target);
    if (pool !== undefined) return pool;
    const scheme = group.of.protocol.toLowerCase();
    pool = new Pool(`${scheme}://${group.host(target)}:${target.port}`, {
      pipelining: 1,
      localAddress: this.address,
      keepAliveTimeout: this.#idle(),
      keepAliveMaxTimeout: this.#idle(),
      connect: {
        timeout: this.#real(CONNECT),
        // Guide, "Target groups": certificates of targets are not validated.
        rejectUnauthorized: false,
      },
    });
    this.#pools.set(target, pool);
    return pool;
  }

  get #routing() {
    const { clock, chance, cookies, renewGroupCookie, groups } = this.#deps;
    return { clock, chance, cookies, renewGroupCookie, groups, turns: this.#turns };
  }

  get #attributes() {
    return this.#told.loadBalancer.attributes;
  }

  /** Guide, "Connection idle timeout": on either side; 60 seconds by default. ms of the machine. */
  #idle(): number {
    return this.#real(Number(this.#attributes.get("idle_timeout.timeout_seconds")) * 1000);
  }

  #real(ms: number): number {
    return Math.max(LEAST_IDLE, Math.round(ms / this.#deps.clock.speed));
  }

  #tooOld(request: IncomingMessage): boolean {
    const since = this.#born.get(request.socket) ?? this.#deps.clock.now();
    return this.#deps.clock.now() - since > Number(this.#attributes.get("client_keep_alive.seconds")) * 1000;
  }
}

const secure = (server: Server) => server instanceof https.Server;
