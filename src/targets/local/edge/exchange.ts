import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Dispatcher } from "undici";
import { Answer } from "./answer.ts";
import type { Side } from "./choice.ts";
import type { Edge, Since } from "./edge.ts";
import { FailureExample } from "./example.ts";
import { type AnswerHead, answerHead, requestHead } from "./headers.ts";
import { endConnection } from "./latest.ts";
import type { Waiting } from "./queue.ts";
import { refuse } from "./refusal.ts";
import type { Stream } from "./streams.ts";
import { switchProtocols, type Upgrade } from "./upgrade.ts";
import { bodyKind, readSmall, Upload } from "./upload.ts";
import type { Upstream } from "./upstream.ts";

/** Methods that may be repeated without asking: they change nothing (RFC 9110 9.2.1). */
const REPEATABLE = new Set(["GET", "HEAD", "OPTIONS"]);

/** Pauses between attempts when every replica refuses connections. */
const REFUSED_PAUSE_MS = 20;
const REFUSED_PAUSE_MAX_MS = 250;

/**
 * One request on its way: chosen a replica, sent, answered. It is sent again only when it provably was not sent, or
 * once when it may be repeated and died before the first byte of an answer. Also undici's handler of the attempt.
 */
export class Exchange implements Waiting, Stream, Dispatcher.DispatchHandler {
  readonly side: Side;
  readonly #edge: Edge;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #upgrade: Upgrade | undefined;
  /** When it could have been sent: with its whole body, unless that is streamed. */
  #arrived = performance.now();
  #body: Buffer | Upload | null = null;
  #attempt: Upstream | undefined;
  #since: Since | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #timer: NodeJS.Timeout | undefined;
  #answer: Answer | undefined;
  #example: FailureExample | undefined;
  #sent = false;
  #repeated = false;
  #refusals = 0;
  #late = false;
  #gone = false;
  #ended = false;

  /** @param upgrade the client asks for a WebSocket on this connection. */
  constructor(edge: Edge, side: Side, request: IncomingMessage, response: ServerResponse, upgrade?: Upgrade) {
    this.#edge = edge;
    this.side = side;
    this.#request = request;
    this.#response = response;
    this.#upgrade = upgrade;
  }

