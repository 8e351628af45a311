import http from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * What the backend of the Gateway API's conformance tests does (conformance/echo-basic in its module), as far as
 * HTTP/1.1 goes: answers with what it was asked, and logs a line by which a test finds mirrored requests. Told to echo
 * gRPC, TCP or UDP it is only there, so that the tests' other pods become ready.
 */

const { env } = process;
const HTTP_PORT = env["HTTP_PORT"] ?? "3000";
const OTHER = ["GRPC_ECHO_SERVER", "TCP_ECHO_SERVER", "UDP_ECHO_SERVER"];
const context = {
  namespace: env["NAMESPACE"] ?? "",
  ingress: env["INGRESS_NAME"] ?? "",
  service: env["SERVICE_NAME"] ?? "",
  pod: env["POD_NAME"] ?? "",
};

process.on("SIGTERM", () => process.exit(0));
if (OTHER.some((name) => env[name] !== undefined)) setInterval(() => undefined, 1 << 30);
else http.createServer((request, response) => void answer(request, response)).listen(Number(HTTP_PORT));

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const target = request.url ?? "/";
  const path = target.replace(/\?.*$/s, "");
  const [, status] = /^\/status\/(\d\d\d)$/.exec(path) ?? [];
  if (path === "/health") response.end("OK");
  else if (status !== undefined || path.startsWith("/status/"))
    response.writeHead(Number(status ?? 400)).end();
  else await echo(request, response, target);
}

async function echo(request: IncomingMessage, response: ServerResponse, target: string): Promise<void> {
  const { remoteAddress, remotePort } = request.socket;
  console.log(`Echoing back request made to ${target} to client (${remoteAddress}:${remotePort})`);
  await sleep(milliseconds(new URL(target, "http://echo").searchParams.get("delay") ?? ""));
  for (const [name, value] of echoHeaders(request)) response.setHeader(name, value);
  response.setHeader("Content-Type", "application/json");
  response.setHeader("X-Content-Type-Options", "nosniff");
  const { host = "", ...headers } = request.headersDistinct;
  const named = Object.entries(headers).map(([name, values]) => [canonical(name), values]);
  const said = {
    path: target,
    host: [host].flat()[0] ?? "",
    method: request.method,
    proto: `HTTP/${request.httpVersion}`,
    headers: Object.fromEntries(named),
    httpPort: HTTP_PORT,
    ...context,
  };
  response.end(JSON.stringify(said, undefined, 1));
}

/** `X-Echo-Set-Header: name:value, name:value` sets headers of the answer; several of one name are joined. */
function echoHeaders(request: IncomingMessage): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  const asked = (request.headersDistinct["x-echo-set-header"] ?? []).flatMap((value) => value.split(","));
  for (const each of asked) {
    const [, name = "", value = ""] = /^([^:]*):?(.*)$/s.exec(each.trim()) ?? [];
    if (name === "") continue;
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before},${value.trim()}`);
  }
  return headers;
}

/** Go's way to write a header's name. */
function canonical(name: string): string {
  return name.replaceAll(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
}

/** `10s`, `500ms`. */
function milliseconds(duration: string): number {
  const [, value = "0", unit] = /^([\d.]+)(ms|s)$/.exec(duration) ?? [];
  return Number(value) * (unit === "s" ? 1000 : 1);
}
