import { describe, expect, it } from "vitest";
import type { HttpAsk } from "../core/checks.ts";
import { millis } from "../core/units.ts";
import { BODY_LIMIT } from "./exchange.ts";
import { ask, freePort, httpCheck, reachOf, serveHttp, serveTcp, type Asking } from "./testing.ts";

const answering = (status: number, body = "", headers: Record<string, string> = {}) =>
  serveHttp((_, response) => response.writeHead(status, headers).end(body));

/** Asks a server that gives this answer. */
async function given(
  answer: { status?: number; body?: string; headers?: Record<string, string> },
  http: Partial<HttpAsk>,
  asking?: Asking,
) {
  const { port } = await answering(answer.status ?? 200, answer.body, answer.headers);
  return ask(httpCheck(http), reachOf(port), asking);
}

/** Answers raw bytes, then closes unless told to keep the connection. */
const raw = (bytes: string, keep = false) =>
  serveTcp((socket) => socket.once("data", () => (keep ? socket.write(bytes) : socket.end(bytes))));

describe("the status", () => {
  it.each([
    [200, [[200, 200]], "pass", undefined],
    [204, [[200, 299]], "pass", undefined],
    [
      401,
      [
        [200, 299],
        [401, 401],
      ],
      "pass",
      undefined,
    ],
    [503, [[200, 200]], "fail", "200"],
    [404, [[200, 299]], "fail", "2xx"],
    [
      302,
      [
        [200, 204],
        [301, 301],
      ],
      "fail",
      "200-204 or 301",
    ],
  ] as const)("%i of %j is a %s", async (status, ranges, result, expected) => {
    const sample = await given({ status }, { status: ranges });
    expect(sample).toMatchObject({
      check: "deep[0]",
      replica: "green-1",
      incarnation: "green-1/1",
      attempt: 1,
      result,
      actual: String(status),
    });
    expect(sample.expected).toBe(expected);
  });

  it("comes with the body when it is not the expected one", async () => {
    const sample = await given({ status: 503, body: "connect ECONNREFUSED\n db:5433" }, {});
    expect(sample.excerpt).toBe("connect ECONNREFUSED db:5433");
  });
});

describe("the question", () => {
  it("carries method, path, headers and body, a host that applications accept, and closes its connection", async () => {
    const { port, seen } = await serveHttp((request, response) => request.pipe(response));
    const sample = await ask(
      httpCheck({
        method: "POST",
        path: "/echo?a=b",
        headers: { "X-Test": "1" },
        body: "héllo",
        expectBody: { contains: ["héllo"] },
      }),
      reachOf(port),
    );
    expect(sample).toMatchObject({ result: "pass", actual: "200", excerpt: "héllo" });
    expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual(["POST /echo?a=b"]);
    expect(seen[0]?.headers).toMatchObject({
      host: `localhost:${port}`,
      "x-test": "1",
      connection: "close",
      "content-length": "6",
    });
  });

  it("takes the Host header from the check", async () => {
    const { port, seen } = await answering(200);
    await ask(httpCheck({ headers: { Host: "shop.example" } }), reachOf(port));
    expect(seen[0]?.headers.host).toBe("shop.example");
  });

  it("uses a fresh connection every time", async () => {
    const ports = new Set<number | undefined>();
    const { port } = await serveHttp((request, response) => {
      ports.add(request.socket.remotePort);
      response.end();
    });
    for (let index = 0; index < 3; index++) await ask(httpCheck(), reachOf(port));
    expect(ports.size).toBe(3);
  });

  it("that is not valid HTTP is unknown", async () => {
    const { port } = await answering(200);
    expect(await ask(httpCheck({ path: "/a b" }), reachOf(port))).toMatchObject({ result: "unknown" });
  });
});

