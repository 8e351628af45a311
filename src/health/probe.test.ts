import { millis, instant } from "../core/units.ts";
import { describe, expect, test } from "vitest";
import type { Check } from "../core/checks.ts";
import type { Lookup } from "../core/sealed.ts";
import { probeContract } from "../../test/contract/probe.ts";
import { createProbe } from "./probe.ts";
import { freePort, httpCheck, reachOf, serveHttp } from "./testing.ts";

probeContract(
  "over HTTP",
  async () => {
    const { port } = await serveHttp((request, response) =>
      response.writeHead(request.url === "/up" ? 200 : 503).end(),
    );
    return {
      clock: {
        now: () => instant(Date.now()),
        monotonic: () => millis(performance.now()),
        sleep: () => Promise.resolve(),
      },
      settle: 0,
      patience: 1_000,
      end: () => Promise.resolve(),
      probe: createProbe(),
      revision: { id: "v2", config: "c" },
      identity: { by: "address" },
      reach: reachOf(port),
      passes: httpCheck({ path: "/up" }),
      fails: httpCheck({ path: "/down" }),
      gone: reachOf(await freePort(), { replica: "green-2" }),
    };
  },
  {
    skip: {
      "a check that cannot be asked is unknown, not failed":
        "on one machine a connection that fails is the replica's failure",
    },
  },
);

describe("a sealed check", () => {
  const SECRET = "hunter2/extended+";
  const known: Lookup = (digest) => (digest === "00ff" ? SECRET : undefined);
  const sample = (check: Check, port: number, unseal?: Lookup) =>
    createProbe(unseal === undefined ? {} : { unseal }).sample(
      check,
      { reach: reachOf(port), revision: { id: "v2", config: "c" }, identity: { by: "address" }, attempt: 1 },
      new AbortController().signal,
    );

  test("is asked with its secret, which no sample shows", async () => {
    const { port } = await serveHttp((request, response) => {
      const right = request.headers["x-key"] === SECRET;
      response.writeHead(right ? 200 : 401).end(`asked with ${SECRET}`);
    });
    const ask = { headers: { "x-key": "{{sealed:00ff}}" } };
    expect((await sample(httpCheck(ask), port, known)).result).toBe("pass");
    const expectBody = { contains: ["with {{sealed:00ff}}", "without {{sealed:00ff}}"] };
    const failed = await sample(httpCheck({ ...ask, expectBody }), port, known);
    expect(failed).toMatchObject({
      result: "fail",
      expected: expect.stringContaining("without [redacted]"),
      excerpt: "asked with [redacted]",
    });
  });

  test.each([
    ["is not in the file", known],
    ["cannot be looked up", undefined],
  ])("whose secret %s is unknown, and nobody is asked", async (_, unseal) => {
    const { port, seen } = await serveHttp((_request, response) => response.writeHead(200).end());
    const answer = await sample(
      httpCheck({ headers: { authorization: "Bearer {{sealed:0bad}}" } }),
      port,
      unseal,
    );
    expect(answer).toMatchObject({
      check: "deep[0]",
      result: "unknown",
      actual: expect.stringContaining("no longer known on this machine"),
    });
    expect(answer.actual).toContain("TEAL-H110");
    expect(seen).toEqual([]);
  });
});
