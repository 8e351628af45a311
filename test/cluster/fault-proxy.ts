import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { CredentialSource, type Credentials } from "../../src/targets/kubernetes/api/credentials.ts";
import { pin } from "../../src/targets/kubernetes/api/kubeconfig.ts";
import { requestInfo, type RequestInfo } from "../../src/targets/kubernetes/api/request-info.ts";
import { seeded } from "../simulation/random.ts";
import { FaultRules, pieces, type Fault, type Which } from "./fault-rules.ts";
import { WatchFaults } from "./watch-faults.ts";

export type { Fault, Which } from "./fault-rules.ts";

export interface FaultProxy {
  /** A kubeconfig with one context, `teal-test`, that leads here with the credentials of the upstream's user. */
  readonly kubeconfig: string;
  readonly url: string;
  /** The same for another kubeconfig of this cluster. */
  through(kubeconfig: string): string;
  /** The next `times` requests of this kind suffer the fault. */
  next(which: Which, fault: Fault, times?: number): void;
  /** This share (0 to 1) of requests of this kind suffers one of the faults, as the seed decides. */
  rate(share: number, faults: readonly Fault[], which?: Which): void;
  /** No more faults; those under way end as they began. */
  clear(): void;
  /** Ends every connection that is open now, watches too. */
  cut(how: "reset" | "close"): void;
  /** Requests so far: `{ "patch services": 2, "watch pods": 1 }`. */
  counts(): Readonly<Record<string, number>>;
  forgetCounts(): void;
  /** Every answer of the server itself so far, also those that were lost on the way. */
  answers(): readonly Answered[];
  /** Scripted faults that no request met yet. */
  pending(): number;
  /** How often each kind of fault happened. */
  happened(): Readonly<Record<string, number>>;
  stop(): Promise<void>;
}

export interface Answered {
  readonly info: RequestInfo;
  readonly status: number;
}

/**
 * Stands between Teal and a real API server, speaks plain HTTP to Teal and does to requests what networks and busy
 * servers do to them.
 * @param upstream a kubeconfig; `context` of it, else its only one.
 */
export async function startFaultProxy(options: {
  readonly upstream: string;
  readonly context?: string;
  readonly seed?: number;
}): Promise<FaultProxy> {
  const config = parse(readFileSync(options.upstream, "utf8")) as { contexts: { name: string }[] };
  const context = options.context ?? config.contexts[0]?.name ?? "";
  const pinned = await pin({ by: "context", context, kubeconfig: options.upstream }, process.env);
  if ("code" in pinned) throw new Error(pinned.message);
  const credentials = await new CredentialSource(pinned).current();
  if ("code" in credentials) throw new Error(credentials.message);
  const proxy = new Proxy(new URL(pinned.cluster.server), credentials, options.seed ?? 1);
  await proxy.listen();
  return proxy;
}

class Proxy implements FaultProxy {
  readonly #upstream: URL;
  readonly #credentials: Credentials;
  readonly #random: () => number;
  readonly #agent: https.Agent;
  readonly #folder = mkdtempSync(join(tmpdir(), "teal-fault-proxy-"));
  readonly #sockets = new Set<Socket>();
  readonly #server = http.createServer((request, response) => void this.#serve(request, response));
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #rules: FaultRules;
  readonly #counts = new Map<string, number>();
  readonly #answers: Answered[] = [];
  #files = 0;
  kubeconfig = "";
  url = "";

