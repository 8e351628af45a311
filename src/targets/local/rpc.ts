import { rmSync } from "node:fs";
import { createConnection, createServer, type Server, type Socket } from "node:net";

/**
 * Requests and answers as lines of JSON over a unix socket: `{id, method, params}` and `{id, result}` or
 * `{id, error}`. Small on purpose: the parties are Teal's own processes on one machine, guarded by file permissions.
 */
export type Handlers = Readonly<Record<string, (params: never, signal: AbortSignal) => unknown>>;

/** Answers calls on a unix socket until closed. A stale socket file of a dead process is replaced. */
export function serveRpc(path: string, handlers: Handlers): Promise<Server> {
  const server = createServer((socket) => {
    const gone = new AbortController();
    socket.on("close", () => gone.abort());
    socket.on("error", () => socket.destroy());
    onLines(socket, (line) => void answer(socket, line, handlers, gone.signal));
  });
  return new Promise((resolve, reject) => {
    rmSync(path, { force: true });
    const mask = process.umask(0o177);
    server.once("error", reject);
    server.listen(path, () => resolve(server));
    process.umask(mask);
  });
}

async function answer(socket: Socket, line: string, handlers: Handlers, signal: AbortSignal): Promise<void> {
  const { id, method, params } = JSON.parse(line) as { id: number; method: string; params: never };
  try {
    const handler = handlers[method];
    if (handler === undefined) throw new Error(`unknown method ${method}`);
    const result = await handler(params, signal);
    if (socket.writable) socket.write(`${JSON.stringify({ id, result: result ?? null })}\n`);
  } catch (error) {
    if (socket.writable) socket.write(`${JSON.stringify({ id, error: (error as Error).message })}\n`);
  }
}

/** The other side could not be reached or did not answer in time. `sent`: the request may have been carried out. */
export class RpcError extends Error {
  override readonly name = "RpcError";
  readonly sent: boolean;
  constructor(message: string, sent: boolean) {
    super(message);
    this.sent = sent;
  }
}

/** A client that connects when first used and again after the connection broke. */
export class RpcClient {
  readonly #path: string;
  #socket: Socket | undefined;
  #connecting: Promise<Socket> | undefined;
  #next = 1;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * @param atMost bound of the whole call in ms; it fails with `sent: true` when exceeded.
   * @throws RpcError when not connected, cut off, late, or when the handler failed.
   */
  async call<T>(method: string, params: unknown = {}, atMost = 5_000, signal?: AbortSignal): Promise<T> {
    if (signal?.aborted === true) throw new RpcError(`${method}: given up`, false);
    const socket = await this.#connect();
    const id = this.#next++;
    return new Promise<T>((resolve, reject) => {
      const end = (settle: () => void) => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", aborted);
        this.#waiting.delete(id);
        settle();
      };
      const timer = setTimeout(
        () => end(() => reject(new RpcError(`${method}: no answer in ${atMost} ms`, true))),
        atMost,
      );
      const aborted = () => end(() => reject(new RpcError(`${method}: given up`, true)));
      signal?.addEventListener("abort", aborted, { once: true });
      this.#waiting.set(id, {
        resolve: (value) => end(() => resolve(value as T)),
        reject: (error) => end(() => reject(error)),
      });
      socket.write(`${JSON.stringify({ id, method, params })}\n`);
    });
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  #connect(): Promise<Socket> {
    if (this.#socket !== undefined && !this.#socket.destroyed) return Promise.resolve(this.#socket);
    // Calls at the same time share one connection: a second one would never be closed.
    this.#connecting ??= this.#open().finally(() => (this.#connecting = undefined));
    return this.#connecting;
  }

  #open(): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = createConnection(this.#path);
      socket.once("error", (error) => reject(new RpcError(error.message, false)));
      socket.once("connect", () => {
        this.#socket = socket;
        socket.on("error", () => socket.destroy());
        socket.on("close", () => this.#broken(socket));
        onLines(socket, (line) => this.#answered(line));
        resolve(socket);
      });
    });
  }

  #answered(line: string): void {
    const { id, result, error } = JSON.parse(line) as { id: number; result?: unknown; error?: string };
    const waiting = this.#waiting.get(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new RpcError(error, true));
  }

  #broken(socket: Socket): void {
    if (this.#socket === socket) this.#socket = undefined;
    for (const waiting of this.#waiting.values()) waiting.reject(new RpcError("connection lost", true));
    this.#waiting.clear();
  }
}

function onLines(socket: Socket, each: (line: string) => void): void {
  let rest = "";
  socket.setEncoding("utf8");
  socket.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line !== "") each(line);
  });
}
