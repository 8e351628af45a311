import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { HttpAnswer, HttpRequest } from "./protocol.ts";

/** What becomes of a request: an answer, or a connection that breaks. */
export type Reply = HttpAnswer | "reset";

export interface Endpoint {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  stop(): Promise<void>;
}

/** Serves all services at one address: which one is meant, a request's signature tells. */
export async function serveEndpoint(handle: (request: HttpRequest) => Promise<Reply>): Promise<Endpoint> {
  const server = createServer((incoming, response) => {
    received(incoming)
      .then(handle)
      .then(
        (reply) => {
          if (reply === "reset") return void incoming.socket.resetAndDestroy();
          response.writeHead(reply.status, {
            ...reply.headers,
            ...(reply.headers["content-length"] === undefined && {
              "content-length": Buffer.byteLength(reply.body),
            }),
          });
          response.end(incoming.method === "HEAD" ? undefined : reply.body);
        },
        (error: unknown) => {
          // A mistake of the simulator, or a client that went away in the middle of its request.
          if (!incoming.destroyed || incoming.complete) console.error(error);
          incoming.socket.resetAndDestroy();
        },
      );
  });
  // Clients keep connections; one that the server closes while the client writes would be a fault that nobody asked for.
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function received(incoming: IncomingMessage): Promise<HttpRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const headers = Object.fromEntries(
    Object.entries(incoming.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(",") : (value ?? ""),
    ]),
  );
  return {
    method: incoming.method ?? "GET",
    path: incoming.url ?? "/",
    headers,
    body: Buffer.concat(chunks),
  };
}
