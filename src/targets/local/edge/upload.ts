import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";

/** Bodies up to this size are read whole before a replica is chosen: one write, and repeatable while unsent. */
export const SMALL_BODY = 64 * 1024;

/** How a request's body goes on; undefined: it has none. */
export function bodyKind(request: IncomingMessage): "none" | "small" | "stream" {
  if (request.headers["transfer-encoding"] !== undefined) return "stream";
  const length = Number(request.headers["content-length"] ?? 0);
  if (length === 0) return "none";
  return length <= SMALL_BODY ? "small" : "stream";
}

/** Reads a small body. The callback is not called when the client goes away first. */
export function readSmall(request: IncomingMessage, done: (body: Buffer) => void): void {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => done(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
}

/**
 * A large body on its way, with backpressure. The client's request itself is never given to undici, which destroys
 * a body when its own connection fails, and with it the client's connection before it could be answered.
 */
export class Upload extends Readable {
  readonly #request: IncomingMessage;
  readonly #data = (chunk: Buffer): void => {
    if (!this.push(chunk)) this.#request.pause();
  };
  readonly #end = (): void => void this.push(null);
  readonly #close = (): void => {
    if (!this.#request.complete) this.destroy(new Error("client went away"));
  };

  constructor(request: IncomingMessage) {
    super({ highWaterMark: 64 * 1024 });
    this.#request = request;
    request.on("data", this.#data);
    request.on("end", this.#end);
    request.on("close", this.#close);
  }

  /** All that came was passed on, and more is to come: nothing can be expected of the slot yet. */
  get waitsForClient(): boolean {
    return !this.#request.complete && this.readableLength === 0;
  }

  override _read(): void {
    this.#request.resume();
  }

  /** What still comes is read and dropped, so that the client can read the answer. */
  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#request.off("data", this.#data).off("end", this.#end).off("close", this.#close);
    this.#request.resume();
    callback(error);
  }
}
