/*
 * The program of a simulated machine: a small HTTP server that tells its revision. Started by process.ts with
 *   HOST, PORTS (comma separated), INSTANCE_ID, REVISION, HEALTH (well | sick), and if set LISTENS=no, STUBBORN=yes,
 *   EXITS=<ms>; it reads `well`, `sick` and `exit` as lines of its standard input and ends when that closes, so that
 *   nothing is left when the simulator dies.
 *
 * GET /health          200 or 503
 * GET /slow?ms=500     answers after so many ms of the machine
 * GET /stream?n=5&ms=20   n lines, one every ms
 * GET /echo            what was asked, as JSON
 * GET /status?code=500 that status
 * any other            `<revision> <instance id>`; WebSockets on every path echo what they get, after that greeting
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

const { HOST, PORTS, INSTANCE_ID = "", REVISION = "", LISTENS, STUBBORN, EXITS } = process.env;
let healthy = process.env["HEALTH"] !== "sick";
let leaving = false;
const identity = `${REVISION} ${INSTANCE_ID}`;

function answer(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { "content-type": "text/plain", "content-length": Buffer.byteLength(body) });
  response.end(body);
}

async function stream(response: ServerResponse, lines: number, pause: number): Promise<void> {
  for (let n = 1; n <= lines && !response.destroyed; n++) {
    response.write(`${identity} ${n}\n`);
    await new Promise((resume) => setTimeout(resume, pause));
  }
  response.end();
}

async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { method, url, headers } = request;
  answer(response, 200, JSON.stringify({ method, url, headers, body: Buffer.concat(chunks).toString() }));
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://instance");
  const number = (name: string, otherwise: number) => Number(searchParams.get(name) ?? otherwise);
  response.setHeader("x-revision", REVISION);
  response.setHeader("x-instance", INSTANCE_ID);
  if (leaving) response.setHeader("connection", "close");
  switch (pathname) {
    case "/health":
      return answer(response, healthy ? 200 : 503, healthy ? "ok\n" : "sick\n");
    case "/slow":
      await new Promise((resume) => setTimeout(resume, number("ms", 100)));
      return answer(response, 200, `${identity}\n`);
    case "/stream":
      return stream(response, number("n", 5), number("ms", 20));
    case "/echo":
      return echo(request, response);
    case "/status":
      return answer(response, number("code", 200), `${identity}\n`);
    default:
      return answer(response, 200, `${identity}\n`);
  }
}

function listen(port: number): Promise<Server> {
  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  // Longer than a load balancer keeps idle connections (60 s), or it would write into connections that just close.
  server.keepAliveTimeout = 75_000;
  server.on("upgrade", (request, socket, head) => {
    // Loaded by the first WebSocket: most machines never see one, and all of them should be there soon.
    import("ws").then(
      ({ WebSocketServer }) =>
        new WebSocketServer({ noServer: true }).handleUpgrade(request, socket, head, (client) => {
          client.send(identity);
          client.on("message", (data, isBinary) => client.send(data, { binary: isBinary }));
        }),
      () => socket.destroy(),
    );
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, HOST, () => resolve(server));
  });
}

process.stdin.setEncoding("utf8");
process.stdin.on("data", (lines: string) => {
  for (const line of lines.split("\n")) {
    if (line === "well") healthy = true;
    if (line === "sick") healthy = false;
    if (line === "exit") process.exit(1);
  }
});
process.stdin.on("end", () => process.exit(0));
process.stdin.on("error", () => process.exit(0));

const servers =
  LISTENS === "no" ? [] : await Promise.all((PORTS ?? "8080").split(",").map((port) => listen(Number(port))));
process.on("SIGTERM", () => {
  if (STUBBORN === "yes") return;
  leaving = true;
  // A machine that is switched off finishes what it answers; idle connections are closed at once.
  void Promise.all(servers.map((server) => new Promise((done) => server.close(done)))).then(() =>
    process.exit(0),
  );
});
if (EXITS !== undefined) setTimeout(() => process.exit(1), Number(EXITS));
process.stdout.write("listening\n");
