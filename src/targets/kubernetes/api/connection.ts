import type { Agent, ClientRequest, IncomingMessage, OutgoingHttpHeaders } from "node:http";
import type { TLSSocket } from "node:tls";
import type { Cause } from "../../../core/units.ts";
import { CredentialSource, type Credentials, type Tls } from "./credentials.ts";
import type { Environment, Pinned } from "./kubeconfig.ts";

/**
 * A connection that was idle for this long (ms) is not used again: a load balancer or firewall in between may have
 * forgotten it without a word, and a write that is lost so has an unknown outcome.
 */
const IDLE_MS = 15_000;
const KEEP_ALIVE_MS = 15_000;

/** How far a request got: before `sent`, nothing of it can have reached the server. */
export type Stage = "connecting" | "securing" | "sent";

/** Requests to one API server with one user's credentials, over connections that are kept. */
export class Connection {
  readonly server: URL;
  readonly source: CredentialSource;
  readonly #pinned: Pinned;
  readonly #environment: Environment;
  readonly #userAgent: string;
  #agent: { readonly agent: Agent; readonly tls: Tls } | undefined;
  #credentials: Credentials | undefined;

  constructor(pinned: Pinned, environment: Environment, userAgent: string) {
    this.#pinned = pinned;
    this.#environment = environment;
    this.#userAgent = userAgent;
    this.server = new URL(pinned.cluster.server);
    this.source = new CredentialSource(pinned);
  }

  /** Values that must not appear in any message. */
  get secrets(): readonly string[] {
    return this.#credentials?.secrets ?? [];
  }

