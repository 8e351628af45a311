import type { ClientRequest, IncomingMessage } from "node:http";
import type { Exchange, HttpQuestion } from "../ports/exchange.ts";

/** So much of a body is kept; the rest is read and dropped. */
export const BODY_LIMIT = 256 * 1024;

/**
 * One request on a connection of its own, closed afterwards: a kept-alive one could lead to a process that no longer
 * listens. Redirects are not followed.
 */
export async function exchange(question: HttpQuestion, signal: AbortSignal): Promise<Exchange> {
  // Loaded here: importing node:http in ESM costs every command 30 ms.
  const http = process.getBuiltinModule("node:http");
  const { host, port, method, path, headers, body } = question;
  if (signal.aborted) return { is: "aborted" };
  let request: ClientRequest;
  try {
    request = http.request({ host, port, method, path, headers, agent: false, setHost: false });
  } catch (error) {
    return { is: "invalid", why: (error as Error).message };
  }
  return converse(request, body, signal);
}

/**
 * Ends a request that was just made and reads the whole answer. The signal bounds everything, however steadily a
 * server drips.
 */
export function converse(
  request: ClientRequest,
  body: string | undefined,
  signal: AbortSignal,
): Promise<Exchange> {
  return new Promise((resolve) => {
    const settle = (result: Exchange) => {
      signal.removeEventListener("abort", abort);
      resolve(result);
      request.destroy();
    };
    const abort = () => settle({ is: "aborted" });
    request.on("error", (error) => settle({ is: "broken", why: codeOf(error) }));
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    const closed = () => settle({ is: "broken", why: "closed without an answer" });
    request.on("close", closed);
    request.on("upgrade", (response, socket) => {
      socket.destroy();
      settle({
        is: "answer",
        status: response.statusCode ?? 0,
        headers: plainHeaders(response),
        body: "",
        cut: false,
      });
    });
    request.on("response", (response) => {
      // From here on the answer's own end tells, and more exactly.
      request.off("close", closed);
      void readAnswer(response).then(settle);
    });
    request.end(body);
  });
}

function readAnswer(response: IncomingMessage): Promise<Exchange> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let kept = 0;
    let total = 0;
    const broken = () =>
      resolve({ is: "broken", why: `answer ${response.statusCode} cut off after ${total} bytes` });
    response.on("data", (chunk: Buffer) => {
      total += chunk.length;
      if (kept < BODY_LIMIT) chunks.push(chunk.subarray(0, BODY_LIMIT - kept));
      kept = Math.min(BODY_LIMIT, total);
    });
    response.on("end", () => {
      // "end" alone is no proof: only a message that is complete by its own framing is an answer.
      if (!response.complete) return broken();
      const body = Buffer.concat(chunks).toString("utf8");
      resolve({
        is: "answer",
        status: response.statusCode ?? 0,
        headers: plainHeaders(response),
        body,
        cut: total > kept,
      });
    });
    response.on("error", broken);
    response.on("close", broken);
  });
}

function plainHeaders(response: IncomingMessage): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(response.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(", ") : (value ?? ""),
    ]),
  );
}

function codeOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? error.message;
}
