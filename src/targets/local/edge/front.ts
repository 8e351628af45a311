import { createServer, type IncomingMessage, Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Server as NetServer } from "node:net";
import type { Edge, Side } from "./edge.ts";
import { Exchange, refuse } from "./exchange.ts";
import { refusal } from "./refusal.ts";

/** Longer than the idle time of common proxies and clients in front, so that they are the ones who close. */
const KEEP_ALIVE_MS = 75_000;
const HEAD_MS = 60_000;

/** One listening address. */
export class Front {
  readonly #server: Server;
  readonly #fd: number;

  constructor(edge: Edge, side: Side, fd: number) {
    this.#fd = fd;
    this.#server = createServer({
      keepAliveTimeout: KEEP_ALIVE_MS,
      headersTimeout: HEAD_MS,
      // Bounds the whole request: an upload may take as long as it moves.
      requestTimeout: 0,
      maxHeaderSize: 64 * 1024,
      insecureHTTPParser: false,
    });
    this.#server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      const why = refusal(request);
      if (why === undefined) return new Exchange(edge, side, request, response).start();
      response.shouldKeepAlive = false;
      refuse(response, 400, why);
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

  get connections(): Promise<number> {
    return new Promise((resolve) => this.#server.getConnections((_, count) => resolve(count ?? 0)));
  }
}
