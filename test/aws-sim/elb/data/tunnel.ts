import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import type { Duplex } from "node:stream";
import type { Socket } from "node:net";
import { errorPage, type OwnAnswer } from "./answers.ts";
import { towardsClient } from "./headers.ts";

export interface Tunnelling {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly to: { readonly protocol: "HTTP" | "HTTPS"; readonly host: string; readonly port: number };
  readonly from: string;
  readonly headers: readonly string[];
  readonly setCookies: readonly string[];
  /** ms of the machine without a byte in either direction. */
  readonly idle: number;
  readonly began: (status: number) => void;
  /** Once, when neither side is left; `own`: the status of the load balancer's own answer. */
  readonly ended: (own?: 502 | 504) => void;
}

/**
 * A connection that changes its protocol (WebSocket): bytes both ways until one side ends. Guide, "Listeners": WebSockets are
 * supported without further settings, and stay with their target. Returns what cuts it.
 */
export function tunnel(tunnelling: Tunnelling): () => void {
  const { request, socket, to, from, headers, idle } = tunnelling;
  let over = false;
  let peer: Socket | undefined;
  const end = (own?: 502 | 504) => {
    if (over) return;
    over = true;
    if (own === undefined) socket.destroy();
    else writeOwn(socket, errorPage(own));
    ahead.destroy();
    peer?.destroy();
    tunnelling.ended(own);
  };
  const ahead = (to.protocol === "HTTPS" ? https : http).request({
    host: to.host,
    port: to.port,
    localAddress: from,
    rejectUnauthorized: false,
    agent: false,
    method: request.method,
    path: request.url,
    headers: [...headers, "Connection", "Upgrade", "Upgrade", request.headers.upgrade ?? ""],
  });
  let timedOut = false;
  ahead.setTimeout(idle, () => {
    timedOut = true;
    ahead.destroy(new Error("nothing came within the idle timeout"));
  });
  ahead.on("upgrade", (response, upgraded: Socket, rest) => {
    peer = upgraded;
    tunnelling.began(101);
    socket.write(head(response, tunnelling.setCookies, []));
    if (rest.length > 0) socket.write(rest);
    if (tunnelling.head.length > 0) peer.write(tunnelling.head);
    join(socket as Socket, peer, idle, end);
  });
  ahead.on("response", (response) => {
    tunnelling.began(response.statusCode ?? 502);
    // Refused by the target: its answer ends with the connection.
    socket.write(head(response, tunnelling.setCookies, ["Connection", "close"]));
    response.pipe(socket);
    response.on("close", () => end());
  });
  ahead.on("error", () => end(timedOut ? 504 : 502));
  socket.on("error", () => end());
  socket.on("close", () => end());
  ahead.end();
  return () => end();
}

function join(a: Socket, b: Socket, idle: number, end: () => void): void {
  for (const side of [a, b]) {
    side.setTimeout(idle, end);
    side.on("error", end);
    side.on("close", end);
  }
  a.pipe(b);
  b.pipe(a);
}

function head(response: IncomingMessage, cookies: readonly string[], more: readonly string[]): string {
  const upgrade = response.headers.upgrade;
  const kept = towardsClient(response.rawHeaders, cookies);
  if (upgrade !== undefined) kept.push("Connection", "Upgrade", "Upgrade", upgrade);
  return written(`${response.statusCode} ${response.statusMessage}`, [...kept, ...more]);
}

/** Before the protocol changes there is no response object: the answer is written as it is. */
export function writeOwn(socket: Duplex, { status, headers, body }: OwnAnswer): void {
  const lines = Object.entries({ server: "awselb/2.0", ...headers }).flat();
  lines.push("content-length", `${Buffer.byteLength(body)}`, "connection", "close");
  socket.end(`${written(`${status} ${http.STATUS_CODES[status]}`, lines)}${body}`);
}

function written(status: string, headers: readonly string[]): string {
  let lines = `HTTP/1.1 ${status}\r\n`;
  for (let at = 0; at < headers.length; at += 2) lines += `${headers[at]}: ${headers[at + 1]}\r\n`;
  return `${lines}\r\n`;
}