describe("the body", () => {
  const json = JSON.stringify({
    status: "ok",
    deps: [
      { name: "db", up: true },
      { name: "queue", up: true },
    ],
    n: { b: 1, a: [2] },
  });

  it.each([
    ["contains", { contains: ["ok", "db"] }, "pass"],
    ["contains", { contains: ["ok", "cache"] }, "fail"],
    ["matches", { matches: '"name":"(db|queue)"' }, "pass"],
    ["matches", { matches: "^connected$" }, "fail"],
    ["json", { json: { "$.status": "ok", "$.deps[*].up": true } }, "pass"],
    ["json, keys in any order", { json: { "$.n": { a: [2], b: 1 } } }, "pass"],
    ["json, one of several nodes differs", { json: { "$.deps[*].name": "db" } }, "fail"],
    ["json, no node", { json: { "$.missing": null } }, "fail"],
    ["json, filter", { json: { '$.deps[?@.name=="queue"].up': true } }, "pass"],
    ["json, wrong type", { json: { "$.n.b": "1" } }, "fail"],
    ["json, invalid path", { json: { "$[": 1 } }, "fail"],
  ] as const)("%s %j: %s", async (_, expectBody, result) => {
    expect((await given({ body: json }, { expectBody })).result).toBe(result);
  });

  it("is quoted beside what was expected of it", async () => {
    expect(await given({ body: "disconnected!" }, { expectBody: { matches: "^connected" } })).toMatchObject({
      expected: "body to match /^connected/",
      actual: "200 without it",
      excerpt: "disconnected!",
    });
    expect(await given({ body: '{"up":false}' }, { expectBody: { json: { "$.up": true } } })).toMatchObject({
      expected: "$.up = true",
      actual: "false",
    });
    expect(await given({ body: "<html>" }, { expectBody: { json: { "$.up": true } } })).toMatchObject({
      actual: "a body that is not JSON",
    });
  });

  it("cannot stop the check with an expression that backtracks for ever", async () => {
    const sample = await given({ body: `${"a".repeat(60)}!` }, { expectBody: { matches: "^(a+)+$" } });
    expect(sample).toMatchObject({
      result: "fail",
      actual: "no result in 100 ms: the expression backtracks too much",
    });
    const path = { '$[?match(@, "(a+)+")]': 1 };
    expect(
      await given({ body: JSON.stringify([`${"a".repeat(60)}!`]) }, { expectBody: { json: path } }),
    ).toMatchObject({ result: "fail", actual: "no result in 100 ms: the path is too costly" });
  });

  it("is read to its end and kept up to a limit", async () => {
    const body = "x".repeat(BODY_LIMIT) + "needle";
    expect(await given({ body }, {})).toMatchObject({ result: "pass" });
    expect(await given({ body }, { expectBody: { contains: ["needle"] } })).toMatchObject({
      result: "fail",
      expected: 'body to contain "needle" (in the part of the body that is read)',
    });
    expect(await given({ body: JSON.stringify(body) }, { expectBody: { json: { $: "x" } } })).toMatchObject({
      actual: "a body too large to be read as JSON",
    });
  });
});

describe("headers", () => {
  it.each([
    [{ "x-version": "v2.1" }, { "X-Version": "^v2" }, "pass", undefined],
    [{ "x-version": "v1.9" }, { "x-version": "^v2" }, "fail", '"v1.9"'],
    [{}, { "x-version": "." }, "fail", "no such header"],
  ] as const)("%j against %j: %s", async (headers, expectHeaders, result, actual) => {
    const sample = await given({ headers }, { expectHeaders });
    expect(sample.result).toBe(result);
    if (actual !== undefined) expect(sample.actual).toBe(actual);
  });
});

describe("latency", () => {
  it("fails an answer that is right and too slow, body included", async () => {
    const { port } = await serveHttp((_, response) => {
      response.write("first");
      setTimeout(() => response.end("last"), 60);
    });
    const sample = await ask(httpCheck({ latency: millis(50) }), reachOf(port));
    expect(sample).toMatchObject({ result: "fail", expected: "an answer within 50 ms" });
    expect(sample.actual).toMatch(/^200 after \d+ ms$/u);
    expect((await ask(httpCheck({ latency: millis(1_500) }), reachOf(port))).result).toBe("pass");
  });
});

