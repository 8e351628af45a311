import http from "node:http";

/** One request as its user saw it. */
export interface Answered {
  /** Milliseconds since the load began. */
  readonly at: number;
  readonly took: number;
  readonly kind: Kind;
  /** HTTP status, or the error's code when nothing (or not everything) came back. */
  readonly got: number | string;
  /** Which version answered, as its own header says. */
  readonly version: string | undefined;
}

export type Kind = "keep-alive" | "fresh" | "checkout" | "stream";

export interface LoadOptions {
  /** `http://host:port` */
  readonly url: string;
  /** Requests per second, spread over kinds. */
  readonly rate: number;
  /** Server-sent event streams kept open; each reconnects when it is ended. */
  readonly streams: number;
  /** The longest this load runs, in ms: it ends by itself. */
  readonly atMost: number;
  readonly paths?: Partial<Record<Exclude<Kind, "stream">, string>>;
  /** Header that names the answering version. */
  readonly versionHeader?: string;
}

const CART = JSON.stringify({
  items: [
    { sku: "cup", count: 2 },
    { sku: "teapot", count: 1 },
  ],
});

/**
 * Steady users of a service: pages over kept connections, pages over fresh ones, purchases, and open event streams.
 * Open loop: a slow answer does not slow the others down, so a pause of the service is seen as what it is.
 */
export class Load {
  readonly answers: Answered[] = [];
  /** Events that arrived over the streams, and streams that broke instead of ending. */
  events = 0;
  brokenStreams = 0;
  readonly #options: LoadOptions;
  /** Wall clock when the load began; `Answered.at` counts from here. */
  readonly startedAt = Date.now();
  readonly #began = performance.now();
  readonly #kept = new http.Agent({ keepAlive: true, maxSockets: 16 });
  readonly #open = new Set<Promise<unknown>>();
  readonly #live = new Set<http.ClientRequest>();
  readonly #timer: NodeJS.Timeout;
  #sent = 0;
  #stopped = false;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#tick(), 5);
    for (let i = 0; i < options.streams; i += 1) this.#stream();
  }

  /** Stops sending, waits for what is under way and ends the streams. */
  async stop(): Promise<readonly Answered[]> {
    this.#stopped = true;
    clearInterval(this.#timer);
    for (const stream of this.#live) stream.destroy();
    await Promise.all(this.#open);
    this.#kept.destroy();
    return this.answers;
  }

  /** Milliseconds since the load began. */
  get now(): number {
    return performance.now() - this.#began;
  }

  /** Sends what is due by now, however late the timer fired. */
  #tick(): void {
    if (this.now >= this.#options.atMost) {
      clearInterval(this.#timer);
      return;
    }
    const due = Math.floor((this.now / 1000) * this.#options.rate);
    for (; this.#sent < due; this.#sent += 1) this.#send(kindOf(this.#sent));
  }

  #send(kind: Exclude<Kind, "stream">): void {
    const began = this.now;
    const sent = new Promise<void>((resolve) => {
      const end = (got: number | string, version?: string | string[]) => {
        this.answers.push({ at: began, took: this.now - began, kind, got, version: version?.toString() });
        resolve();
      };
      const request = http.request(new URL(this.#path(kind), this.#options.url), {
        agent: kind === "fresh" ? false : this.#kept,
        method: kind === "checkout" ? "POST" : "GET",
        timeout: 30_000,
        ...(kind === "checkout"
          ? { headers: { "content-type": "application/json", "content-length": CART.length } }
          : {}),
      });
      request.on("response", (response) => {
        response.resume();
        response.on("end", () =>
          end(response.statusCode ?? 0, response.headers[this.#options.versionHeader ?? "x-shop-version"]),
        );
        response.on("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
      });
      request.on("timeout", () => request.destroy(new Error("no answer in 30 s")));
      request.on("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
      request.end(kind === "checkout" ? CART : undefined);
    });
    this.#open.add(sent);
    void sent.finally(() => this.#open.delete(sent));
  }

  #path(kind: Exclude<Kind, "stream">): string {
    const defaults = { "keep-alive": "/", fresh: "/api/products", checkout: "/api/checkout" };
    return this.#options.paths?.[kind] ?? defaults[kind];
  }

  /** A stream that ends is opened again, as a browser does; one that breaks in the middle is counted. */
  #stream(): void {
    if (this.#stopped || this.now >= this.#options.atMost) return;
    const request = http.get(new URL("/events", this.#options.url), { agent: false });
    this.#live.add(request);
    const again = (broken: boolean) => {
      this.#live.delete(request);
      if (this.#stopped) return;
      if (broken) this.brokenStreams += 1;
      setTimeout(() => this.#stream(), 100);
    };
    request.on("response", (response) => {
      response.on("data", () => (this.events += 1));
      response.on("end", () => again(false));
      response.on("error", () => again(true));
    });
    request.on("error", () => again(!this.#stopped));
  }
}

/** One in five buys, one in four of the rest comes fresh. */
function kindOf(n: number): Exclude<Kind, "stream"> {
  if (n % 5 === 4) return "checkout";
  return n % 4 === 3 ? "fresh" : "keep-alive";
}

export interface Summary {
  readonly requests: number;
  /** No answer, or part of one: what a deployment must never cause. */
  readonly lost: readonly Answered[];
  /** Whole answers with a status of 500 or more, by the version that gave them (`edge` when no version did). */
  readonly refused: Readonly<Record<string, number>>;
  readonly slowest: number;
}

export function summarise(answers: readonly Answered[]): Summary {
  const refused: Record<string, number> = {};
  for (const { got, version } of answers) {
    if (typeof got === "number" && got >= 500)
      refused[version ?? "edge"] = (refused[version ?? "edge"] ?? 0) + 1;
  }
  return {
    requests: answers.length,
    lost: answers.filter((each) => typeof each.got === "string"),
    refused,
    slowest: answers.reduce((most, each) => Math.max(most, each.took), 0),
  };
}
