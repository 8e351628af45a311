import { expect, test } from "vitest";
import type { Check } from "../core/checks.ts";
import { millis } from "../core/units.ts";
import type { Exchange, HttpQuestion, Opening, Way } from "../ports/exchange.ts";
import { exchange } from "./exchange.ts";
import { ask, httpCheck, reachOf, serveHttp } from "./testing.ts";

/** A way that leads to another port than the replica's, and tells what it was asked. */
function wayTo(port: number, changes: Partial<Way> = {}) {
  const questions: HttpQuestion[] = [];
  const way: Way = {
    name: "a tunnel",
    http: (question, signal) => {
      questions.push(question);
      return exchange({ ...question, port }, signal);
    },
    open: () => Promise.resolve({ is: "open" }),
    ...changes,
  };
  return { way, questions };
}

const FAR = 9;

test("a question goes the given way, as it would have gone straight", async () => {
  const { port } = await serveHttp((_, response) => response.end("well"));
  const { way, questions } = wayTo(port);
  const check = httpCheck({ path: "/up", expectBody: { contains: ["well"] } });
  expect(await ask(check, reachOf(FAR, { way }))).toMatchObject({ result: "pass" });
  expect(questions).toMatchObject([{ port: FAR, path: "/up", headers: { host: `localhost:${FAR}` } }]);
});

test("every redirect goes the same way, and only to the replica", async () => {
  const { port } = await serveHttp((request, response) => {
    const location = request.url === "/" ? "/next" : "http://elsewhere.test/";
    response.writeHead(302, { location }).end();
  });
  const { way, questions } = wayTo(port);
  expect(await ask(httpCheck({ followRedirects: 5 }), reachOf(FAR, { way }))).toMatchObject({
    result: "fail",
    actual: "302 redirect away from the replica, to http://elsewhere.test/",
  });
  expect(questions.map(({ path }) => path)).toEqual(["/", "/next"]);
});

test("what the way says of itself is no verdict on the replica", async () => {
  const lost: Exchange = { is: "unknown", why: "the tunnel fell in" };
  const { way } = wayTo(FAR, { http: () => Promise.resolve(lost) });
  expect(await ask(httpCheck(), reachOf(FAR, { way }))).toMatchObject({
    result: "unknown",
    actual: "the tunnel fell in",
  });
});

test("times name the way that they include", async () => {
  const { port } = await serveHttp((request, response) =>
    request.url === "/hang" ? undefined : response.end("well"),
  );
  const reach = reachOf(FAR, { way: wayTo(port).way });
  expect((await ask(httpCheck({ path: "/hang" }, 60), reach)).actual).toBe(
    "timeout after 60 ms through a tunnel",
  );
  expect((await ask(httpCheck({ latency: millis(0) }), reach)).actual).toMatch(
    /^200 after \d+ ms through a tunnel$/,
  );
});

test.each<[Opening, string]>([
  [{ is: "open" }, "pass"],
  [{ is: "broken", why: "ECONNREFUSED" }, "fail"],
  [{ is: "unknown", why: "the tunnel fell in" }, "unknown"],
])("a port that the way finds %o", async (opening, result) => {
  const check: Check = { name: "port", kind: "ready", timeout: millis(500), ask: "tcp", tcp: {} };
  const { way } = wayTo(FAR, { open: () => Promise.resolve(opening) });
  expect((await ask(check, reachOf(FAR, { way }))).result).toBe(result);
});