  /**
   * A request with credentials, to be ended by the caller.
   * @param path below the server's own path, as the API has it.
   */
  async request(method: string, path: string, headers: OutgoingHttpHeaders): Promise<ClientRequest | Cause> {
    const { generation } = this.source;
    const credentials = await this.source.current();
    if ("code" in credentials) return credentials;
    this.#credentials = credentials;
    const { protocol, hostname, port, pathname } = this.server;
    const { request } = process.getBuiltinModule(protocol === "http:" ? "node:http" : "node:https");
    const host = hostname.replace(/^\[|\]$/gu, "");
    // Without it Node would expect the certificate of whatever a Host header names, as probes of pods set it.
    const servername = process.getBuiltinModule("node:net").isIP(host) === 0 ? host : "";
    let prepared: ClientRequest;
    try {
      prepared = request({
        agent: await this.#agentFor(credentials.tls),
        method,
        host,
        ...(port === "" ? {} : { port }),
        path: pathname.replace(/\/$/u, "") + path,
        headers: { "user-agent": this.#userAgent, ...headers, ...credentials.headers } as OutgoingHttpHeaders,
        ...(protocol === "http:" ? {} : { servername, ...credentials.tls }),
      });
    } catch (error) {
      // A certificate, key or token that is none. What Node and OpenSSL say of them quotes nothing.
      const why = error instanceof Error ? error.message : String(error);
      const message = `the credentials of ${this.#pinned.source} cannot be used: ${why}. Correct the kubeconfig.`;
      return { code: "TEAL-K103", message };
    }
    const forget = () => this.source.forget(generation);
    // Tokens expire, certificates are rotated: the next request reads them anew.
    prepared.prependOnceListener("response", ({ statusCode }) => {
      if (statusCode === 401) forget();
    });
    const stage = follow(prepared);
    prepared.once("error", () => {
      if (stage() === "securing") forget();
    });
    return prepared;
  }

  /** Idle connections go: one of them was found dead. */
  dropIdle(): void {
    const idle = Object.values(this.#agent?.agent.freeSockets ?? {}).flatMap((sockets) => sockets ?? []);
    for (const socket of idle) socket.destroy();
  }

  close(): void {
    this.source.close();
    this.#agent?.agent.destroy();
  }

  async #agentFor(tls: Tls): Promise<Agent> {
    if (this.#agent === undefined || !sameTls(this.#agent.tls, tls)) {
      const agent = await this.#createAgent(tls);
      this.#agent?.agent.destroy();
      this.#agent = { agent, tls };
    }
    return this.#agent.agent;
  }

  async #createAgent(tls: Tls): Promise<Agent> {
    const { cluster, user } = this.#pinned;
    if (cluster.proxyUrl?.startsWith("socks") === true) {
      // Rare enough to load the whole library for it.
      const { KubeConfig } = await import("@kubernetes/client-node");
      const config = new KubeConfig();
      config.loadFromClusterAndUser(cluster, user);
      const options: { agent?: unknown } = {};
      await config.applyToHTTPSOptions(options as never);
      return options.agent as Agent;
    }
    const proxyEnv = proxyFor(this.server, cluster.proxyUrl, this.#environment);
    const options = {
      keepAlive: true,
      keepAliveMsecs: KEEP_ALIVE_MS,
      timeout: IDLE_MS,
      ...(proxyEnv === undefined ? {} : { proxyEnv }),
    };
    return this.server.protocol === "http:"
      ? new (process.getBuiltinModule("node:http").Agent)(options)
      : new (process.getBuiltinModule("node:https").Agent)({ ...options, ...tls });
  }
}

/** As kubectl: the kubeconfig's own proxy, else that of the environment, but never to this machine itself. */
function proxyFor(
  server: URL,
  proxyUrl: string | undefined,
  environment: Environment,
): Record<string, string> | undefined {
  if (proxyUrl !== undefined) return { HTTP_PROXY: proxyUrl, HTTPS_PROXY: proxyUrl };
  if (/^(?:localhost|127\.[\d.]+|\[::1\])$/u.test(server.hostname)) return undefined;
  const names = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"].flatMap((name) => [name, name.toLowerCase()]);
  return Object.fromEntries(
    names.flatMap((name) => (environment[name] === undefined ? [] : [[name, environment[name]]])),
  ) as Record<string, string>;
}

function sameTls(one: Tls, other: Tls): boolean {
  const keys = ["ca", "cert", "key", "servername", "rejectUnauthorized"] as const;
  return keys.every((key) => String(one[key]) === String(other[key]));
}

/** Follows how far a request gets. Call it before the request is ended. */
export function follow(request: ClientRequest): () => Stage {
  let stage: Stage = "connecting";
  request.once("socket", (socket) => {
    const secure = socket as Partial<TLSSocket>;
    const encrypted = secure.encrypted === true;
    if (request.reusedSocket || (!socket.connecting && !encrypted)) {
      stage = "sent";
      return;
    }
    const connected = () => {
      stage = encrypted ? "securing" : "sent";
    };
    if (socket.connecting) socket.once("connect", connected);
    else connected();
    // What was written before is held back until here.
    if (encrypted) socket.once("secureConnect", () => (stage = "sent"));
  });
  return () => stage;
}

/** One request and its whole answer, or how it failed. */
export type Exchange =
  | {
      readonly is: "answered";
      readonly status: number;
      readonly headers: IncomingMessage["headers"];
      readonly body: string;
    }
  | { readonly is: "broken"; readonly stage: Stage; readonly how: How; readonly detail: string };

export type How = "aborted" | "timeout" | "network";

export interface Outgoing {
  readonly method: string;
  readonly path: string;
  readonly headers: OutgoingHttpHeaders;
  readonly body?: string;
  readonly signal: AbortSignal;
  /** Longest silence of the server (ms). */
  readonly quiet: number;
  /** Longest time for all of it (ms). */
  readonly within: number;
}

/** Sends a request once. Never rejects; a `Cause` says why there was nothing to send it with. */
export async function exchange(connection: Connection, outgoing: Outgoing): Promise<Exchange | Cause> {
  const { method, path, headers, body, signal, quiet, within } = outgoing;
  const began = performance.now();
  const prepared = await connection.request(method, path, {
    ...headers,
    ...(body === undefined ? {} : { "content-length": Buffer.byteLength(body) }),
  });
  if ("code" in prepared) return prepared;
  const request = prepared;
  if (performance.now() - began >= within) {
    // The credentials came too late: whoever waited was told already that nothing was sent.
    request.on("error", () => undefined).destroy();
    return {
      is: "broken",
      stage: "connecting",
      how: "timeout",
      detail: `no credentials within ${seconds(within)}`,
    };
  }
  return new Promise((resolve) => {
    const stage = follow(request);
    let ended = false;
    let silence: NodeJS.Timeout | undefined;
    const end = (result: Exchange) => {
      if (ended) return;
      ended = true;
      clearTimeout(silence);
      clearTimeout(limit);
      signal.removeEventListener("abort", abort);
      resolve(result);
      if (result.is === "broken") request.destroy();
    };
    const fail = (how: How, detail: string) => end({ is: "broken", stage: stage(), how, detail });
    const abort = () => fail("aborted", "it was cancelled");
    const late = () => fail("timeout", `no answer within ${seconds(performance.now() - began)}`);
    const heard = () => {
      clearTimeout(silence);
      if (!ended) silence = setTimeout(late, quiet);
    };
    const limit = setTimeout(late, Math.max(0, within - (performance.now() - began)));
    heard();
    signal.addEventListener("abort", abort, { once: true });
    request.on("error", (error: NodeJS.ErrnoException) => fail("network", problem(error)));
    request.once("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => {
        heard();
        chunks.push(chunk);
      });
      response.on("error", (error: NodeJS.ErrnoException) => fail("network", problem(error)));
      response.once("close", () => {
        if (!response.complete) return fail("network", "the connection ended in the middle of the answer");
        const { statusCode: status = 0, headers: answered } = response;
        end({ is: "answered", status, headers: answered, body: Buffer.concat(chunks).toString("utf8") });
      });
    });
    if (signal.aborted) return abort();
    request.end(body);
  });
}

function problem(error: NodeJS.ErrnoException): string {
  const { code, message } = error;
  return code === undefined || message.includes(code) ? message : `${message} (${code})`;
}

export function seconds(ms: number): string {
  return ms < 950 ? `${Math.round(ms)} ms` : `${Math.round(ms / 100) / 10} s`;
}
