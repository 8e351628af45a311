import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

const LATEST = Symbol("latest");
type Marked = Socket & { [LATEST]?: ServerResponse };

/**
 * Remembers the answer that is owed last on a connection: clients may send requests ahead (pipelining).
 * @returns true when an earlier answer is still owed.
 */
export function arrived(request: IncomingMessage, response: ServerResponse): boolean {
  const socket = request.socket as Marked;
  const before = socket[LATEST];
  socket[LATEST] = response;
  return before !== undefined && !before.writableFinished;
}

/** Ends the connection after this answer, unless more answers are owed on it: they would be lost. */
export function endConnection(request: IncomingMessage, response: ServerResponse): void {
  if ((request.socket as Marked)[LATEST] === response) response.shouldKeepAlive = false;
}