describe("a redirect", () => {
  /** `/` answers a redirect, `/there` answers 200, everything counted. */
  const redirecting = async (location: (port: number) => string, status = 302) => {
    let port = 0;
    const server = await serveHttp((request, response) => {
      if (request.url === "/there") response.end(request.method);
      else response.writeHead(status, { location: location(port) }).end();
    });
    port = server.port;
    return server;
  };

  it("is not followed unless asked: the first 2xx behind it proves nothing", async () => {
    const { port, seen } = await redirecting(() => "/there");
    expect(await ask(httpCheck(), reachOf(port))).toMatchObject({
      result: "fail",
      expected: "2xx",
      actual: "302 redirect to /there",
    });
    expect(seen.length).toBe(1);
  });

  it("may be the expected answer", async () => {
    const { port } = await redirecting(() => "/there");
    expect((await ask(httpCheck({ status: [[302, 302]] }), reachOf(port))).result).toBe("pass");
  });

  it.each([
    ["a path", () => "/there"],
    ["the asked host", (port: number) => `http://localhost:${port}/there`],
    ["the replica's address", (port: number) => `http://127.0.0.1:${port}/there`],
  ])("to %s is followed when asked", async (_, location) => {
    const { port, seen } = await redirecting(location);
    expect((await ask(httpCheck({ followRedirects: 1 }), reachOf(port))).result).toBe("pass");
    expect(seen.map(({ url }) => url)).toEqual(["/", "/there"]);
  });

  it("never leads to another address, scheme or port", async () => {
    const { port: live, seen: liveSeen } = await answering(200);
    const away = [
      () => `http://127.0.0.1:${live}/up?ticket=1`,
      (own: number) => `https://localhost:${own}/there`,
      () => "//evil.example/there",
      () => "http://[/",
    ];
    for (const locate of away) {
      const { port, seen } = await redirecting(locate);
      const location = locate(port);
      const sample = await ask(httpCheck({ followRedirects: 5 }), reachOf(port));
      expect(sample.result).toBe("fail");
      expect(sample.actual).toBe(`302 redirect away from the replica, to ${location.split("?")[0]}`);
      expect(seen.length).toBe(1);
    }
    expect(liveSeen.length).toBe(0);
  });

  it("to the public host of the Host header stays on the replica", async () => {
    const { port, seen } = await redirecting(() => "http://shop.example/there");
    expect(
      (await ask(httpCheck({ followRedirects: 1, headers: { host: "shop.example" } }), reachOf(port))).result,
    ).toBe("pass");
    expect(seen.length).toBe(2);
  });

  it("is followed only so often", async () => {
    const { port, seen } = await redirecting(() => "/again");
    expect(await ask(httpCheck({ followRedirects: 3 }), reachOf(port))).toMatchObject({
      result: "fail",
      actual: "more than 3 redirects",
    });
    expect(seen.length).toBe(4);
  });

  it.each([
    [303, "GET"],
    [302, "GET"],
    [307, "POST"],
    [308, "POST"],
  ])("%i repeats a POST as %s", async (status, method) => {
    const { port, seen } = await redirecting(() => "/there", status);
    await ask(httpCheck({ method: "POST", body: "x", followRedirects: 1 }), reachOf(port));
    expect(seen[1]?.method).toBe(method);
  });
});

