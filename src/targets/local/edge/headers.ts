import type { IncomingMessage } from "node:http";
import { isIPv6 } from "node:net";
import type { Peer } from "./trust.ts";

/**
 * Which headers pass. RFC 9110 7.6.1: fields of one connection, and those that `Connection` names, end here.
 * Framing (Content-Length, Transfer-Encoding) is made anew on each side from the parsed message, never copied.
 */
const HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** `Connection` may not take these away: the slot would read another message than the client sent. */
const ESSENTIAL = new Set(["host", "content-length", "content-type", "authorization", "cookie"]);

/** Says who a request is forwarded for; only trusted peers may. */
const FORWARDED = /^(?:forwarded|x-forwarded-.*|x-real-ip)$/;

export interface RequestHead {
  readonly path: string;
  /** Names and values in turn, as undici takes them. */
  readonly headers: string[];
}

/** The request as the slot gets it. `Host` is kept. Content-Length is left out: the body brings it. */
export function requestHead(request: IncomingMessage, peer: Peer): RequestHead {
  const raw = request.rawHeaders;
  const headers: string[] = [];
  const named = connectionNames(request.headers.connection);
  const { path, authority } = target(request.url ?? "/");
  let host = authority ?? "";
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] as string;
    const value = raw[index + 1] as string;
    const lower = name.toLowerCase();
    if (lower === "host") {
      if (authority === undefined) host = value;
      continue;
    }
    if (HOP.has(lower) || lower === "expect" || lower === "content-length") continue;
    if (named !== undefined && named.has(lower) && !ESSENTIAL.has(lower)) continue;
    // Written anew below from the values Node joined.
    if (lower.length >= 9 && FORWARDED.test(lower) && (!peer.trusted || REWRITTEN.has(lower))) continue;
    headers.push(name, value);
  }
  headers.push("Host", host);
  forward(headers, request, peer, host);
  return { path, headers };
}

const REWRITTEN = new Set(["forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"]);

function forward(headers: string[], request: IncomingMessage, peer: Peer, host: string): void {
  const said = (name: string): string | undefined => {
    const value = peer.trusted ? request.headers[name] : undefined;
    return Array.isArray(value) ? value.join(", ") : value;
  };
  const chain = said("x-forwarded-for");
  const proto = said("x-forwarded-proto") ?? "http";
  headers.push("X-Forwarded-For", chain === undefined ? peer.address : `${chain}, ${peer.address}`);
  headers.push("X-Forwarded-Proto", proto);
  headers.push("X-Forwarded-Host", said("x-forwarded-host") ?? host);
  const elements = said("forwarded");
  if (elements === undefined) return;
  const node = isIPv6(peer.address) ? `"[${peer.address}]"` : peer.address;
  headers.push("Forwarded", `${elements}, for=${node};proto=http`);
}

/** Absolute form (`GET http://host/path`) becomes origin form; its authority overrules `Host` (RFC 9112 3.2.2). */
function target(url: string): { path: string; authority?: string } {
  if (url.startsWith("/")) return { path: url };
  const absolute = /^https?:\/\/([^/?#]*)(.*)$/i.exec(url);
  if (absolute === null) return { path: url };
  const rest = absolute[2] as string;
  return { path: rest.startsWith("/") ? rest : `/${rest}`, authority: absolute[1] as string };
}

export interface AnswerHead {
  readonly headers: string[];
  /** Content-Length as the slot gave it. */
  readonly length: number | undefined;
  /** Server-sent events: may last for ever. */
  readonly events: boolean;
}

/** The slot's answer as the client gets it. @param raw names and values in turn, as undici's parser gives them */
export function answerHead(raw: readonly Buffer[] | readonly string[]): AnswerHead {
  const headers: string[] = [];
  let named: Set<string> | undefined;
  let length: number | undefined;
  let events = false;
  for (let index = 0; index < raw.length; index += 2) {
    const name = latin1(raw[index]);
    const lower = name.toLowerCase();
    const value = latin1(raw[index + 1]);
    if (lower === "connection") named = connectionNames(value) ?? named;
    if (HOP.has(lower)) continue;
    if (lower === "content-length") length = Number(value);
    else if (lower === "content-type") events = /^text\/event-stream\b/i.test(value);
    headers.push(name, value);
  }
  return { headers: named === undefined ? headers : without(headers, named), length, events };
}

function without(headers: readonly string[], named: ReadonlySet<string>): string[] {
  return headers.filter((_, index) => {
    const lower = (headers[index - (index % 2)] as string).toLowerCase();
    return !named.has(lower) || ESSENTIAL.has(lower);
  });
}

/** Header names that `Connection` lists, its usual words left out; undefined when there are none. */
function connectionNames(value: string | undefined): Set<string> | undefined {
  if (value === undefined || value === "keep-alive" || value === "close") return undefined;
  const names = value
    .toLowerCase()
    .split(",")
    .map((name) => name.trim());
  const rest = names.filter(
    (name) => name !== "" && name !== "close" && name !== "keep-alive" && name !== "upgrade",
  );
  return rest.length === 0 ? undefined : new Set(rest);
}

function latin1(value: Buffer | string | undefined): string {
  return typeof value === "string" ? value : (value as Buffer).toString("latin1");
}
