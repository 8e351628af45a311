import { createServer, type IncomingMessage, request as httpRequest } from "node:http";
import { type AddressInfo, connect, createServer as createTcp, type Server, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { allTo, NOBODY, shareOf } from "../../../core/routing.ts";
import { listenSlot, type TestSlot } from "./testing-slot.ts";
import { memberOf, TestEdge, until } from "./testing.ts";

let edge: TestEdge;
let trusting: TestEdge;
let blue: TestSlot;
let green: TestSlot;

beforeAll(async () => {
  [blue, green] = [await listenSlot("blue"), await listenSlot("green")];
  edge = await new TestEdge({ responseTimeout: 150, queue: { timeout: 300, limit: 2 } }).start();
  trusting = await new TestEdge({ trustedProxies: ["127.0.0.0/8"] }).start();
});
afterAll(async () => {
  await edge.stop();
  await trusting.stop();
  blue.close();
  green.close();
});
beforeEach(async () => {
  for (const each of [edge, trusting]) {
    await each.members("blue", memberOf(blue));
    await each.members("green", memberOf(green));
    await each.shift(allTo("blue"));
  }
});

/** Sends bytes as they are. Resolves with everything that came until the connection closed, or nothing more came. */
function raw(port: number, bytes: string, quiet = 100): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    let received = "";
    socket.setTimeout(quiet, () => socket.destroy());
    socket.setEncoding("latin1").on("data", (chunk: string) => (received += chunk));
    socket.on("error", () => undefined).on("close", () => resolve(received));
    socket.write(bytes, "latin1");
  });
}

async function seenBySlot(
  bytes: string,
  port = edge.port,
): Promise<{ method: string; url: string; raw: string[]; body: string }> {
  const answer = await raw(port, bytes);
  return JSON.parse(answer.split("\r\n\r\n").at(-1) as string) as {
    method: string;
    url: string;
    raw: string[];
    body: string;
  };
}

function headersOf(raw: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    raw.flatMap((name, index) => (index % 2 === 0 ? [[name.toLowerCase(), raw[index + 1] as string]] : [])),
  );
}

test("a request of one connection's headers ends here; the rest passes as it came", async () => {
  const answer = await seenBySlot(
    "POST /seen?a=1 HTTP/1.1\r\nHost: shop.example:81\r\nConnection: close, X-Mine, Host, Content-Length\r\nX-Mine: 1\r\nKeep-Alive: timeout=9\r\n" +
      "TE: trailers\r\nTrailer: X-T\r\nProxy-Authorization: Basic x\r\nProxy-Connection: keep-alive\r\nUpgrade: h2c\r\nExpect: 100-continue\r\n" +
      "Cookie: a=1\r\nCookie: b=2\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Port: 1\r\nX-Real-IP: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\n" +
      "Content-Length: 2\r\n\r\nhi",
  );
  expect(answer).toMatchObject({ method: "POST", url: "/seen?a=1", body: "hi" });
  const names = answer.raw
    .filter((_, index) => index % 2 === 0)
    .map((name) => name.toLowerCase())
    .sort();
  expect(names).toEqual([
    "connection",
    "content-length",
    "cookie",
    "cookie",
    "host",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
  ]);
  expect(headersOf(answer.raw)).toMatchObject({
    host: "shop.example:81",
    connection: "keep-alive",
    "x-forwarded-for": "127.0.0.1",
    "x-forwarded-proto": "http",
    "x-forwarded-host": "shop.example:81",
  });
});

test("a trusted proxy's word about the client is kept and continued", async () => {
  const seen = await seenBySlot(
    "GET /seen HTTP/1.1\r\nHost: shop\r\nX-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: www.shop\r\nX-Forwarded-Port: 443\r\nForwarded: for=9.9.9.9;proto=https\r\n\r\n",
    trusting.port,
  );
  expect(headersOf(seen.raw)).toMatchObject({
    "x-forwarded-for": "9.9.9.9, 127.0.0.1",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "www.shop",
    "x-forwarded-port": "443",
    forwarded: "for=9.9.9.9;proto=https, for=127.0.0.1;proto=http",
  });
});

test("an absolute request target overrules Host", async () => {
  const seen = await seenBySlot("GET http://www.shop/seen?x HTTP/1.1\r\nHost: other\r\n\r\n");
  expect(seen.url).toBe("/seen?x");
  expect(headersOf(seen.raw)["host"]).toBe("www.shop");
});

