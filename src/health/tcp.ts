import { createConnection } from "node:net";
import { assertNever } from "../core/units.ts";
import type { Reach } from "../ports/slots.ts";
import type { Limit, Outcome } from "./outcome.ts";

/**
 * Does the port accept a connection? The system accepts for a process that hangs as well, so this proves less than an
 * HTTP check.
 */
export async function askTcp(reach: Reach, port: number, limit: Limit): Promise<Outcome> {
  if (reach.way === undefined) return connect(reach.host, port, limit);
  if (limit.signal.aborted) return limit.reason();
  const opening = await reach.way.open(port, limit.signal);
  switch (opening.is) {
    case "open":
      return { is: "pass", actual: "open" };
    case "broken":
      return { is: "fail", expected: expectedOpen(port), actual: opening.why };
    case "unknown":
      return opening;
    default:
      return assertNever(opening);
  }
}

function connect(host: string, port: number, limit: Limit): Promise<Outcome> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port });
    const settle = (outcome: Outcome) => {
      limit.signal.removeEventListener("abort", abort);
      socket.destroy();
      resolve(outcome);
    };
    const abort = () => settle(limit.reason());
    const refused = (actual: string) => settle({ is: "fail", expected: expectedOpen(port), actual });
    limit.signal.addEventListener("abort", abort, { once: true });
    socket.on("error", (error) => refused((error as NodeJS.ErrnoException).code ?? error.message));
    socket.on("connect", () => {
      // On loopback the system may pick the very port it connects to: the socket then talks to itself.
      if (socket.localPort === port && socket.localAddress === socket.remoteAddress) refused("ECONNREFUSED");
      else settle({ is: "pass", actual: "open" });
    });
    if (limit.signal.aborted) abort();
  });
}

export function expectedOpen(port: number): string {
  return `port ${port} to be open`;
}
