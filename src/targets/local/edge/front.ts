import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, Server as NetServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Side } from "./choice.ts";
import type { Edge } from "./edge.ts";
import { Exchange } from "./exchange.ts";
import { arrived } from "./latest.ts";
import { refusal, refuse } from "./refusal.ts";
import { asksForWebSocket, responseOn } from "./upgrade.ts";

/** Longer than the idle time of common proxies and clients in front, so that they are the ones who close. */
const KEEP_ALIVE_MS = 75_000;
const HEAD_MS = 60_000;

/** One listening address. */
export class Front {
  readonly #edge: Edge;
  readonly #side: Side;
  readonly #fd: number;
  readonly #server: Server;
  readonly #refused = new WeakSet<Socket>();

  constructor(edge: Edge, side: Side, fd: number) {
    this.#edge = edge;
    this.#side = side;
    this.#fd = fd;
    this.#server = createServer({
      keepAliveTimeout: KEEP_ALIVE_MS,
      headersTimeout: HEAD_MS,
      // Would bound the whole request: an upload may take as long as it moves.
      requestTimeout: 0,
      maxHeaderSize: 64 * 1024,
      insecureHTTPParser: false,
      // Refused with the others: Node would answer, and still hand over what was sent behind.
      requireHostHeader: false,
      // Finds clients that vanished without a word, on streams that are silent.
      keepAlive: true,
      keepAliveInitialDelay: 60_000,
      shouldUpgradeCallback: asksForWebSocket,
    });
    this.#server.on("request", (request: IncomingMessage, response: ServerResponse) =>
      this.#request(request, response),
    );
    this.#server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      const response = responseOn(socket, request);
      const why = refusal(request);
      if (why === undefined) new Exchange(edge, side, request, response, { socket, head }).start();
      else refuse(response, 400, why);
    });
  }

  /** Accepts on the inherited socket from now on. */
  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ fd: this.#fd }, resolve);
    });
  }

  get address(): string {
    const { address, family, port } = this.#server.address() as AddressInfo;
    return family === "IPv6" ? `[${address}]:${port}` : `${address}:${port}`;
  }

  /**
   * Accepts no more. Not `http.Server.close`, which also closes idle connections: a request may be on its way on
   * one. They end after their next request, or when they were idle for too long.
   */
  stop(): void {
    NetServer.prototype.close.call(this.#server);
  }

  closeIdle(): void {
    this.#server.closeIdleConnections();
  }

  /** Open connections, those that became WebSockets included. */
  connections(): Promise<number> {
    return new Promise((resolve) => this.#server.getConnections((_, count) => resolve(count ?? 0)));
  }

  #request(request: IncomingMessage, response: ServerResponse): void {
    // What was sent ahead behind a refused request is not looked at: nobody knows where it really begins.
    if (this.#refused.has(request.socket)) return;
    const ahead = arrived(request, response);
    const why = refusal(request);
    if (why === undefined) {
      const exchange = new Exchange(this.#edge, this.#side, request, response);
      // A response that still waits for its turn is not told by Node that the connection closed.
      if (ahead) request.socket.setMaxListeners(0).once("close", () => exchange.gone());
      return exchange.start();
    }
    this.#refused.add(request.socket);
    response.shouldKeepAlive = false;
    refuse(response, 400, why);
  }
}