const CHUNKED = "Transfer-Encoding: chunked\r\n";
const SMUGGLING: Record<string, string> = {
  "both lengths": `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n${CHUNKED}\r\n0\r\n\r\n`,
  "both lengths, the other way round": `POST / HTTP/1.1\r\nHost: a\r\n${CHUNKED}Content-Length: 5\r\n\r\n0\r\n\r\n`,
  "a folded header": "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
  "two hosts": "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
  "two hosts in different case": "GET / HTTP/1.1\r\nHost: a\r\nhOST: a\r\n\r\n",
  "no host": "GET / HTTP/1.1\r\n\r\n",
  "bare line feeds": "GET / HTTP/1.1\nHost: a\n\n",
  "one bare line feed": "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
  "a bare carriage return": "GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n",
  "two lengths": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
  "two equal lengths in one": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nhello",
  "a signed length": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello",
  "a hexadecimal length": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\nhello",
  "a further coding": "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
  "chunked twice": `POST / HTTP/1.1\r\nHost: a\r\n${CHUNKED}${CHUNKED}\r\n0\r\n\r\n`,
  "an unknown coding": "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
  "a coding behind a tab": "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
  "chunks in HTTP/1.0": `POST / HTTP/1.0\r\nHost: a\r\n${CHUNKED}\r\n0\r\n\r\n`,
  "a blank before the colon": "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
  "a line feed in a chunk extension": `POST / HTTP/1.1\r\nHost: a\r\n${CHUNKED}\r\n5;a=b\nc\r\nhello\r\n0\r\n\r\n`,
  "a bare line feed after a chunk size": `POST / HTTP/1.1\r\nHost: a\r\n${CHUNKED}\r\n5\nhello\r\n0\r\n\r\n`,
  "a signed chunk size": `POST / HTTP/1.1\r\nHost: a\r\n${CHUNKED}\r\n+5\r\nhello\r\n0\r\n\r\n`,
  "a zero byte": "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
  "an unknown version": "GET / HTTP/1.2\r\nHost: a\r\n\r\n",
  "HTTP/0.9": "GET /\r\n\r\n",
  "an HTTP/2 preface": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  "a star": "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
};

test.each(Object.entries(SMUGGLING))("%s: refused, and the connection ends", async (_, bytes) => {
  let reached = 0;
  const count = () => reached++;
  blue.server.on("request", count);
  const answer = await raw(edge.port, `${bytes}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n`);
  blue.server.off("request", count);
  expect(answer.slice(0, 12)).toBe("HTTP/1.1 400");
  expect(answer.match(/HTTP\/1\.1 \d/g)).toHaveLength(1);
  // A body's framing may turn out wrong only after the head went on; the slot then never gets a whole message.
  expect(reached).toBeLessThanOrEqual(bytes.includes("chunk") ? 1 : 0);
});

test("what the slot reads is what the client framed: no byte of a body becomes a request", async () => {
  const inner = "GET /status/418 HTTP/1.1\r\nHost: a\r\n\r\n";
  const seen: string[] = [];
  const look = (request: IncomingMessage) => seen.push(`${request.method} ${request.url}`);
  blue.server.on("request", look);
  const chunk = (body: string) => `${body.length.toString(16)};x=1\r\n${body}\r\n`;
  const answer = await raw(
    edge.port,
    [
      `GET /seen HTTP/1.1\r\nHost: a\r\nContent-Length: ${inner.length}\r\n\r\n${inner}`,
      `POST /seen HTTP/1.1\r\nHost: a\r\n${CHUNKED}\r\n${chunk(inner)}${chunk("0\r\n\r\n")}0\r\nX-Trailer: ${"y"}\r\n\r\n`,
      `DELETE /seen HTTP/1.1\r\nHost: a\r\nContent-Length: ${inner.length}\r\n\r\n${inner}`,
      `GET /who HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
    ].join(""),
    500,
  );
  blue.server.off("request", look);
  expect(seen.sort()).toEqual(["DELETE /seen", "GET /seen", "GET /who", "POST /seen"]);
  expect(answer.match(/HTTP\/1\.1 200/g)).toHaveLength(4);
  const bodies = [...answer.matchAll(/\{"method".*\}/g)].map(
    ([json]) => (JSON.parse(json) as { body: string }).body,
  );
  expect(bodies).toEqual([inner, `${inner}0\r\n\r\n`, inner]);
});

test("answers: HEAD, 204, 304, HTTP/1.0 and Expect", async () => {
  expect(await raw(edge.port, "HEAD /who HTTP/1.1\r\nHost: a\r\n\r\n")).toMatch(
    /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n$/,
  );
  for (const status of [204, 304]) {
    const answer = await raw(
      edge.port,
      `GET /status/${status} HTTP/1.1\r\nHost: a\r\n\r\nGET /who HTTP/1.1\r\nHost: a\r\n\r\n`,
    );
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [^]*HTTP/1\\.1 200 OK[^]*blue$`));
  }
  const ten = await raw(edge.port, "GET /who HTTP/1.0\r\n\r\n");
  expect(ten).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(ten).not.toMatch(/transfer-encoding/i);
  expect(ten.endsWith("\r\n\r\nblue")).toBe(true);
  const expecting = await raw(
    edge.port,
    "POST /who HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
  );
  expect(expecting).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK[^]*blue hi$/);
});

