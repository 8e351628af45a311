import { readFileSync } from "node:fs";
import { type IncomingMessage, request as httpRequest } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { allTo } from "../../../core/routing.ts";
import { listenSlot, type TestSlot } from "./testing-slot.ts";
import { memberOf, TestEdge, until } from "./testing.ts";

const SIZE = 200 * 1024 * 1024;
const CHUNK = Buffer.alloc(64 * 1024, "x");
/** What the edge may hold for one request each way, with room for the garbage of half a gigabyte passing through. */
const GROWTH = 96 * 1024 * 1024;

let edge: TestEdge;
let slot: TestSlot;
beforeAll(async () => {
  edge = await new TestEdge().start();
  slot = await listenSlot("blue");
  await edge.members("blue", memberOf(slot));
  await edge.shift(allTo("blue"));
});
afterAll(async () => {
  await edge.stop();
  slot.close();
});

/** Resident memory in bytes, of another process (Linux). */
function resident(pid: number): number {
  const kilobytes = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kilobytes) * 1024;
}

async function upload(headers: Record<string, string | number>, watch: () => void): Promise<number> {
  const request = httpRequest({ port: edge.port, path: "/echo", method: "POST", headers });
  const answered = new Promise<number>((resolve, reject) => {
    request.on("error", reject).on("response", (response: IncomingMessage) => {
      let received = 0;
      response
        .on("data", (chunk: Buffer) => (received += chunk.length))
        .on("end", () => resolve(received))
        .on("error", reject);
    });
  });
  for (let sent = 0; sent < SIZE; sent += CHUNK.length) {
    if (!request.write(CHUNK)) await new Promise((resolve) => request.once("drain", resolve));
    if (sent % (CHUNK.length * 160) === 0) watch();
  }
  request.end();
  return answered;
}

test.skipIf(process.platform !== "linux")(
  "200 MB pass both ways while the edge's memory stays flat",
  async () => {
    const pid = await edge.pid();
    await upload({ "Content-Length": SIZE }, () => undefined); // fills the caches of sockets and heap once
    const before = resident(pid);
    let peak = 0;
    const watch = () => (peak = Math.max(peak, resident(pid)));
    expect(await upload({ "Content-Length": SIZE }, watch)).toBe(SIZE);
    expect(await upload({ "Transfer-Encoding": "chunked" }, watch)).toBe(SIZE);
    expect(peak - before).toBeLessThan(GROWTH);
  },
);

test.skipIf(process.platform !== "linux")(
  "a client that does not read holds the slot back, not the edge's memory",
  async () => {
    const pid = await edge.pid();
    const before = resident(pid);
    const request = httpRequest({
      port: edge.port,
      path: "/echo",
      method: "POST",
      headers: { "Content-Length": SIZE },
    }).on("error", () => undefined);
    let sent = 0;
    let blocked = false;
    request.on("response", (response: IncomingMessage) => response.on("error", () => undefined).pause());
    const send = () => {
      while (sent < SIZE && !request.destroyed) {
        sent += CHUNK.length;
        if (!request.write(CHUNK)) {
          blocked = true;
          return request.once("drain", () => {
            blocked = false;
            send();
          });
        }
      }
      return undefined;
    };
    send();
    let last = -1;
    await until("nothing moves any more", async () => {
      const same = blocked && sent === last;
      last = sent;
      await sleep(300);
      return same;
    });
    expect(sent).toBeLessThan(SIZE);
    expect(resident(pid) - before).toBeLessThan(GROWTH);
    request.destroy();
    await until("nothing is left", async () => (await edge.ask("residual", { slot: "blue" })).inFlight === 0);
  },
);