  constructor(upstream: URL, credentials: Credentials, seed: number) {
    this.#upstream = upstream;
    this.#credentials = credentials;
    this.#random = seeded(seed);
    this.#rules = new FaultRules(this.#random);
    this.#agent = new https.Agent({ keepAlive: true, ...credentials.tls });
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
      socket.once("close", () => this.#sockets.delete(socket));
    });
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    const authorization = this.#credentials.headers["authorization"];
    const user = typeof authorization === "string" ? { token: authorization.replace(/^Bearer /u, "") } : {};
    this.kubeconfig = this.#write({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "teal-test", cluster: { server: this.url } }],
      users: [{ name: "teal-test", user }],
      contexts: [{ name: "teal-test", context: { cluster: "teal-test", user: "teal-test" } }],
      "current-context": "teal-test",
    });
  }

  through(kubeconfig: string): string {
    const config = parse(readFileSync(kubeconfig, "utf8")) as { clusters: { name: string }[] };
    const clusters = config.clusters.map(({ name }) => ({ name, cluster: { server: this.url } }));
    return this.#write({ ...config, clusters });
  }

  next(which: Which, fault: Fault, times = 1): void {
    this.#rules.next(which, fault, times);
  }

  rate(share: number, faults: readonly Fault[], which: Which = {}): void {
    this.#rules.rate(share, faults, which);
  }

  clear(): void {
    this.#rules.clear();
  }

  cut(how: "reset" | "close"): void {
    for (const socket of this.#sockets) {
      if (how === "reset") socket.resetAndDestroy();
      else socket.end();
    }
  }

  counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }

  forgetCounts(): void {
    this.#counts.clear();
  }

  answers(): readonly Answered[] {
    return this.#answers;
  }

  pending(): number {
    return this.#rules.pending;
  }

  happened(): Readonly<Record<string, number>> {
    return this.#rules.happened;
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const socket of this.#sockets) socket.destroy();
    this.#agent.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #write(config: object): string {
    const path = join(this.#folder, `kubeconfig-${this.#files++}`);
    writeFileSync(path, stringify(config), { mode: 0o600 });
    return path;
  }

  async #serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const info = requestInfo(request.method ?? "GET", request.url ?? "/");
    const key = [info.verb, info.resource || request.url?.split("?", 1)[0]].join(" ");
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    const fault = this.#rules.choose(info);
    const body = await wholeBody(request);
    if (body === undefined) return; // the client went away
    const socket = request.socket;
    const end = (how: "reset" | "close") =>
      void (how === "reset" ? socket.resetAndDestroy() : socket.destroy());
    switch (fault?.is) {
      case "dead":
        return;
      case "answer":
        return refuse(response, fault.status, fault.retryAfter);
      case "late":
        end("reset");
        return this.#later(
          fault.ms,
          () => void this.#forward(request, body, (answer) => void answer.resume()),
        );
      case "reset":
      case "close":
        if (fault.when === "before") return end(fault.is);
        break;
      case "stall":
      case "slow":
      case "chop":
      case "goneEvent":
      case "duplicate":
      case "drop":
      case undefined:
        break;
      default: {
        const never: never = fault;
        return never;
      }
    }
    const upstream = this.#forward(request, body, (answer) => {
      if (info.verb === "watch" && answer.statusCode === 200) {
        new WatchFaults(fault, this.#random, answer, response, end).run();
      } else {
        void this.#answer(fault, answer, response, end);
      }
    });
    upstream.once("error", () => end("reset"));
    const lost = (fault?.is === "reset" || fault?.is === "close") && fault.when === "after";
    response.once("close", () => {
      // A write whose answer is to be lost is carried out although nobody waits for it.
      if (!lost) upstream.destroy();
    });
  }

  #forward(
    request: http.IncomingMessage,
    body: Buffer,
    answered: (answer: http.IncomingMessage) => void,
  ): http.ClientRequest {
    const {
      "accept-encoding": _,
      host: __,
      connection: ___,
      "transfer-encoding": ____,
      ...headers
    } = request.headers;
    const own = headers.authorization === undefined ? this.#credentials.headers : {};
    const info = requestInfo(request.method ?? "GET", request.url ?? "/");
    const upstream = https.request(
      {
        agent: this.#agent,
        host: this.#upstream.hostname,
        port: this.#upstream.port || 443,
        method: request.method,
        path: request.url,
        headers: { ...headers, ...own } as http.OutgoingHttpHeaders,
      },
      (answer) => {
        this.#answers.push({ info, status: answer.statusCode ?? 0 });
        answered(answer);
      },
    );
    upstream.on("error", () => undefined);
    upstream.end(body);
    return upstream;
  }

  async #answer(
    fault: Fault | undefined,
    answer: http.IncomingMessage,
    response: http.ServerResponse,
    end: (how: "reset" | "close") => void,
  ): Promise<void> {
    const head = () => response.writeHead(answer.statusCode ?? 502, passedOn(answer.headers));
    if (fault === undefined) {
      head().flushHeaders();
      answer.on("error", () => end("reset"));
      answer.pipe(response);
      return;
    }
    const body = await wholeBody(answer);
    if (body === undefined) return end("reset");
    const half = body.subarray(0, Math.floor(body.length / 2));
    switch (fault.is) {
      case "reset":
      case "close":
        if (fault.when === "after") return end(fault.is);
        head().flushHeaders();
        response.write(half, () => end(fault.is));
        return;
      case "stall":
        head().flushHeaders();
        response.write(half);
        return;
      case "slow":
        return this.#later(fault.ms, () => head().end(body));
      case "chop":
        head().flushHeaders();
        for (const piece of pieces(body, this.#random)) {
          response.write(piece);
          await new Promise(setImmediate);
        }
        response.end();
        return;
      case "dead":
      case "answer":
      case "late":
        throw new Error(`${fault.is} needs no answer`);
      case "goneEvent":
      case "duplicate":
      case "drop":
        head().end(body); // only watches suffer it
        return;
      default: {
        const never: never = fault;
        return never;
      }
    }
  }

  #later(ms: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, ms);
    this.#timers.add(timer);
  }
}

async function wholeBody(from: http.IncomingMessage): Promise<Buffer | undefined> {
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of from) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  } catch {
    return undefined;
  }
}

/** Length and framing are this proxy's own. */
function passedOn(headers: http.IncomingHttpHeaders): http.OutgoingHttpHeaders {
  const { connection: _, "transfer-encoding": __, ...rest } = headers;
  return rest;
}

const REASONS: Readonly<Record<number, string>> = {
  409: "Conflict",
  410: "Expired",
  429: "TooManyRequests",
  500: "InternalError",
  503: "ServiceUnavailable",
  504: "Timeout",
};

function refuse(response: http.ServerResponse, code: number, retryAfter: number | undefined): void {
  if (retryAfter !== undefined) response.setHeader("retry-after", retryAfter);
  response.writeHead(code, { "content-type": "application/json" });
  const status = {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    reason: REASONS[code],
    message: `the fault proxy answers ${code}`,
    ...(retryAfter === undefined ? {} : { details: { retryAfterSeconds: retryAfter } }),
    code,
  };
  response.end(JSON.stringify(status));
}
