import type { IncomingMessage } from "node:http";
import { randomBytes } from "node:crypto";
import type { Attributes, Listener } from "../model.ts";

/* Headers on the way to a target and back, as flat lists of names and values: duplicates, order and case survive. */

/** RFC 9110, 7.6.1: of one connection only. */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
  "te",
  "trailer",
  "expect",
]);
const OURS = new Set(["x-forwarded-for", "x-forwarded-proto", "x-forwarded-port", "x-amzn-trace-id"]);

const prefix = randomBytes(8).toString("hex");
let traces = 0;

/** Guide, "HTTP headers and Application Load Balancers", and "Request tracing". */
export function towardsTarget(
  request: IncomingMessage,
  listener: Listener,
  attributes: Attributes,
  now: number,
): string[] {
  const raw = request.rawHeaders;
  const headers: string[] = [];
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at]!.toLowerCase();
    if (!HOP_BY_HOP.has(name) && !OURS.has(name)) headers.push(raw[at]!, raw[at + 1]!);
  }
  const forwarded = forwardedFor(request, attributes.get("routing.http.xff_header_processing.mode"));
  if (forwarded !== undefined) headers.push("X-Forwarded-For", forwarded);
  headers.push("X-Forwarded-Proto", listener.protocol.toLowerCase(), "X-Forwarded-Port", `${listener.port}`);
  headers.push("X-Amzn-Trace-Id", trace([request.headers["x-amzn-trace-id"] ?? []].flat()[0], now));
  return headers;
}

/** Guide, "X-Forwarded headers": append (the default), preserve, remove. */
function forwardedFor(request: IncomingMessage, mode: string | undefined): string | undefined {
  const came = [request.headers["x-forwarded-for"] ?? []].flat().join(", ");
  const client = request.socket.remoteAddress ?? "";
  if (mode === "remove") return undefined;
  if (mode === "preserve") return came === "" ? undefined : came;
  return came === "" ? client : `${came}, ${client}`;
}

function trace(came: string | undefined, now: number): string {
  traces += 1;
  const seconds = Math.floor(now / 1000)
    .toString(16)
    .padStart(8, "0");
  const own = `1-${seconds}-${prefix}${traces.toString(16).padStart(8, "0")}`;
  if (came === undefined) return `Root=${own}`;
  return came.includes("Root=") ? `Self=${own};${came.replace(/Self=[^;]*;?/, "")}` : `Root=${own};${came}`;
}

/** What a client gets of a target's headers, and the cookies of the load balancer. */
export function towardsClient(raw: readonly (Buffer | string)[], cookies: readonly string[]): string[] {
  const headers: string[] = [];
  for (let at = 0; at < raw.length; at += 2) {
    const name = asText(raw[at]!);
    if (!HOP_BY_HOP.has(name.toLowerCase())) headers.push(name, asText(raw[at + 1]!));
  }
  for (const cookie of cookies) headers.push("Set-Cookie", cookie);
  return headers;
}

const asText = (part: Buffer | string) => (typeof part === "string" ? part : part.toString("latin1"));