  /** The replica that was asked last. */
  get upstream(): Upstream {
    if (this.#attempt === undefined) throw new Error("no replica was asked yet");
    return this.#attempt;
  }

  start(): void {
    this.#response.on("close", () => this.gone());
    switch (bodyKind(this.#request)) {
      case "none":
        return this.#go();
      case "small":
        return readSmall(this.#request, (body) => {
          this.#body = body;
          this.#arrived = performance.now();
          this.#go();
        });
      case "stream":
        this.#body = new Upload(this.#request);
        this.#body.on("error", () => undefined);
        return this.#go();
    }
  }

  // -- where to

  #go(): void {
    if (this.retry() || this.#edge.queue.add(this)) return;
    this.#unserved("too many requests wait for a replica");
  }

  retry(): boolean {
    if (this.#gone) return true;
    const choice = this.#edge.choose(this.side, performance.now());
    if (choice === "wait") return false;
    if (choice === "nobody") this.#unserved("no slot serves");
    else this.#dispatch(choice);
    return true;
  }

  expired(): void {
    this.#unserved("no replica became ready in time");
  }

  #dispatch(upstream: Upstream): void {
    this.#attempt = upstream;
    this.#sent = false;
    this.#controller = undefined;
    upstream.begin();
    const edge = this.#edge;
    if (this.side === "public") {
      upstream.started++;
      edge.counters[upstream.slot].started++;
      this.#since = edge.sinceShift[upstream.slot];
      this.#since.started++;
    }
    const request = this.#request;
    const { path, headers } = requestHead(request, edge.peers(request.socket));
    const length = request.headers["content-length"];
    if (this.#body instanceof Upload && length !== undefined) headers.push("Content-Length", length);
    const method = request.method as Dispatcher.HttpMethod;
    const upgrade = this.#upgrade === undefined ? null : "websocket";
    upstream.pool.dispatch({ path, method, headers, body: this.#body, upgrade }, this);
  }

  // -- undici's handler

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    this.#sent = true;
    if (this.#gone) return controller.abort(new Error("client went away"));
    this.#timer = setTimeout(() => this.#overdue(controller), this.#edge.policy.responseTimeout);
  }

  onRequestSent(): void {
    if (this.#body instanceof Upload) this.#timer?.refresh();
  }

  /** The deadline is the slot's: while a client uploads slowly, it is not the slot that is waited for. */
  #overdue(controller: Dispatcher.DispatchController): void {
    if (this.#body instanceof Upload && this.#body.waitsForClient) return void this.#timer?.refresh();
    this.#late = true;
    controller.abort(new Error("no answer in time"));
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, _: unknown, message = ""): void {
    const head = answerHead(controller.rawHeaders as Buffer[]);
    if (status < 200) return this.#informational(status, head);
    this.#answered(status);
    this.#mark(head);
    this.#answer = new Answer(this.#response, this.#request, controller, status, message, head);
    if (head.events) this.#edge.streams.add(this);
    if (status >= 500 && this.side === "public" && this.#edge.counters[this.upstream.slot].wantsExample())
      this.#example = new FailureExample(this.#request, status, head);
  }

  onRequestUpgrade(
    controller: Dispatcher.DispatchController,
    status: number,
    _: unknown,
    slot: Duplex,
  ): void {
    const head = answerHead(controller.rawHeaders as Buffer[]);
    this.#answered(status);
    this.#mark(head);
    if (this.#gone) {
      slot.destroy();
      this.#release();
      return;
    }
    switchProtocols(this.#upgrade as Upgrade, this.#response, head, slot, this, this.#edge.streams, () =>
      this.#release(),
    );
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#example?.data(chunk);
    this.#answer?.data(chunk);
  }

  onResponseEnd(): void {
    const upstream = this.#release();
    if (this.#example !== undefined) this.#edge.counters[upstream.slot].example(this.#example.line());
    this.#answer?.end();
  }

  onResponseError(_: Dispatcher.DispatchController | null, error: Error): void {
    const upstream = this.#release();
    if (this.#gone || this.#ended) return;
    if (this.#answer !== undefined) {
      this.#lost(upstream, true);
      this.#answer.cut();
      return;
    }
    if (this.#late) return this.#failed(upstream, 504, "the slot did not answer in time");
    if (isInvalid(error)) return this.#refuse(400, "the request cannot be forwarded");
    if (!this.#sent) return this.#unsent(upstream);
    if (!this.#repeated && this.#body === null && REPEATABLE.has(this.#request.method ?? "")) {
      this.#repeated = true;
      // Rather not the same replica: it may just be going away.
      upstream.refused(performance.now());
      return this.#go();
    }
    this.#failed(upstream, 502, "the connection to the slot broke before it answered");
  }

  /** Nothing was sent: as good as new. Another replica is tried at once, the same ones again after a pause. */
  #unsent(upstream: Upstream): void {
    const now = performance.now();
    upstream.refused(now);
    const waited = now - this.#arrived;
    if (waited > this.#edge.policy.queue.timeout) {
      return this.#failed(upstream, 502, "the slot refuses connections");
    }
    const other = this.#edge.members
      .of(upstream.slot)
      .some((member) => member !== upstream && !member.suspect(now));
    if (other && this.#refusals === 0) return this.#go();
    const pause = Math.min(REFUSED_PAUSE_MS * 2 ** this.#refusals++, REFUSED_PAUSE_MAX_MS);
    setTimeout(() => {
      if (!this.#gone) this.#go();
    }, pause);
  }

  // -- how it ends

  #release(): Upstream {
    this.#stopTimer();
    const upstream = this.upstream;
    this.#edge.streams.remove(this);
    upstream.end();
    return upstream;
  }

  #answered(status: number): void {
    this.#stopTimer();
    if (this.side === "preview") return;
    const { slot, member } = this.upstream;
    this.#edge.counters[slot].answered(status, performance.now() - this.#arrived);
    const since = this.#since as Since;
    since.answered++;
    since.revisions.add(member.revision);
  }

  /** Server-sent events: a clean end, after which an EventSource connects again. */
  end(): void {
    this.#ended = true;
    this.#answer?.end();
    this.#controller?.abort(new Error("the stream was ended"));
  }

  /** The client's connection closed. */
  gone(): void {
    if (this.#response.writableFinished || this.#gone) return;
    this.#gone = true;
    this.#edge.queue.remove(this);
    this.#controller?.abort(new Error("client went away"));
    if (this.#body instanceof Upload) this.#body.destroy();
  }

  #informational(status: number, head: AnswerHead): void {
    if (status !== 103 || this.#request.httpVersion === "1.0") return;
    const links = head.headers.filter(
      (_, index) => index % 2 === 1 && head.headers[index - 1]?.toLowerCase() === "link",
    );
    if (links.length > 0) this.#response.writeEarlyHints({ link: links });
  }

  #mark(head: AnswerHead): void {
    if (this.side === "preview") head.headers.push("teal-slot", this.upstream.slot);
    if (this.#edge.draining) endConnection(this.#request, this.#response);
  }

  #lost(upstream: Upstream, answered: boolean): void {
    if (this.side === "public") this.#edge.counters[upstream.slot].lost(answered);
  }

  #failed(upstream: Upstream, status: number, why: string): void {
    this.#lost(upstream, false);
    this.#refuse(status, why);
  }

  #unserved(why: string): void {
    if (this.side === "public") this.#edge.unserved++;
    this.#refuse(503, why);
  }

  #refuse(status: number, why: string): void {
    if (this.#body instanceof Upload) this.#body.destroy();
    refuse(this.#response, status, why);
  }
}

function isInvalid(error: Error): boolean {
  return (error as NodeJS.ErrnoException).code === "UND_ERR_INVALID_ARG";
}