test("the public answer carries no word of Teal, the preview's names its slot", async () => {
  const seen = await fetch(`${edge.url}/who`);
  expect([...seen.headers].filter(([name, value]) => /teal/i.test(name + value))).toEqual([]);
  expect(await seen.text()).toBe("blue");
  const previewed = await fetch(`${edge.preview}/who`);
  expect(previewed.headers.get("teal-slot")).toBe("green");
  expect(await previewed.text()).toBe("green");
  await edge.shift(shareOf("blue", 20));
  expect((await fetch(`${edge.preview}/who`)).headers.get("teal-slot")).toBe("blue");
});

test("shares are followed", async () => {
  await edge.shift(shareOf("green", 25));
  const before = await edge.ask("residual", { slot: "green" });
  for (let round = 0; round < 40; round++)
    await Promise.all(Array.from({ length: 10 }, async () => (await fetch(`${edge.url}/who`)).text()));
  const after = await edge.ask("residual", { slot: "green" });
  const share = ((after.newRequests ?? 0) - (before.newRequests ?? 0)) / 400;
  // 25 % of 400: six standard deviations are 13 points.
  expect(Math.abs(share - 0.25)).toBeLessThan(0.13);
});

test("nobody serves: 503 with Retry-After, counted for no slot", async () => {
  await edge.shift(NOBODY);
  const { unserved } = await edge.ask("hello", {});
  const before = await Promise.all((["blue", "green"] as const).map((slot) => edge.ask("traffic", { slot })));
  const answer = await fetch(`${edge.url}/who`);
  expect(answer.status).toBe(503);
  expect(answer.headers.get("retry-after")).toBe("1");
  expect(
    await Promise.all((["blue", "green"] as const).map((slot) => edge.ask("traffic", { slot }))),
  ).toEqual(before);
  expect((await edge.ask("hello", {})).unserved).toBe(unserved + 1);
});

test("without a ready replica requests wait: for a member, for a shift, or 503 when the queue is full or too slow", async () => {
  await edge.members("blue");
  const first = fetch(`${edge.url}/who`);
  await edge.members("blue", memberOf(blue));
  expect(await (await first).text()).toBe("blue");
  await edge.members("blue");
  const second = fetch(`${edge.url}/who`);
  await edge.shift(allTo("green"));
  expect(await (await second).text()).toBe("green");
  await edge.shift(allTo("blue"));
  const statuses = await Promise.all([1, 2, 3, 4].map(async () => (await fetch(`${edge.url}/who`)).status));
  expect(statuses).toEqual([503, 503, 503, 503]);
});

test("a slot that answers too late is 504, one that breaks is 502, and both are counted with examples", async () => {
  const before = await edge.ask("traffic", { slot: "blue" });
  expect((await fetch(`${edge.url}/slow/2000`)).status).toBe(504);
  expect((await fetch(`${edge.url}/die`, { method: "POST", body: "pay" })).status).toBe(502);
  await expect(fetch(`${edge.url}/half`).then((answer) => answer.text())).rejects.toThrow();
  expect((await fetch(`${edge.url}/status/500?token=abc`, { method: "POST" })).status).toBe(500);
  const after = await edge.ask("traffic", { slot: "blue" });
  expect(after.lost - before.lost).toBe(3);
  expect(after.errors - before.errors).toBe(1);
  expect(after.requests - before.requests).toBe(4);
  expect(after.examples?.at(-1)).toBe(
    'POST /status/500 500: "cart.total is undefined, password=[redacted] (blue)"',
  );
});

