import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { Agent } from "undici";
import type { Backend } from "./backends.ts";
import { type Headers, modifyHeaders, redirectOf, unknownFilter } from "./filters.ts";
import { type Asked, choose, type Entry, type WeightedBackend } from "./matching.ts";
import type { PortTable } from "./tables.ts";

/** A connection of its own for every request: none is lost because a backend closed one that was being reused. */
const agent = new Agent({ pipelining: 0, headersTimeout: 120_000, bodyTimeout: 120_000 });

const HOP_BY_HOP = [
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "transfer-encoding",
  "upgrade",
  "trailer",
];

/** Shares come out exact over few requests: each step of this length lands as far from the others as it can. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** Sends requests where a table says. Turns are kept over changes of the table. */
export class Forwarder {
  readonly #turns = new Map<string, number>();

  async handle(table: PortTable, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = askedOf(request);
    const entry = choose(table.entries, asked);
    if (entry === undefined) return refuse(response, 404, "no rule matches");
    const filters = entry.rule.filters ?? [];
    const unknown = unknownFilter(filters);
    if (unknown !== undefined) return refuse(response, 500, `filter ${unknown} is not known here`);
    const scheme = table.listeners[0]?.protocol === "HTTPS" ? "https" : "http";
    const redirect = redirectOf(filters, {
      scheme,
      host: asked.host,
      port: table.port,
      target: request.url ?? "/",
    });
    if (redirect !== undefined) {
      response.writeHead(redirect.status, { location: redirect.location }).end();
      return;
    }
    const chosen = this.#pick(entry);
    if (chosen === undefined) return refuse(response, 500, "no backend has a weight");
    const { backend } = chosen;
    if (backend.is === "fault") return refuse(response, 500, backend.reason);
    const origin = this.#origin(`${entry.id} ${backend.origins.join()}`, backend);
    if (origin === undefined) return refuse(response, 503, "no ready endpoint");
    await this.#forward(entry, chosen, origin, request, response);
  }

  async #forward(
    entry: Entry,
    chosen: WeightedBackend,
    origin: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const filters = entry.rule.filters ?? [];
    const headers = endToEnd(request.headers as Headers);
    modifyHeaders(headers, filters, "request");
    const mirrored = { ...headers };
    modifyHeaders(headers, chosen.filters, "request");
    // Several receivers of one body need all of it.
    const body = entry.mirrors.length > 0 ? await buffer(request) : hasBody(request) ? request : null;
    for (const [index, mirror] of entry.mirrors.entries()) {
      const to = mirror.is === "fault" ? undefined : this.#origin(`${entry.id} mirror ${index}`, mirror);
      if (to !== undefined) mirrorTo(to, request, mirrored, body as Buffer);
    }
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    const answer = await agent.request({
      origin,
      path: request.url ?? "/",
      method: request.method as "GET",
      headers,
      body,
      signal: gone.signal,
    });
    const back = endToEnd(answer.headers as Headers);
    modifyHeaders(back, filters, "response");
    modifyHeaders(back, chosen.filters, "response");
    response.writeHead(answer.statusCode, back);
    await pipeline(answer.body, response);
  }

  #pick(entry: Entry): WeightedBackend | undefined {
    const sum = entry.backends.reduce((total, { weight }) => total + weight, 0);
    if (sum === 0) return undefined;
    const weights = entry.backends.map(({ weight }) => weight).join();
    let left = ((this.#turn(`${entry.id} ${weights}`) * GOLDEN) % 1) * sum;
    return entry.backends.find(({ weight }) => (left -= weight) < 0);
  }

  #origin(what: string, backend: Backend & { is: "endpoints" }): string | undefined {
    const { origins } = backend;
    return origins[this.#turn(what) % Math.max(1, origins.length)];
  }

  #turn(what: string): number {
    const turn = this.#turns.get(what) ?? 0;
    this.#turns.set(what, turn + 1);
    return turn;
  }
}

function askedOf(request: IncomingMessage): Asked {
  const [path = "/", query = ""] = (request.url ?? "/").split(/\?(.*)/s);
  return {
    host: (request.headers.host ?? "").replace(/:\d+$/, "").toLowerCase(),
    method: request.method ?? "GET",
    path,
    query: new URLSearchParams(query),
    headers: request.headers,
  };
}

function endToEnd(headers: Headers): Headers {
  const kept: Headers = { ...headers };
  for (const name of HOP_BY_HOP) delete kept[name];
  return kept;
}

function hasBody(request: IncomingMessage): boolean {
  return (
    request.headers["content-length"] !== undefined || request.headers["transfer-encoding"] !== undefined
  );
}

/** What becomes of a copy is nobody's concern. */
function mirrorTo(origin: string, request: IncomingMessage, headers: Headers, body: Buffer): void {
  agent
    .request({
      origin,
      path: request.url ?? "/",
      method: request.method as "GET",
      headers,
      body: body.length === 0 ? null : Readable.from([body]),
    })
    .then((answer) => answer.body.dump())
    .catch(() => undefined);
}

function refuse(response: ServerResponse, status: number, why: string): void {
  response.writeHead(status, { "content-type": "text/plain" }).end(`${why}\n`);
}
