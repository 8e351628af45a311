import http from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** What can happen to a request between the store and S3. */
export type S3Fault =
  /** The connection is reset: `before` S3 got the request, or `after` it did what was asked. */
  | { readonly is: "reset"; readonly when: "before" | "after" }
  /** The connection is reset at once, and S3 gets the request so much later (ms). */
  | { readonly is: "late"; readonly ms: number }
  /** S3 itself refuses, before it did anything. */
  | { readonly is: "answer"; readonly status: number; readonly code: string; readonly headers?: object }
  /** Nobody answers. */
  | { readonly is: "dead" };

/** Requests that a fault is for: by method, and by how the key ends. */
export interface S3Which {
  readonly method?: string;
  readonly key?: string;
}

export interface S3Proxy {
  readonly endpoint: string;
  /** The next `times` requests of this kind suffer the fault. */
  next(which: S3Which, fault: S3Fault, times?: number): void;
  /** This share (0 to 1) of all requests suffers one of the faults. */
  rate(share: number, faults: readonly S3Fault[], random: () => number): void;
  clear(): void;
  /** Scripted faults that no request met yet. */
  pending(): number;
  /** How often each kind of fault happened. */
  happened(): Readonly<Record<string, number>>;
  /** Requests so far, in their order: `PUT journal.json`. */
  requests(): readonly string[];
  stop(): Promise<void>;
}

/** Stands between the store and an S3, and does to requests what networks and busy servers do to them. */
export async function startS3Proxy(upstream: string): Promise<S3Proxy> {
  const proxy = new Proxy(new URL(upstream));
  await proxy.listen();
  return proxy;
}

class Proxy implements S3Proxy {
  readonly #upstream: URL;
  readonly #server = http.createServer((request, response) => void this.#serve(request, response));
  readonly #sockets = new Set<Socket>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #happened = new Map<string, number>();
  readonly #requests: string[] = [];
  #scripts: { readonly which: S3Which; readonly fault: S3Fault; left: number }[] = [];
  #chance: () => S3Fault | undefined = () => undefined;
  endpoint = "";

  constructor(upstream: URL) {
    this.#upstream = upstream;
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
      socket.once("close", () => this.#sockets.delete(socket));
    });
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    this.endpoint = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  next(which: S3Which, fault: S3Fault, times = 1): void {
    this.#scripts.push({ which, fault, left: times });
  }

  rate(share: number, faults: readonly S3Fault[], random: () => number): void {
    this.#chance = () => (random() < share ? faults[Math.floor(random() * faults.length)] : undefined);
  }

  clear(): void {
    this.#scripts = [];
    this.#chance = () => undefined;
  }

  pending(): number {
    return this.#scripts.reduce((sum, { left }) => sum + left, 0);
  }

  happened(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#happened);
  }

  requests(): readonly string[] {
    return this.#requests;
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const { method = "", socket } = request;
    const path = new URL(request.url ?? "/", this.endpoint).pathname;
    this.#requests.push(`${method} ${path.split("/").at(-1)}`);
    const fault = this.#choose(method, path);
    switch (fault?.is) {
      case "dead":
        return;
      case "answer":
        response.writeHead(fault.status, { "content-type": "application/xml", ...fault.headers });
        response.end(
          `<?xml version="1.0"?><Error><Code>${fault.code}</Code><Message>by the proxy</Message></Error>`,
        );
        return;
      case "late":
        socket.resetAndDestroy();
        return this.#later(fault.ms, () => this.#forward(request, body, (answer) => answer.resume()));
      case "reset":
        if (fault.when === "before") return void socket.resetAndDestroy();
        return this.#forward(request, body, (answer) => {
          answer.resume();
          socket.resetAndDestroy();
        });
      case undefined:
        return this.#forward(request, body, (answer) => {
          response.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(response);
          response.once("close", () => answer.resume());
        });
      default:
        return fault satisfies never;
    }
  }

  #choose(method: string, path: string): S3Fault | undefined {
    const script = this.#scripts.find(
      ({ which, left }) => left > 0 && (which.method ?? method) === method && path.endsWith(which.key ?? ""),
    );
    if (script !== undefined) script.left -= 1;
    const fault = script?.fault ?? this.#chance();
    if (fault !== undefined) this.#happened.set(fault.is, (this.#happened.get(fault.is) ?? 0) + 1);
    return fault;
  }

  /** With the headers as they are: they are signed. */
  #forward(
    request: http.IncomingMessage,
    body: Buffer,
    answered: (answer: http.IncomingMessage) => void,
  ): void {
    const { method, url, headers } = request;
    const { hostname, port } = this.#upstream;
    const upstream = http.request({ host: hostname, port, method, path: url, headers }, answered);
    upstream.on("error", () => request.socket.destroy());
    upstream.end(body);
  }

  #later(ms: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, ms);
    this.#timers.add(timer);
  }
}
