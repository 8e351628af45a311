import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import type { Check, HttpAsk, Identity, Sample } from "../core/checks.ts";
import { millis } from "../core/units.ts";
import type { Reach } from "../ports/slots.ts";
import { createProbe } from "./probe.ts";

/** A real HTTP server on a free loopback port, closed when the test ends. `seen` are the requests that came. */
export async function serveHttp(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ port: number; seen: IncomingMessage[] }> {
  const seen: IncomingMessage[] = [];
  const server = createHttpServer((request, response) => {
    seen.push(request);
    answer(request, response);
  });
  return { port: await listen(server), seen };
}

/** A real TCP server that hands each connection to the test. */
export async function serveTcp(each: (socket: Socket) => void): Promise<number> {
  return listen(createServer(each));
}

async function listen(server: Server): Promise<number> {
  const open = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => open.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    for (const socket of open) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export const reachOf = (port: number, changes: Partial<Reach> = {}): Reach => ({
  replica: "green-1",
  incarnation: "green-1/1",
  host: "127.0.0.1",
  port,
  tail: () => Promise.resolve([]),
  ...changes,
});

export const httpCheck = (http: Partial<HttpAsk> = {}, timeout = 2_000): Check => ({
  name: "deep[0]",
  kind: "deep",
  timeout: millis(timeout),
  ask: "http",
  http: { method: "GET", path: "/", headers: {}, status: [[200, 299]], followRedirects: 0, ...http },
});

export interface Asking {
  readonly identity?: Identity;
  readonly secrets?: readonly string[];
  readonly signal?: AbortSignal;
}

/** One real question by the probe that is shipped. */
export function ask(
  check: Check,
  reach: Reach,
  { identity = { by: "address" }, secrets = [], signal = new AbortController().signal }: Asking = {},
): Promise<Sample> {
  return createProbe({ secrets }).sample(
    check,
    { reach, revision: { id: "v2", config: "c" }, identity, attempt: 1 },
    signal,
  );
}