test("bytes that were sent are not sent again unless the request may be repeated, and then once", async () => {
  const seen: string[] = [];
  const look = (request: IncomingMessage) => seen.push(request.method ?? "");
  blue.server.on("request", look);
  for (const method of ["POST", "PUT", "DELETE", "PATCH", "GET", "OPTIONS"]) {
    expect((await fetch(`${edge.url}/die`, { method })).status).toBe(502);
  }
  blue.server.off("request", look);
  expect(seen).toEqual(["POST", "PUT", "DELETE", "PATCH", "GET", "GET", "OPTIONS", "OPTIONS"]);
});

test("a replica that refuses connections is passed over, also for what may not be repeated", async () => {
  const closed = createServer().listen(0);
  const { port } = closed.address() as AddressInfo;
  closed.close();
  await edge.members("blue", { ...memberOf({ name: "gone", port }), incarnation: "gone" }, memberOf(blue));
  const answers = await Promise.all(
    Array.from({ length: 20 }, async () =>
      (await fetch(`${edge.url}/who`, { method: "POST", body: "x" })).text(),
    ),
  );
  expect(answers).toEqual(answers.map(() => "blue x"));
});

test("a refusing replica alone: the request waits for it within the queue's bound", async () => {
  const late = createServer((_, response) => response.end("late"));
  late.listen(0);
  const { port } = late.address() as AddressInfo;
  late.close();
  await edge.members("blue", memberOf({ name: "late", port }));
  const answer = fetch(`${edge.url}/who`, { method: "POST", body: "x" });
  await until(
    "it is tried",
    async () => ((await edge.ask("residual", { slot: "blue", replica: "late" })).newRequests ?? 0) > 1,
  );
  late.listen(port);
  expect(await (await answer).text()).toBe("late");
  late.close();
  late.closeAllConnections();
});

test("kept connections that the slot closes meanwhile show as no error", async () => {
  const sockets = new Set<Socket>();
  let served = 0;
  // Closes every connection right after its answer, without announcing it.
  const rude: Server = createTcp((socket) => {
    sockets.add(socket);
    socket
      .on("error", () => undefined)
      .once("data", () => {
        served++;
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nrude");
        setImmediate(() => socket.end());
      });
  }).listen(0);
  const { port } = rude.address() as AddressInfo;
  await edge.members("blue", memberOf({ name: "rude", port }));
  for (let round = 0; round < 100; round++)
    expect(await (await fetch(`${edge.url}/who`)).text()).toBe("rude");
  expect(served).toBeGreaterThanOrEqual(100);
  rude.close();
});

test("a client that goes away ends its request at the slot", async () => {
  await edge.members("blue", memberOf(blue));
  const request = httpRequest({ port: edge.port, path: "/sse" })
    .on("error", () => undefined)
    .end();
  await until("it streams", async () => (await edge.ask("residual", { slot: "blue" })).inFlight === 1);
  request.destroy();
  await until("it is gone", async () => (await edge.ask("residual", { slot: "blue" })).inFlight === 0);
  const upload = httpRequest({
    port: edge.port,
    path: "/echo",
    method: "POST",
    headers: { "Content-Length": 10_000_000 },
  }).on("error", () => undefined);
  upload.write(Buffer.alloc(200_000));
  await until("it uploads", async () => (await edge.ask("residual", { slot: "blue" })).inFlight === 1);
  upload.destroy();
  await until("it is gone", async () => (await edge.ask("residual", { slot: "blue" })).inFlight === 0);
});

test("a slot that answers before the upload is through: the client still reads its answer", async () => {
  const early = createServer((request, response) => {
    request.pause();
    response.writeHead(413);
    response.end("too large");
  }).listen(0);
  await edge.members("blue", memberOf({ name: "early", port: (early.address() as AddressInfo).port }));
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = httpRequest(
      { port: edge.port, path: "/", method: "POST", headers: { "Content-Length": 1_000_000 } },
      resolve,
    );
    request.on("error", reject).end(Buffer.alloc(1_000_000));
  });
  expect(answer.statusCode).toBe(413);
  expect(await text(answer)).toBe("too large");
  early.close();
  early.closeAllConnections();
});

