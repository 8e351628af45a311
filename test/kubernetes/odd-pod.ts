import { createServer as createHttp, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer } from "node:net";

/**
 * A pod that answers in every way that a proxy between may get wrong. Run as a container's command: HTTP on 8080, a
 * greeting of another protocol on 8081, silence on 8082.
 */

let count = 0;

createHttp((request, response) => {
  count += 1;
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.once("end", () => answer(request, response, Buffer.concat(chunks).toString()));
})
  .on("upgrade", (_request, socket) =>
    socket.end("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: odd\r\n\r\n"),
  )
  .listen(8080);

createServer((socket) => void socket.on("error", () => undefined).end("220 mail ready\r\n")).listen(8081);
createServer((socket) => void socket.on("error", () => undefined)).listen(8082);

function answer(request: IncomingMessage, response: ServerResponse, body: string): void {
  const host = request.headers.host ?? "";
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://pod");
  const to = (location: string) => void response.writeHead(302, { location }).end();
  switch (pathname) {
    case "/status":
      return void response.writeHead(Number(searchParams.get("code"))).end("the pod says so");
    case "/to-path":
      return to("/echo?x=1");
    case "/to-host":
      return to(`http://${host}/echo?x=1`);
    case "/to-address":
      return to(`http://${request.socket.localAddress?.replace("::ffff:", "")}:8080/echo?x=1`);
    case "/to-elsewhere":
      return to("http://shop.example.com/echo");
    case "/page":
      return void response
        .writeHead(200, { "content-type": "text/html", "cache-control": "max-age=60" })
        .end('<a href="/cart">cart</a>');
    case "/reset":
      return void request.socket.resetAndDestroy();
    case "/close":
      return void request.socket.destroy();
    case "/garbage":
      return void request.socket.end("SSH-2.0-odd\r\n");
    case "/cut":
      response.writeHead(200, { "content-length": 100 }).write("half");
      return void setTimeout(() => request.socket.destroy(), 20);
    case "/hang":
      return;
    default:
      response.writeHead(200, { "content-type": "application/json", "x-revision": "v2" });
      response.end(
        JSON.stringify({ count, method: request.method, url: request.url, headers: request.headers, body }),
      );
  }
}
