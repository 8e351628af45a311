import { converse } from "../../../health/exchange.ts";
import type { Exchange } from "../../../ports/exchange.ts";
import type { Question } from "../router/question.ts";

/**
 * Asks one address of a load balancer once, on a connection of its own and without cookies. Certificates are not
 * checked: nothing is told that must stay secret, and who answers is known by what is answered.
 */
export async function askNode(
  address: string,
  { port, tls, host, method, path, headers }: Question,
  signal: AbortSignal,
  body?: string,
): Promise<Exchange> {
  if (signal.aborted) return { is: "aborted" };
  // Loaded here: importing node:http in ESM costs every command 30 ms.
  const http = process.getBuiltinModule(tls ? "node:https" : "node:http");
  const all = { accept: "*/*", "user-agent": "teal", ...headers, host, connection: "close" };
  const name = host.replace(/:\d+$/u, "");
  try {
    const request = http.request({
      host: address,
      port,
      method,
      path,
      headers: all,
      agent: false,
      setHost: false,
      ...(tls ? { rejectUnauthorized: false, servername: isAddress(name) ? "" : name } : {}),
    });
    return await converse(request, body, signal);
  } catch (error) {
    return { is: "invalid", why: (error as Error).message };
  }
}

/** TLS knows no server names that are addresses. */
function isAddress(name: string): boolean {
  return process.getBuiltinModule("node:net").isIP(name.replace(/^\[|\]$/gu, "")) !== 0;
}
