import type { IncomingMessage, ServerResponse } from "node:http";
import type { Dispatcher } from "undici";
import type { AnswerHead } from "./headers.ts";
import { refuse } from "./refusal.ts";

/** A head and a body up to this size go out as one string, hence one write; larger bodies are not worth the copy. */
const JOINED = 16 * 1024;

/**
 * The slot's answer on its way to the client. What arrives together leaves together: head and body are held until
 * the parser is through with what the connection had, so that a whole answer is one write and needs no chunks.
 */
export class Answer {
  readonly #response: ServerResponse;
  readonly #controller: Dispatcher.DispatchController;
  readonly #status: number;
  readonly #message: string;
  readonly #head: AnswerHead;
  /** HEAD, 204 and 304 have a head only. */
  readonly #bodiless: boolean;
  #held: Buffer | undefined;
  #begun = false;
  #listens = false;

  constructor(
    response: ServerResponse,
    request: IncomingMessage,
    controller: Dispatcher.DispatchController,
    status: number,
    message: string,
    head: AnswerHead,
  ) {
    this.#response = response;
    this.#controller = controller;
    this.#status = status;
    // Words for people only; what is not ASCII would have to be guessed.
    this.#message = /^[\t\x20-\x7e]*$/.test(message) ? message : "";
    this.#head = head;
    this.#bodiless = request.method === "HEAD" || status === 204 || status === 304;
    // Runs when the parser has returned: by then the answer is complete, or more will take a while.
    queueMicrotask(() => this.#begin());
  }

  data(chunk: Buffer): void {
    if (!this.#begun) {
      this.#held = this.#held === undefined ? chunk : Buffer.concat([this.#held, chunk]);
      return;
    }
    if (this.#response.write(chunk)) return;
    this.#controller.pause();
    if (this.#listens) return;
    this.#listens = true;
    this.#response.on("drain", () => this.#controller.resume());
  }

  end(): void {
    const response = this.#response;
    if (response.destroyed) return;
    if (this.#begun) return void response.end();
    this.#begun = true;
    const { headers, length } = this.#head;
    if (length === undefined && !this.#bodiless)
      headers.push("Content-Length", String(this.#held?.length ?? 0));
    if (!this.#writeHead()) return;
    if (this.#held === undefined) response.end();
    else if (this.#held.length <= JOINED) response.end(this.#held.toString("latin1"), "latin1");
    else response.end(this.#held);
  }

  /** The slot's connection broke in the middle: the client must see that, too. */
  cut(): void {
    this.#response.destroy();
  }

  /** Node is stricter about what it writes than about what it reads. @returns false when the head is not sent */
  #writeHead(): boolean {
    try {
      this.#response.writeHead(this.#status, this.#message, this.#head.headers);
      return true;
    } catch {
      this.#controller.abort(new Error("invalid head"));
      refuse(this.#response, 502, "the slot's answer is not valid HTTP");
      return false;
    }
  }

  #begin(): void {
    if (this.#begun || this.#response.destroyed) return;
    this.#begun = true;
    if (!this.#writeHead()) return;
    const held = this.#held;
    this.#held = undefined;
    if (held === undefined) this.#response.flushHeaders();
    else this.data(held);
  }
}
