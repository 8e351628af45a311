import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocketServer } from "ws";

/** A slot's application for the tests of the edge: answers say who answered. Runs in a test or as a process. */
export interface TestSlot {
  readonly name: string;
  readonly server: Server;
  readonly port: number;
  /** Requests for `/held`, answered when the test says so. */
  readonly held: ServerResponse[];
  close(): void;
}

export async function listenSlot(name: string, port = 0): Promise<TestSlot> {
  const held: ServerResponse[] = [];
  const server = createServer((request, response) => {
    if (request.url === "/held") held.push(response);
    else answer(name, request, response);
  });
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket) => {
    socket.send(name);
    socket.on("message", (data, binary) => socket.send(data, { binary }));
    socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    name,
    server,
    held,
    port: (server.address() as AddressInfo).port,
    close: () => {
      for (const socket of sockets.clients) socket.terminate();
      server.close();
      server.closeAllConnections();
    },
  };
}

/** `/who` name · `/echo` the body · `/seen` how the request arrived · `/sse` events · `/status/<n>` · `/slow/<ms>` · `/die` */
function answer(name: string, request: IncomingMessage, response: ServerResponse): void {
  const [, route = "", argument = ""] = (request.url ?? "").split(/[/?]/);
  response.setHeader("X-Slot", name);
  switch (route) {
    case "echo":
      request.on("error", () => response.destroy());
      return void request.pipe(response);
    case "seen":
      return collect(request, (body) =>
        response.end(
          JSON.stringify({ method: request.method, url: request.url, raw: request.rawHeaders, body }),
        ),
      );
    case "sse":
      return events(response, name);
    case "status":
      response.statusCode = Number(argument);
      return void response.end(`cart.total is undefined, password=hunter22 (${name})`);
    case "slow":
      return void setTimeout(() => response.end(name), Number(argument));
    case "die":
      return void response.socket?.destroy();
    case "half":
      response.write("half of it");
      return void setTimeout(() => response.socket?.destroy(), 20);
    default:
      return collect(request, (body) => response.end(`${name}${body === "" ? "" : ` ${body}`}`));
  }
}

function collect(request: IncomingMessage, done: (body: string) => void): void {
  let body = "";
  request.setEncoding("utf8");
  request.on("data", (chunk: string) => (body += chunk));
  request.on("end", () => done(body));
}

function events(response: ServerResponse, name: string): void {
  response.writeHead(200, { "Content-Type": "text/event-stream" });
  response.write(`data: ${name}\n\n`);
  const timer = setInterval(() => response.write(`data: ${name}\n\n`), 20);
  response.on("close", () => clearInterval(timer));
}

if (process.argv[1] === import.meta.filename) {
  const slot = await listenSlot(process.argv[2] ?? "slot", Number(process.argv[3] ?? 0));
  process.stdout.write(`${slot.port}\n`);
}
