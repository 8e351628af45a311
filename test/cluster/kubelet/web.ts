import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { WebSocketServer } from "ws";

/**
 * The program of the test images: a small web service that says which revision and pod it is. The image says how it
 * behaves, the environment the rest:
 *
 * PORT (8080) · START_MS before it listens · READY_MS before /health is well · ERRORS_AFTER requests (image `errors`: 0) ·
 * REVISION instead of the image's tag · SHOW names a variable whose value answers /show
 *
 * `/` `<revision> <pod>` · `/health` · `/health/db` · `/slow?ms=` · `/stream?ms=` a word every 50 ms · `/show` · `/metrics`
 */

const image = process.env["TEAL_TEST_IMAGE"] ?? "web";
const revision = process.env["REVISION"] ?? process.env["TEAL_TEST_REVISION"] ?? "none";
const pod = process.env["HOSTNAME"] ?? "nowhere";
const port = Number(process.env["PORT"] ?? 8080);
const errorsAfter = Number(process.env["ERRORS_AFTER"] ?? (image === "errors" ? 0 : Infinity));
const began = performance.now();
let requests = 0;
let inFlight = 0;

if (image === "crash") {
  console.log(`${revision} cannot start: no configuration for the database`);
  process.exit(1);
}

const probes = new Set(["/health", "/health/db", "/metrics"]);

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://web");
  if (probes.has(pathname)) return answerProbe(pathname, response);
  requests += 1;
  inFlight += 1;
  response.once("close", () => (inFlight -= 1));
  response.setHeader("x-revision", revision).setHeader("x-pod", pod);
  if (requests > errorsAfter) return void response.writeHead(500).end(`${revision} ${pod} is broken\n`);
  respond(pathname, Number(searchParams.get("ms") ?? 1000), request, response);
});

function respond(path: string, ms: number, request: IncomingMessage, response: ServerResponse): void {
  switch (path) {
    case "/slow":
      setTimeout(() => response.end(`${revision} ${pod}\n`), ms);
      return;
    case "/stream":
      return stream(ms, response);
    case "/show":
      return void response.end(process.env[process.env["SHOW"] ?? ""] ?? "");
    case "/digest":
      return digest(request, response);
    default:
      response.end(`${revision} ${pod}\n`);
  }
}

/** A word every 50 ms, and `end` as the last: who does not see it was cut off. */
function stream(ms: number, response: ServerResponse): void {
  const until = performance.now() + ms;
  const timer = setInterval(() => {
    response.write(`${revision}\n`);
    if (performance.now() < until) return;
    clearInterval(timer);
    response.end("end\n");
  }, 50);
  response.once("close", () => clearInterval(timer));
}

/** The hash of what was sent, so that a sender knows that everything arrived. */
function digest(request: IncomingMessage, response: ServerResponse): void {
  const hash = createHash("sha256");
  request.on("data", (part: Buffer) => hash.update(part));
  request.once("end", () => response.end(`${hash.digest("hex")}\n`));
}

function answerProbe(path: string, response: ServerResponse): void {
  if (path === "/metrics") {
    return void response.end(`requests_total ${requests}\nin_flight ${inFlight}\n`);
  }
  const early = performance.now() - began < Number(process.env["READY_MS"] ?? 0);
  const ill = image === "never-ready" || early || (path === "/health/db" && image === "failing");
  const body =
    path === "/health/db" ? { database: ill ? "unreachable" : "connected" } : { ok: !ill, revision };
  response.writeHead(ill ? 503 : 200, { "content-type": "application/json" }).end(JSON.stringify(body));
}

const sockets = new WebSocketServer({ server });
sockets.on("connection", (socket) => {
  inFlight += 1;
  requests += 1;
  socket.on("message", (data: Buffer) => socket.send(`${revision} ${pod} ${data.toString()}`));
  socket.once("close", () => (inFlight -= 1));
});

/** Kept connections that users go on using carry a request within this time (ms), whose answer tells them to go. */
const FAREWELL = 500;

/**
 * As a well-behaved service: what is in flight ends, and everybody else is told to go. Nothing idle is closed at once: a
 * request that is on its way on such a connection would be lost. `server.close` closes them, hence the wait.
 */
process.on("SIGTERM", () => {
  console.log(`${revision} ends with ${inFlight} in flight`);
  server.prependListener("request", (_, response) => response.setHeader("connection", "close"));
  for (const socket of sockets.clients) socket.close(1001, "going away");
  setTimeout(() => server.close(() => process.exit(0)), FAREWELL);
});

setTimeout(
  () => server.listen(port, () => console.log(`${revision} listens on ${port}`)),
  Number(process.env["START_MS"] ?? 0),
);
