import http from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { millis } from "../../../core/units.ts";
import { Connection } from "./connection.ts";
import { watchOnce, type WatchEnd, type WatchEvent } from "./watch.ts";

/** One end of a socket that sends bytes as a test wants them; no API server. */
let server: http.Server;
let sockets: Set<Socket>;
let serve: (response: http.ServerResponse, request: http.IncomingMessage) => unknown;

beforeEach(async () => {
  sockets = new Set();
  server = http.createServer((request, response) => serve(response, request));
  server.on("connection", (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

async function watch(
  signal = new AbortController().signal,
  event: (event: WatchEvent) => void = () => undefined,
): Promise<{ readonly end: WatchEnd; readonly events: readonly string[]; readonly heard: number }> {
  const { port } = server.address() as AddressInfo;
  const cluster = { name: "c", server: `http://127.0.0.1:${port}`, skipTLSVerify: false };
  const connection = new Connection(
    { name: "c", cluster, user: { name: "u" }, groups: [], source: "" },
    {},
    "teal/test",
  );
  const events: string[] = [];
  let heard = 0;
  const end = await watchOnce(
    connection,
    "prod/shop",
    "/api/v1/namespaces/shop/pods?labelSelector=a%3Db",
    "42",
    { lasts: millis(290_000), silence: millis(300) },
    {
      event: (each) => {
        events.push(`${each.type} ${each.object.metadata.name} ${each.object.metadata.resourceVersion}`);
        event(each);
      },
      heard: () => heard++,
    },
    signal,
  );
  connection.close();
  return { end, events, heard };
}

const line = (type: string, name: string, resourceVersion: string, more: object = {}) =>
  `${JSON.stringify({ type, object: { metadata: { name, resourceVersion }, ...more } })}\n`;

describe("a watch", () => {
  it("asks for bookmarks, for an end, and from where the list ended", async () => {
    let asked = "";
    serve = (response, request) => {
      asked = request.url ?? "";
      response.end();
    };
    expect(await watch()).toEqual({ end: { is: "ended" }, events: [], heard: 0 });
    expect(asked).toBe(
      "/api/v1/namespaces/shop/pods?labelSelector=a%3Db&watch=1&allowWatchBookmarks=true&resourceVersion=42&timeoutSeconds=290",
    );
  });

  it.each([1, 2, 7, 1_000_000])("reads the same from pieces of %i bytes", async (size) => {
    const text =
      line("ADDED", "ä€😀", "43", { data: "x".repeat(size === 1_000_000 ? 3_000_000 : 3_000) }) +
      line("BOOKMARK", "", "44") +
      line("DELETED", "b", "45");
    serve = async (response) => {
      const bytes = Buffer.from(text);
      for (let from = 0; from < bytes.length; from += size) {
        if (!response.write(bytes.subarray(from, from + size)) || size < 100) await new Promise(setImmediate);
      }
      response.end();
    };
    const { end, events } = await watch();
    expect(events).toEqual(["ADDED ä€😀 43", "BOOKMARK  44", "DELETED b 45"]);
    expect(end).toEqual({ is: "ended" });
  });

  it.each([
    [
      "that is cut off",
      `${line("ADDED", "a", "43")}${line("ADDED", "b", "44").slice(0, 20)}`,
      { is: "ended" },
    ],
    [
      "that is no JSON",
      `${line("ADDED", "a", "43")}{nonsense\n${line("ADDED", "b", "44")}`,
      { is: "failed" },
    ],
    ["of an unknown type", `${line("ADDED", "a", "43")}${line("RENAMED", "b", "44")}`, { is: "failed" }],
  ])("believes everything before a line %s, and nothing after", async (_, text, expected) => {
    serve = (response) => void response.end(text);
    const { end, events } = await watch();
    expect(events).toEqual(["ADDED a 43"]);
    expect(end).toMatchObject(expected);
  });

  it("is told apart from one that is gone, refused or out of order", async () => {
    const error = (code: number) => ({
      type: "ERROR",
      object: { kind: "Status", code, message: "so it is" },
    });
    serve = (response) => void response.end(`${JSON.stringify(error(410))}\n`);
    expect((await watch()).end).toEqual({ is: "gone" });
    serve = (response) => void response.writeHead(410).end();
    expect((await watch()).end).toEqual({ is: "gone" });
    serve = (response) => void response.end(`${JSON.stringify(error(500))}\n`);
    expect((await watch()).end).toMatchObject({ is: "failed", cause: { code: "TEAL-K119" } });
    serve = (response) => void response.writeHead(429, { "retry-after": "3" }).end();
    expect((await watch()).end).toMatchObject({
      is: "failed",
      retryAfter: 3_000,
      cause: { code: "TEAL-K116" },
    });
    serve = (response) => void response.socket?.destroy();
    expect((await watch()).end).toMatchObject({ is: "failed", cause: { code: "TEAL-K120" } });
  });

  it.each([
    ["before the answer", () => undefined],
    ["after the answer began", (response: http.ServerResponse) => response.writeHead(200).flushHeaders()],
    ["within a refusal", (response: http.ServerResponse) => void response.writeHead(500).write("half")],
  ])("ends when nothing comes %s", async (_, begin) => {
    serve = begin;
    expect((await watch()).end).toMatchObject({ is: "failed", cause: { code: "TEAL-K120" } });
  });

  it("ends at once when it is to, whatever is still in the pipe", async () => {
    const stop = new AbortController();
    serve = (response) => void response.write(line("ADDED", "a", "43") + line("ADDED", "b", "44"));
    const { end, events } = await watch(stop.signal, () => stop.abort());
    expect(end).toEqual({ is: "ended" });
    expect(events).toEqual(["ADDED a 43"]);
    expect((await watch(AbortSignal.abort())).end).toEqual({ is: "ended" });
  });

  it("lets a mistake in its listener be seen as one", async () => {
    serve = (response) => void response.write(line("ADDED", "a", "43"));
    const watched = watch(undefined, () => {
      throw new TypeError("a mistake");
    });
    await expect(watched).rejects.toThrow("a mistake");
  });
});