/** What a broken slot sends, and what the client then sees: status, or `cut` for an answer without its end. */
const NONSENSE: readonly (readonly [string, string, number | "cut"])[] = [
  ["no HTTP", "hello\r\n\r\n", 502],
  [
    "both lengths",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    502,
  ],
  ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 3\r\n\r\nabcde", 502],
  [
    "an unasked switch",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    502,
  ],
  ["a status in another alphabet", "HTTP/1.1 200 \xd0\x9e\xd0\xba\r\nContent-Length: 2\r\n\r\nok", 200],
  ["a header with a strange byte", "HTTP/1.1 200 OK\r\nX: a\x7fb\r\nContent-Length: 2\r\n\r\nok", 502],
  ["an endless head", `HTTP/1.1 200 OK\r\nX: ${"x".repeat(70_000)}\r\n\r\n`, 502],
  ["a body that ends early", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "cut"],
  ["chunks that end early", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "cut"],
  ["a body up to the end of the connection", "HTTP/1.1 200 OK\r\n\r\nabc", 200],
  [
    "an answer and more",
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    200,
  ],
];

test.each(NONSENSE)("a slot that sends %s", async (_, bytes, expected) => {
  const broken = createTcp((socket) => {
    socket.on("error", () => undefined).once("data", () => socket.end(bytes, "latin1"));
  }).listen(0);
  await edge.members("blue", memberOf({ name: "broken", port: (broken.address() as AddressInfo).port }));
  for (let round = 0; round < 3; round++) {
    const got = await fetch(`${edge.url}/who`, { method: "POST" })
      .then(async (answer) => {
        const body = await answer.text();
        if (answer.status === 200) expect(["ok", "abc"]).toContain(body);
        return answer.status;
      })
      .catch(() => "cut");
    expect(got).toBe(expected);
  }
  broken.close();
  expect(edge.log).toBe("");
});

test("a client that uploads slowly is not timed out, a slot that does not read is", async () => {
  const slow = httpRequest({
    port: edge.port,
    path: "/seen",
    method: "POST",
    headers: { "Content-Length": 100_000 },
  });
  const answered = new Promise<number | undefined>((resolve, reject) => {
    slow.on("response", (response) => resolve(response.resume().statusCode)).on("error", reject);
  });
  for (let part = 0; part < 4; part++) {
    slow.write(Buffer.alloc(25_000, "x"));
    await sleep(250); // longer than responseTimeout
  }
  slow.end();
  expect(await answered).toBe(200);
  const deaf = createTcp((socket) => socket.on("error", () => undefined).pause()).listen(0);
  await edge.members("blue", memberOf({ name: "deaf", port: (deaf.address() as AddressInfo).port }));
  const body = Buffer.alloc(20_000_000);
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const request = httpRequest({
      port: edge.port,
      path: "/",
      method: "POST",
      headers: { "Content-Length": body.length },
    });
    request
      .on("response", (response) => resolve(response.resume().statusCode))
      .on("error", reject)
      .end(body);
  });
  expect(status).toBe(504);
  deaf.close();
});

test("a connection that closes ends what was sent ahead on it, too", async () => {
  const socket = connect(edge.port, "127.0.0.1");
  socket.write("GET /sse HTTP/1.1\r\nHost: a\r\n\r\n".repeat(3));
  await until("all stream", async () => (await edge.ask("residual", { slot: "blue" })).inFlight === 3);
  socket.destroy();
  await until("all are gone", async () => (await edge.ask("residual", { slot: "blue" })).inFlight === 0);
});

test("noise on the sockets does not end the edge", async () => {
  const pid = await edge.pid();
  let seed = 7;
  const random = () => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31;
  const valid = `POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n\r\n${"x".repeat(30)}`;
  for (let round = 0; round < 40; round++) {
    await Promise.all(
      Array.from({ length: 5 }, () => {
        const bytes = valid.replace(/^POST/, random() < 0.5 ? "GET" : "POST").split("");
        for (let fault = 0; fault < 3; fault++)
          bytes[Math.floor(random() * bytes.length)] = String.fromCharCode(Math.floor(random() * 256));
        return raw(
          random() < 0.7 ? edge.port : Number(edge.hello.preview.split(":").at(-1)),
          bytes.slice(0, Math.floor(random() * bytes.length * 1.5)).join(""),
          10,
        );
      }),
    );
  }
  expect(await edge.pid()).toBe(pid);
  expect(edge.log).toBe("");
  await edge.members("blue", memberOf(blue));
  expect(await (await fetch(`${edge.url}/who`)).text()).toBe("blue");
});
