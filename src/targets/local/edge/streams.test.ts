import { once } from "node:events";
import { type IncomingMessage, request as httpRequest } from "node:http";
import { connect, createServer, type AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { WebSocket } from "ws";
import { allTo } from "../../../core/routing.ts";
import { listenSlot } from "./testing-slot.ts";
import { memberOf, type Policy, TestEdge, until } from "./testing.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function edgeWith(streams: Policy["streams"]): Promise<TestEdge> {
  const edge = new TestEdge({ streams });
  cleanups.push(() => edge.stop());
  await edge.start();
  for (const name of ["blue", "green"] as const) {
    const slot = await listenSlot(name);
    cleanups.push(() => slot.close());
    await edge.members(name, memberOf(slot));
  }
  await edge.shift(allTo("blue"));
  return edge;
}

interface Client {
  readonly by: string;
  /** Close code, or `complete`/`cut` of an event stream; undefined while it is open. */
  readonly ended: () => number | string | undefined;
  readonly close: () => void;
}

async function socketTo(url: string): Promise<Client & { socket: WebSocket }> {
  const socket = new WebSocket(url.replace("http", "ws"));
  let code: number | undefined;
  socket.on("close", (got) => (code = got)).on("error", () => undefined);
  cleanups.push(() => socket.terminate());
  const [first] = (await once(socket, "message")) as [Buffer];
  return { by: String(first), ended: () => code, close: () => socket.close(), socket };
}

async function eventsFrom(port: number): Promise<Client> {
  const request = httpRequest({ port, path: "/sse", agent: false })
    .on("error", () => undefined)
    .end();
  cleanups.push(() => request.destroy());
  const [response] = (await once(request, "response")) as [IncomingMessage];
  let how: string | undefined;
  response.on("error", () => undefined).on("close", () => (how = response.complete ? "complete" : "cut"));
  const [first] = (await once(response, "data")) as [Buffer];
  return {
    by: /data: (\w+)/.exec(String(first))?.[1] ?? "",
    ended: () => how,
    close: () => request.destroy(),
  };
}

test("streams of a slot that lost its traffic end cleanly, so that clients come back to the other one", async () => {
  const edge = await edgeWith({ policy: "reconnect", after: 0, over: 100 });
  const clients = [
    ...(await Promise.all([1, 2, 3].map(() => socketTo(edge.url)))),
    ...(await Promise.all([1, 2, 3].map(() => eventsFrom(edge.port)))),
  ];
  expect(clients.map(({ by }) => by)).toEqual(clients.map(() => "blue"));
  const looking = await socketTo(edge.preview);
  await edge.shift(allTo("green"));
  await until("all ended", () => clients.every((client) => client.ended() !== undefined));
  expect(clients.map((client) => client.ended())).toEqual([
    1001,
    1001,
    1001,
    "complete",
    "complete",
    "complete",
  ]);
  expect((await socketTo(edge.url)).by).toBe("green");
  await until(
    "blue has nothing left",
    async () => (await edge.ask("residual", { slot: "blue" })).inFlight === 0,
  );
  // Somebody who looks at a slot through the preview is no production traffic.
  expect(looking.ended()).toBeUndefined();
});

test("streams of a replica that leaves a slot with traffic end by the policy, and only they", async () => {
  const edge = await edgeWith({ policy: "reconnect", after: 0, over: 100 });
  const leaving = await eventsFrom(edge.port);
  const second = await listenSlot("blue");
  cleanups.push(() => second.close());
  await edge.members("blue", memberOf(second));
  await until("the stream to end", () => leaving.ended() !== undefined);
  expect(leaving.ended()).toBe("complete");
  const staying = await eventsFrom(edge.port);
  await edge.members("blue", memberOf(second));
  expect(staying.ended()).toBeUndefined();
});

test("traffic that comes back in time keeps the streams", async () => {
  const edge = await edgeWith({ policy: "reconnect", after: 300, over: 0 });
  const [socket, events] = [await socketTo(edge.url), await eventsFrom(edge.port)];
  await edge.shift(allTo("green"));
  await edge.shift(allTo("blue"));
  await sleep(500);
  expect([socket.ended(), events.ended()]).toEqual([undefined, undefined]);
});

test("hold leaves streams alone until their replica is released", async () => {
  const edge = await edgeWith({ policy: "hold", after: 0, over: 0 });
  const [socket, events] = [await socketTo(edge.url), await eventsFrom(edge.port)];
  const replica = { slot: "blue", replica: "blue", incarnation: `blue-${process.pid}` } as const;
  await edge.shift(allTo("green"));
  await edge.members("blue");
  await sleep(200);
  expect([socket.ended(), events.ended()]).toEqual([undefined, undefined]);
  expect((await edge.ask("residual", replica)).inFlight).toBe(2);
  await edge.ask("release", { ...replica, incarnation: "another life" });
  expect((await edge.ask("residual", replica)).inFlight).toBe(2);
  await edge.ask("release", replica);
  await until("both ended", () => socket.ended() === 1001 && events.ended() === "complete");
  await until("nothing is left", async () => (await edge.ask("residual", replica)).inFlight === 0);
});