describe("a server that does not answer properly", () => {
  it("refused", async () => {
    expect(await ask(httpCheck(), reachOf(await freePort()))).toMatchObject({
      result: "fail",
      expected: "2xx",
      actual: "ECONNREFUSED",
    });
  });

  it("stalls", async () => {
    const port = await serveTcp(() => {});
    expect(await ask(httpCheck({}, 100), reachOf(port))).toMatchObject({
      result: "fail",
      actual: "timeout after 100 ms",
    });
  });

  it("drips: a byte now and then does not extend the time", async () => {
    const port = await serveTcp((socket) => {
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n");
      const timer = setInterval(() => socket.write("x"), 10);
      socket.on("close", () => clearInterval(timer));
    });
    expect(await ask(httpCheck({}, 150), reachOf(port))).toMatchObject({
      result: "fail",
      actual: "timeout after 150 ms",
    });
  });

  it("drips its head", async () => {
    const port = await serveTcp((socket) => {
      const timer = setInterval(() => socket.write("H"), 10);
      socket.on("close", () => clearInterval(timer));
    });
    expect((await ask(httpCheck({}, 150), reachOf(port))).result).toBe("fail");
  });

  it("answers garbage", async () => {
    expect((await ask(httpCheck(), reachOf(await raw("SSH-2.0-OpenSSH_9.2\r\n")))).actual).toMatch(/^HPE_/u);
  });

  it("cuts its body off", async () => {
    const port = await raw("HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nonly this");
    expect(await ask(httpCheck({ expectBody: { contains: ["only"] } }), reachOf(port))).toMatchObject({
      result: "fail",
      actual: "answer 200 cut off after 9 bytes",
    });
    const chunked = await raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n");
    expect((await ask(httpCheck(), reachOf(chunked))).actual).toBe("answer 200 cut off after 5 bytes");
  });

  it("closes without a word, or resets", async () => {
    const silent = await serveTcp((socket) => socket.once("data", () => socket.end()));
    expect((await ask(httpCheck(), reachOf(silent))).actual).toBe("ECONNRESET");
    const resets = await serveTcp((socket) => socket.once("data", () => socket.resetAndDestroy()));
    expect((await ask(httpCheck(), reachOf(resets))).actual).toBe("ECONNRESET");
  });

  it("switches protocols", async () => {
    const port = await raw(
      "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
      true,
    );
    expect((await ask(httpCheck(), reachOf(port))).actual).toBe("101");
  });

  it("is not blamed when the asking itself is given up", async () => {
    const port = await serveTcp(() => {});
    const asking = new AbortController();
    const sample = ask(httpCheck(), reachOf(port), { signal: asking.signal });
    asking.abort("the deployment was aborted");
    expect(await sample).toMatchObject({ result: "unknown", actual: "given up: the deployment was aborted" });
  });
});

describe("secrets", () => {
  const SECRET = "correct-horse-battery";
  it("of the deployment are not shown, in whatever form the answer has them", async () => {
    const body = `boom ${SECRET} ${encodeURIComponent(SECRET)} ${Buffer.from(`u:${SECRET}`).toString("base64")} postgres://shop:hunter22@db/shop`;
    const sample = await given(
      { status: 500, body, headers: { "x-note": SECRET } },
      {},
      { secrets: [SECRET] },
    );
    expect(JSON.stringify(sample)).not.toMatch(/correct-horse|hunter22|Y29ycmVjd/u);
    expect(sample.excerpt).toContain("boom [redacted]");
    const header = await given(
      { headers: { "x-note": SECRET } },
      { expectHeaders: { "x-note": "^$" } },
      { secrets: [SECRET] },
    );
    expect(header.actual).toBe('"[redacted]"');
    const found = await given({ body: SECRET }, { expectBody: { matches: "c.*y" } }, { secrets: [SECRET] });
    expect(found.excerpt).toBe("[redacted]");
  });

  it("cut in two by a limit are not shown in halves", async () => {
    const body = `-----BEGIN PRIVATE KEY-----${"x".repeat(16_300)}-----END PRIVATE KEY-----${SECRET.repeat(3)}`;
    const sample = await given({ status: 500, body }, {}, { secrets: [SECRET] });
    expect(sample.excerpt ?? "").not.toContain("correct");
  });

  it("of terminals are escaped", async () => {
    expect((await given({ status: 500, body: "\u001b]0;owned\u0007" }, {})).excerpt).toBe(
      "\\u{1b}]0;owned\\u{7}",
    );
  });
});
