import type { IncomingMessage, ServerResponse } from "node:http";
import { errors, type Dispatcher, type Pool } from "undici";
import { errorPage, type OwnAnswer } from "./answers.ts";
import { towardsClient } from "./headers.ts";

/** What came of a request that was sent to a target. */
export type Relayed =
  | { readonly is: "answered"; readonly status: number }
  | { readonly is: "own"; readonly status: 502 | 504 }
  /** The client has gone away. */
  | { readonly is: "left" };

export interface Relaying {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly headers: string[];
  readonly setCookies: readonly string[];
  /** ms of the machine without an answer, or without a further piece of one. */
  readonly idle: number;
  /** With the answer's first piece: its status. */
  readonly began: (status: number) => void;
  readonly ended: (relayed: Relayed) => void;
}

/** Sends a request to a target and its answer back, piece by piece; each side waits for the slower one. */
export function relay(pool: Pool, relaying: Relaying): void {
  const { request } = relaying;
  const hasBody =
    "transfer-encoding" in request.headers || Number(request.headers["content-length"] ?? 0) > 0;
  const answer = new Answer(relaying);
  try {
    pool.dispatch(
      {
        method: (request.method ?? "GET") as Dispatcher.HttpMethod,
        path: request.url ?? "/",
        headers: relaying.headers,
        body: hasBody ? request : null,
        headersTimeout: relaying.idle,
        bodyTimeout: relaying.idle,
      },
      answer,
    );
  } catch (error) {
    // A request that cannot be sent at all: the pool is gone, or it makes no sense.
    answer.onResponseError(undefined, error instanceof Error ? error : new Error(String(error)));
  }
}

class Answer implements Dispatcher.DispatchHandler {
  readonly #relaying: Relaying;
  #controller: Dispatcher.DispatchController | undefined;
  #ended = false;

  constructor(relaying: Relaying) {
    this.#relaying = relaying;
    relaying.response.once("close", () => {
      if (!relaying.response.writableFinished) this.#leave();
    });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#relaying.response.destroyed) this.#leave();
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    _headers: unknown,
    message?: string,
  ): void {
    // 1xx: the node sends its own 100, and no hints.
    if (status < 200) return;
    const { response, setCookies, began } = this.#relaying;
    began(status);
    const raw = (controller.rawHeaders ?? []) as (Buffer | string)[];
    const headers = towardsClient(raw, setCookies);
    if (response.shouldKeepAlive === false) headers.push("Connection", "close");
    response.writeHead(status, message ?? "", headers);
    response.flushHeaders();
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const { response } = this.#relaying;
    if (response.write(chunk)) return;
    controller.pause();
    response.once("drain", () => controller.resume());
  }

  onResponseEnd(): void {
    const { response } = this.#relaying;
    response.end();
    this.#end({ is: "answered", status: response.statusCode });
  }

  onResponseError(_controller: unknown, error: Error): void {
    const { response } = this.#relaying;
    if (this.#ended) return;
    if (response.headersSent) {
      // Half an answer cannot be taken back: the client sees that it broke off.
      response.destroy();
      return this.#end({ is: "answered", status: response.statusCode });
    }
    const status = isTimeout(error) ? 504 : 502;
    sendOwn(response, errorPage(status));
    this.#end({ is: "own", status });
  }

  #leave(): void {
    this.#end({ is: "left" });
    this.#controller?.abort(new Error("the client has gone away"));
  }

  #end(relayed: Relayed): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#relaying.ended(relayed);
  }
}

/** Guide, "Troubleshoot": 504 when no connection came about in time or no answer within the idle timeout, else 502. */
function isTimeout(error: Error): boolean {
  return error instanceof errors.ConnectTimeoutError || error instanceof errors.HeadersTimeoutError;
}

/** An answer of the load balancer itself. */
export function sendOwn(response: ServerResponse, { status, headers, body }: OwnAnswer): void {
  const headersOut: Record<string, string> = {
    server: "awselb/2.0",
    ...headers,
    "content-length": `${Buffer.byteLength(body)}`,
    ...(response.shouldKeepAlive === false && { connection: "close" }),
  };
  response.writeHead(status, headersOut);
  response.end(body);
}
