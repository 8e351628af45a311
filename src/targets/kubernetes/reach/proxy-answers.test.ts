import { describe, expect, test } from "vitest";
import type { Exchange } from "../../../ports/exchange.ts";
import { proxyPath, answerOfPod } from "./proxy-answers.ts";

const SPOT = { namespace: "shop", pod: "web-1", port: 8080 };
const PREFIX = proxyPath(SPOT);

type Answer = Extract<Exchange, { is: "answer" }>;
const answer = (status: number, body: string, headers: Answer["headers"] = {}): Answer => ({
  is: "answer",
  status,
  headers: { "audit-id": "a1", "cache-control": "no-cache, private", ...headers },
  body,
  cut: false,
});
/** As kube-apiserver 1.37 answers for itself. */
const status = (code: number, reason: string, message: string) =>
  answer(
    code,
    JSON.stringify({
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message,
      reason,
      code,
    }),
    { "content-type": "application/json" },
  );
const unreached = (why: string) =>
  answerOfPod(status(503, "ServiceUnavailable", `error trying to reach service: ${why}`), SPOT);

describe("the pod's failure", () => {
  test.each([
    ["dial tcp 10.244.1.5:8081: connect: connection refused", "ECONNREFUSED"],
    ["read tcp 10.244.1.5:37846->10.244.1.5:8080: read: connection reset by peer", "ECONNRESET"],
    ["EOF", "closed without an answer"],
    [
      'net/http: HTTP/1.x transport connection broken: malformed HTTP response "SSH-2.0-foo"',
      "no valid HTTP answer",
    ],
  ])("%s", (why, said) => expect(unreached(why)).toEqual({ is: "broken", why: said }));

  test("a pod that is gone", () => {
    expect(answerOfPod(status(404, "NotFound", 'pods "web-1" not found'), SPOT)).toEqual({
      is: "broken",
      why: "the pod is gone",
    });
  });
});

describe("not the pod's failure", () => {
  test.each([
    ["dial tcp 10.244.1.5:8080: i/o timeout"],
    ["dial tcp 10.244.1.5:8080: connect: no route to host"],
    ["No agent available"],
  ])("the way from the API server: %s", (why) => {
    expect(unreached(why)).toEqual({ is: "unknown", why: `the API server could not reach the pod: ${why}` });
  });

  test("a missing right is named with its verb", () => {
    const message =
      'pods "web-1:8080" is forbidden: User "ci" cannot create resource "pods/proxy" in API group "" in the namespace "shop"';
    expect(answerOfPod(status(403, "Forbidden", message), SPOT)).toEqual({
      is: "unknown",
      why: "not allowed: the right to create pods/proxy in namespace shop is missing",
    });
  });

  test("of a method that Kubernetes has no verb for, every right is needed", () => {
    const message =
      'pods "web-1:8080" is forbidden: User "ci" cannot  resource "pods/proxy" in API group "" in the namespace "shop"';
    expect(answerOfPod(status(403, "Forbidden", message), SPOT)).toMatchObject({
      why: expect.stringContaining("the right to * pods/proxy"),
    });
  });

  test.each([
    [status(401, "Unauthorized", "Unauthorized"), "credentials"],
    [status(400, "BadRequest", "address not allowed"), "no address yet"],
    [status(500, "InternalError", "etcdserver: request timed out"), "answered 500 InternalError for itself"],
    [
      status(503, "ServiceUnavailable", "apiserver is shutting down"),
      "for itself: apiserver is shutting down",
    ],
  ])("%#", (got, why) => {
    expect(answerOfPod(got, SPOT)).toMatchObject({ is: "unknown", why: expect.stringContaining(why) });
  });

  test("an answer that went through no API server", () => {
    const { "audit-id": _gone, ...headers } = answer(502, "").headers;
    const got: Answer = { ...answer(502, "<h1>Bad gateway</h1>"), headers };
    expect(answerOfPod(got, SPOT)).toMatchObject({
      is: "unknown",
      why: expect.stringContaining("502 in its place"),
    });
  });

  test("a connection that broke, at whichever end", () => {
    expect(answerOfPod({ is: "broken", why: "ECONNRESET" }, SPOT).is).toBe("unknown");
  });
});

describe("the pod's own answer", () => {
  test.each([401, 403, 404, 500, 503])("%i", (code) => {
    expect(answerOfPod(answer(code, "no db"), SPOT)).toMatchObject({
      is: "answer",
      status: code,
      body: "no db",
    });
  });

  test("loses what the API server added to it", () => {
    const got = answerOfPod(
      answer(200, "", { "cache-control": "no-cache, private, max-age=60", etag: "x" }),
      SPOT,
    );
    expect(got).toMatchObject({ headers: { "cache-control": "max-age=60", etag: "x" } });
    expect(answerOfPod(answer(200, ""), SPOT)).toMatchObject({ headers: {} });
  });

  test.each([
    [`${PREFIX}/echo?x=1`, "/echo?x=1"],
    [`http://localhost:8080${PREFIX}/echo`, "http://localhost:8080/echo"],
    [`https://localhost:8080${PREFIX}/echo`, "https://localhost:8080/echo"],
    ["http://shop.example.com/echo", "http://shop.example.com/echo"],
    ["echo", "echo"],
    ["/api/v1/namespaces/other/pods/web-1:8080/proxy/x", "/api/v1/namespaces/other/pods/web-1:8080/proxy/x"],
  ])("a redirect to %s leads to %s", (location, straight) => {
    expect(answerOfPod(answer(302, "", { location }), SPOT)).toMatchObject({
      headers: { location: straight },
    });
  });

  test("links of a page lose the proxy's path; other texts stay", () => {
    const page = `<a href="${PREFIX}/foo">x</a>`;
    const html = { "content-type": "text/html; charset=utf-8" };
    expect(answerOfPod(answer(200, page, html), SPOT)).toMatchObject({ body: '<a href="/foo">x</a>' });
    expect(answerOfPod(answer(200, page, { "content-type": "text/plain" }), SPOT)).toMatchObject({
      body: page,
    });
  });
});
