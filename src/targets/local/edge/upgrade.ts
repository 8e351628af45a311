import { type IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { AnswerHead } from "./headers.ts";
import type { Stream, Streams } from "./streams.ts";
import { Tunnel } from "./tunnel.ts";

/** A connection whose client asked to switch the protocol. */
export interface Upgrade {
  readonly socket: Duplex;
  /** What came behind the request's head already. */
  readonly head: Buffer;
}

/**
 * Only WebSockets are switched to. Any other `Upgrade` is a wish that a server may ignore, and following it would
 * put a protocol behind the edge that it does not read (h2c).
 */
export function asksForWebSocket(request: IncomingMessage): boolean {
  const { method, httpVersion, headers } = request;
  return (
    method === "GET" &&
    httpVersion === "1.1" &&
    headers.upgrade?.toLowerCase() === "websocket" &&
    (headers["content-length"] ?? "0") === "0" &&
    headers["transfer-encoding"] === undefined
  );
}

/** A response for a connection that left Node's server: for refusals, and for slots that answer without switching. */
export function responseOn(socket: Duplex, request: IncomingMessage): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  socket.on("error", () => socket.destroy());
  response.assignSocket(socket as Socket);
  response.on("finish", () => {
    response.detachSocket(socket as Socket);
    (socket as Socket).destroySoon();
  });
  return response;
}

/** The slot switched: passes its 101 on and lets both ends talk. @param closed called once both are gone */
export function switchProtocols(
  { socket, head }: Upgrade,
  response: ServerResponse,
  answer: AnswerHead,
  slot: Duplex,
  { upstream, side }: Pick<Stream, "upstream" | "side">,
  streams: Streams,
  closed: () => void,
): void {
  response.detachSocket(socket as Socket);
  const lines = ["HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: websocket"];
  for (let index = 0; index < answer.headers.length; index += 2) {
    lines.push(`${answer.headers[index]}: ${answer.headers[index + 1]}`);
  }
  socket.write(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
  if (head.length > 0) slot.write(head);
  const tunnel = new Tunnel(upstream, side, socket, slot, () => {
    streams.remove(tunnel);
    closed();
  });
  streams.add(tunnel);
}