test("messages of every size pass both ways, and the end comes between two of them", async () => {
  const edge = await edgeWith({ policy: "reconnect", after: 0, over: 0 });
  const { socket, ended } = await socketTo(edge.url);
  const sizes = [0, 1, 125, 126, 65_535, 65_536, 1_000_000];
  let answered = 0;
  let broken = 0;
  socket.on("message", (data: Buffer) => {
    if (data.length !== sizes[answered % sizes.length]) broken++;
    answered++;
  });
  socket.on("error", () => broken++);
  for (const size of sizes) socket.send(Buffer.alloc(size, 0x88));
  await until("all came back", () => answered === sizes.length);
  for (let round = 0; round < 20; round++) for (const size of sizes) socket.send(Buffer.alloc(size, 0x88));
  await edge.shift(allTo("green"));
  await until("it ended", () => ended() !== undefined);
  expect([ended(), broken]).toEqual([1001, 0]);
});

const HANDSHAKE =
  "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const SWITCHED = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

test("the end waits for the rest of a message that is on its way", async () => {
  const edge = await edgeWith({ policy: "reconnect", after: 0, over: 0 });
  let rest: () => void = () => undefined;
  const slot = createServer((socket) => {
    rest = () => socket.write("cd\x82\x01x", "latin1");
    socket.on("error", () => undefined).once("data", () => socket.write(`${SWITCHED}\x82\x04ab`, "latin1"));
  }).listen(0);
  cleanups.push(() => slot.close());
  await edge.members("blue", memberOf({ name: "half", port: (slot.address() as AddressInfo).port }));
  const client = connect({ port: edge.port });
  cleanups.push(() => client.destroy());
  let received = "";
  client
    .on("error", () => undefined)
    .setEncoding("latin1")
    .on("data", (chunk: string) => (received += chunk));
  client.write(HANDSHAKE);
  await until("half a message came", () => received.endsWith("\x82\x04ab"));
  await edge.shift(allTo("green"));
  await sleep(100);
  expect(received.endsWith("\x82\x04ab")).toBe(true);
  rest();
  await until("the end came", () => received.endsWith("\x03\xe9"));
  expect(received.endsWith("\x82\x04abcd\x88\x02\x03\xe9")).toBe(true);
});

test("each direction of a WebSocket connection ends by itself", async () => {
  const edge = await edgeWith({ policy: "hold", after: 0, over: 0 });
  // Speaks only after the client has ended its side.
  const slot = createServer({ allowHalfOpen: true }, (socket) => {
    let upgraded = false;
    socket
      .on("error", () => undefined)
      .on("data", () => {
        if (!upgraded) socket.write(SWITCHED);
        upgraded = true;
      });
    socket.on("end", () => socket.end("\x81\x04late", "latin1"));
  }).listen(0);
  cleanups.push(() => slot.close());
  await edge.members("blue", memberOf({ name: "half", port: (slot.address() as AddressInfo).port }));
  const client = connect({ port: edge.port, allowHalfOpen: true });
  let received = "";
  client.setEncoding("latin1").on("data", (chunk: string) => (received += chunk));
  client.write(HANDSHAKE);
  await until("it switched", () => received.includes("101"));
  client.end();
  await once(client, "end");
  expect(received.endsWith("\x81\x04late")).toBe(true);
  await until(
    "nothing is left",
    async () => (await edge.ask("residual", { slot: "blue", replica: "half" })).inFlight === 0,
  );
});

test("a slot that does not switch is answered like any request, a broken socket ends the other side", async () => {
  const edge = await edgeWith({ policy: "hold", after: 0, over: 0 });
  const headers = {
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "not a key",
  };
  const [response] = (await once(
    httpRequest({ port: edge.port, headers, agent: false }).end(),
    "response",
  )) as [IncomingMessage];
  expect(response.statusCode).toBe(400);
  response.resume();
  const { socket } = await socketTo(edge.url);
  socket.terminate();
  await until("nothing is left", async () => (await edge.ask("residual", { slot: "blue" })).inFlight === 0);
});

test("the first event arrives before the answer ends, and before the second one", async () => {
  const edge = await edgeWith({ policy: "hold", after: 0, over: 0 });
  const events = await eventsFrom(edge.port);
  expect([events.by, events.ended()]).toEqual(["blue", undefined]);
});
