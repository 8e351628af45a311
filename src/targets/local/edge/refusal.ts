import type { IncomingMessage, ServerResponse } from "node:http";

/**
 * Requests that Node's strict parser lets through although two readers could understand them differently, which is
 * what request smuggling lives on. They are refused, never repaired.
 *
 * @returns what is wrong, or undefined.
 */
export function refusal(request: IncomingMessage): string | undefined {
  const { httpVersion, rawHeaders, headers } = request;
  if (httpVersion !== "1.1" && httpVersion !== "1.0") return `HTTP ${httpVersion} is not spoken here`;
  if (request.url === "*" || !/^(?:\/|https?:\/\/)/i.test(request.url ?? ""))
    return "unsupported request target";
  let hosts = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    if (name.length === 4 && name.toLowerCase() === "host") hosts++;
  }
  if (hosts === 0 && httpVersion === "1.1") return "no Host header";
  if (hosts > 1) return "more than one Host header";
  const coding = headers["transfer-encoding"];
  if (coding !== undefined) {
    if (httpVersion === "1.0") return "Transfer-Encoding in HTTP/1.0";
    if (coding.toLowerCase() !== "chunked") return "unsupported Transfer-Encoding";
    if (headers["content-length"] !== undefined) return "both Content-Length and Transfer-Encoding";
  }
  return undefined;
}

/** The edge's own answers: plain text, a word of why. */
export function refuse(response: ServerResponse, status: number, why: string): void {
  if (response.headersSent || response.destroyed) return;
  const body = `${status} ${why}\n`;
  const headers = [
    "Content-Type",
    "text/plain; charset=utf-8",
    "Content-Length",
    String(body.length),
    "Cache-Control",
    "no-store",
  ];
  if (status === 503) headers.push("Retry-After", "1");
  response.writeHead(status, headers);
  response.end(body);
}
