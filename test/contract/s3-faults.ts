import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { describe, expect, test } from "vitest";
import { EVENT_BOUND } from "../../src/core/bounds.ts";
import type { JournalEvent } from "../../src/core/journal.ts";
import { deploymentId, fence } from "../../src/core/units.ts";
import type { DeploymentId } from "../../src/core/units.ts";
import type { StateStore } from "../../src/ports/store.ts";
import type { S3Fault } from "../aws/s3-proxy.ts";
import { seeded } from "../simulation/random.ts";
import { KEY, note } from "./append-many.ts";
import { CLOSED, FIRST, row } from "./history-fixture.ts";
import type { S3StoreTest } from "./s3-store.ts";
import { upTo } from "./store-processes.ts";
import { holder } from "./store.ts";

const ID = deploymentId("d1");
const LOST: S3Fault = { is: "reset", when: "after" };
const CONFLICT: S3Fault = { is: "answer", status: 409, code: "ConditionalRequestConflict" };
const FAULTS: readonly S3Fault[] = [
  LOST,
  { is: "reset", when: "before" },
  { is: "late", ms: 30 },
  CONFLICT,
  { is: "answer", status: 500, code: "InternalError" },
  { is: "answer", status: 503, code: "SlowDown" },
];

/** What a store in a bucket does when the network or the bucket is not as it should be. */
export function s3Faults(on: S3StoreTest): void {
  const through = () => behindProxy(on);

  describe("one write whose answer is lost", () => {
    test("an append is recognised as its own, and not the same words of somebody else", async () => {
      const { proxy, store } = await through();
      await store.open(KEY, ID, note("open"));
      proxy.next({ method: "PUT", key: "journal.json" }, LOST);
      expect(await store.append(KEY, ID, 1, [note("a"), note("b")], FIRST)).toMatchObject({
        is: "appended",
        events: [
          { seq: 2, by: "a" },
          { seq: 3, by: "b" },
        ],
      });
      proxy.next({ method: "PUT" }, { is: "reset", when: "before" });
      const both = [store, on.store].map((each) => each.append(KEY, ID, 3, [note("c")], FIRST));
      expect((await Promise.all(both)).map((answer) => answer.is).sort()).toEqual(["appended", "conflict"]);
      expect(proxy.pending()).toBe(0);
      expect(await textsOf(on.store)).toEqual(["open", "a", "b", "c"]);
    });

    test("so is an append that went into an object of its own", async () => {
      const { proxy, store } = await through();
      await store.open(KEY, ID, note("open"));
      for (const [seq, letter] of [[1, "x"] as const, [2, "y"] as const]) {
        proxy.next({ method: "PUT" }, LOST, 2);
        expect((await store.append(KEY, ID, seq, [note(letter.repeat(40_000))], FIRST)).is).toBe("appended");
        expect(proxy.pending()).toBe(0);
      }
      expect((await textsOf(on.store)).map((text) => text.length)).toEqual([4, 40_000, 40_000]);
    });

    test("so are an opening, a take, a heartbeat, a release and a closing", async () => {
      const { proxy, store } = await through();
      const losing = (key: string) => proxy.next({ method: "PUT", key }, LOST);
      losing("journal.json");
      expect(await store.open(KEY, ID, note("open"))).toEqual({ is: "opened", number: 1 });
      losing("lease.json");
      losing("journal.json");
      expect(await store.take(KEY, holder("a"), "free")).toEqual({ is: "taken", fence: 1 });
      losing("lease.json");
      expect(await store.beat(KEY, FIRST)).toEqual({ is: "held" });
      losing("lease.json");
      expect(await store.release(KEY, FIRST)).toEqual({ is: "released" });
      losing("lease.json");
      expect(await store.take(KEY, holder("b"), "free")).toEqual({ is: "taken", fence: 2 });
      losing("journal.json");
      expect((await store.close(KEY, ID, 1, CLOSED, row(ID, 1), fence(2))).is).toBe("closed");
      losing("journal.json");
      losing("00000001.json");
      expect(await store.open(KEY, deploymentId("d2"), note("open"))).toEqual({ is: "opened", number: 2 });
      expect(proxy.pending()).toBe(0);
      expect(await on.store.history(KEY, 9)).toEqual({ is: "rows", rows: [row(ID, 1)] });
    });
  });

  test("a conflict of two writes is tried again, and costs one look", async () => {
    const { proxy, store } = await through();
    await store.open(KEY, ID, note("open"));
    const before = proxy.requests().length;
    proxy.next({ method: "PUT" }, CONFLICT);
    expect((await store.append(KEY, ID, 1, [note("a")], FIRST)).is).toBe("appended");
    expect(proxy.requests().slice(before)).toEqual([
      "PUT journal.json",
      "GET journal.json",
      "PUT journal.json",
    ]);
    expect((await store.append(KEY, ID, 2, [note("b")], FIRST)).is).toBe("appended");
    expect(proxy.requests().slice(before + 3)).toEqual(["PUT journal.json"]);
  });

  test("fences go on above those that the slots know, and above those of a lease that somebody removed", async () => {
    const store = on.open({ claimed: async () => 41 });
    expect(await store.take(KEY, holder("a"), "free")).toEqual({ is: "taken", fence: 42 });
    await on.client.send(new DeleteObjectCommand(objectAt(on, "lease.json")));
    expect(await on.store.lease(KEY)).toEqual({ is: "none" });
    expect(await on.store.take(KEY, holder("b"), "free")).toEqual({ is: "taken", fence: 43 });
  });

  describe("what is no passing fault is answered after one request, with what to do", () => {
    const answers: readonly (readonly [string, S3Fault, string, string])[] = [
      ["no bucket", { is: "answer", status: 404, code: "NoSuchBucket" }, "TEAL-A401", "teal-state"],
      [
        "another region",
        {
          is: "answer",
          status: 301,
          code: "PermanentRedirect",
          headers: { "x-amz-bucket-region": "eu-west-1" },
        },
        "TEAL-A402",
        "eu-west-1",
      ],
      ["no right", { is: "answer", status: 403, code: "AccessDenied" }, "TEAL-A403", "s3:GetObject"],
      ["expired credentials", { is: "answer", status: 400, code: "ExpiredToken" }, "TEAL-A404", "Sign in"],
      ["no conditions", { is: "answer", status: 501, code: "NotImplemented" }, "TEAL-A408", "conditional"],
      [
        "anything else",
        { is: "answer", status: 400, code: "InvalidArgument" },
        "TEAL-A407",
        "InvalidArgument",
      ],
    ];
    for (const [name, fault, code, says] of answers) {
      test(name, async () => {
        const { proxy, store } = await through();
        proxy.next({}, fault, 1_000);
        expect(await store.current(KEY)).toMatchObject({
          is: "unavailable",
          cause: { code, message: expect.stringContaining(says) },
        });
        expect(proxy.requests()).toEqual(["GET journal.json"]);
      });
    }

    test("a bucket that is not there is told by the server itself", async () => {
      const store = on.open({ bucket: "teal-nowhere" });
      expect(await store.open(KEY, ID, note("open"))).toMatchObject({
        is: "unavailable",
        cause: { code: "TEAL-A401", message: expect.stringContaining("teal-nowhere") },
      });
    });
  });

  test("objects that somebody damaged, removed, or wrote with a later version", async () => {
    await on.store.open(KEY, ID, note("x".repeat(EVENT_BOUND - 100)));
    const read = async () => {
      const answer = await on.open().current(KEY);
      return answer.is === "unavailable" ? answer.cause.code : answer.is;
    };
    expect(await read()).toBe("open");
    const [chunk] = (await keysOf(on)).filter((key) => key.includes("/events/"));
    await on.client.send(new DeleteObjectCommand({ Bucket: on.bucket, Key: chunk! }));
    expect(await read()).toBe("TEAL-A412");
    const head = objectAt(on, "journal.json");
    const text = await (await on.client.send(new GetObjectCommand(head))).Body!.transformToString();
    const write = (Body: string) => on.client.send(new PutObjectCommand({ ...head, Body }));
    await write(text.replace('"format":1', '"format":2'));
    expect(await read()).toBe("TEAL-A411");
    await write("nothing of ours");
    expect(await read()).toBe("TEAL-A410");
    await write("{}");
    expect(await read()).toBe("TEAL-A410");
  });
}

/** The same for what takes its time: outages until a call gives up, and hundreds of calls among faults. */
export function s3Outages(on: S3StoreTest): void {
  const through = () => behindProxy(on);

  test("a take that ends halfway is not told as done, and nobody acts by its fence", async () => {
    const { proxy, store: taker } = await through();
    await on.store.open(KEY, ID, note("open"));
    await on.store.take(KEY, holder("former"), "free");
    proxy.next({ method: "PUT", key: "journal.json" }, { is: "reset", when: "before" }, 1_000);
    expect((await taker.take(KEY, holder("taker"), { fence: FIRST, beat: 0 })).is).toBe("unavailable");
    proxy.clear();
    expect(await on.store.beat(KEY, FIRST)).toEqual({ is: "lost", by: 2 });
    expect((await on.store.append(KEY, ID, 1, [note("1")], FIRST)).is).toBe("appended");
    expect(await taker.take(KEY, holder("taker"), { fence: fence(2), beat: 0 })).toEqual({
      is: "taken",
      fence: 3,
    });
    expect(await on.store.append(KEY, ID, 2, [note("late")], FIRST)).toEqual({ is: "fenced", by: 3 });
  });

  test("an S3 that cannot, or answers nobody, is unavailable in time, and good again afterwards", async () => {
    const { proxy, store } = await through();
    await store.open(KEY, ID, note("open"));
    const cases: readonly (readonly [S3Fault, string])[] = [
      [{ is: "dead" }, "TEAL-A405"],
      [{ is: "reset", when: "before" }, "TEAL-A405"],
      [{ is: "answer", status: 503, code: "SlowDown" }, "TEAL-A406"],
      [CONFLICT, "TEAL-A409"],
    ];
    for (const [fault, code] of cases) {
      proxy.next({ method: "PUT" }, fault, 100_000);
      expect(await store.append(KEY, ID, 1, [note("a")], FIRST)).toMatchObject({
        is: "unavailable",
        cause: { code },
      });
      proxy.clear();
    }
    expect((await store.append(KEY, ID, 1, [note("a")], FIRST)).is).toBe("appended");
  });

  test("looking makes nothing, and a bucket does not fill with what nobody needs", async () => {
    await on.store.current(KEY);
    await on.store.lease(KEY);
    await on.store.history(KEY, 10);
    expect(await keysOf(on)).toEqual([]);
    for (let number = 1; number <= 55; number += 1) {
      const id = deploymentId(`d${number}`);
      await on.store.open(KEY, id, note("open"));
      await on.store.close(KEY, id, 1, CLOSED, row(id, number), FIRST);
    }
    await on.store.open(KEY, deploymentId("d56"), note("open"));
    const kinds = (await keysOf(on)).map((key) => key.split("/")[3]);
    expect(kinds.filter((kind) => kind === "events")).toHaveLength(50);
    expect(kinds.filter((kind) => kind !== "events")).toEqual(["history", "journal.json"]);
  });

  for (const seed of [1, 2, 3]) {
    test(`among many faults nothing acknowledged is lost, nothing is there twice (seed ${seed})`, async () => {
      const { proxy, store } = await through();
      proxy.rate(0.25, FAULTS, seeded(seed));
      const writers = [store, on.open({ endpoint: proxy.endpoint }), on.store];
      const acknowledged = new Set<string>();
      for (let number = 1; number <= 3; number += 1) {
        const id = deploymentId(`d${number}`);
        await opened(writers[0]!, id);
        await Promise.all(
          writers.map((writer, index) => appendAll(writer, id, `${number}/${index}`, 12, acknowledged)),
        );
        await closed(writers[1]!, id, number);
      }
      proxy.clear();
      const all: string[] = [];
      for (let number = 1; number <= 3; number += 1) {
        const events = await eventsOf(on.store, deploymentId(`d${number}`));
        expect(events.map((event) => event.seq)).toEqual(upTo(events.length));
        expect(events.filter((event) => event.kind === "closed")).toEqual([events.at(-1)]);
        all.push(...events.flatMap((event) => (event.kind === "asked" ? [event.by] : [])));
      }
      expect(all.length).toBe(new Set(all).size);
      expect([...acknowledged].filter((text) => !all.includes(text))).toEqual([]);
      expect(acknowledged.size).toBe(108);
      const history = await on.store.history(KEY, 10);
      expect(history.is === "rows" && history.rows.map((each) => each.number)).toEqual([3, 2, 1]);
      for (const kind of ["reset", "late", "answer"]) expect(proxy.happened()[kind]).toBeGreaterThan(0);
    });
  }
}

async function behindProxy(on: S3StoreTest) {
  const proxy = await on.proxy();
  return { proxy, store: on.open({ endpoint: proxy.endpoint }) };
}

function objectAt(on: S3StoreTest, name: string): { Bucket: string; Key: string } {
  return { Bucket: on.bucket, Key: `${on.prefix}/${KEY.service}/${KEY.environment}/${name}` };
}

async function keysOf(on: S3StoreTest): Promise<string[]> {
  const answer = await on.client.send(
    new ListObjectsV2Command({ Bucket: on.bucket, Prefix: `${on.prefix}/` }),
  );
  return (answer.Contents ?? []).map(({ Key = "" }) => Key);
}

async function opened(store: StateStore, id: DeploymentId): Promise<void> {
  for (;;) {
    const answer = await store.open(KEY, id, note(`open ${id}`));
    if (answer.is === "opened" || (answer.is === "taken" && answer.by === id)) return;
    if (answer.is !== "unavailable") throw new Error(JSON.stringify(answer));
  }
}

/** As a process does it: what got no answer is looked for before it is written again. */
async function appendAll(
  store: StateStore,
  id: DeploymentId,
  writer: string,
  count: number,
  acknowledged: Set<string>,
): Promise<void> {
  for (let index = 0; index < count;) {
    const text = `${writer}/${index} ${"x".repeat(index % 4 === 0 ? 9_000 : 10)}`;
    const current = await store.current(KEY);
    if (current.is === "unavailable") continue;
    if (current.is === "none") throw new Error("it is gone");
    const { events } = current.journal;
    const there = events.some((event) => event.kind === "asked" && event.by === text);
    const answer = there
      ? ({ is: "appended" } as const)
      : await store.append(KEY, id, events.length, [note(text)], "ask");
    if (answer.is === "appended") {
      acknowledged.add(text);
      index += 1;
    } else if (answer.is !== "conflict" && answer.is !== "unavailable")
      throw new Error(JSON.stringify(answer));
  }
}

async function closed(store: StateStore, id: DeploymentId, number: number): Promise<void> {
  for (;;) {
    const current = await store.current(KEY);
    if (current.is === "unavailable") continue;
    if (current.is === "none") return;
    const seq = current.journal.events.length;
    const answer = await store.close(KEY, id, seq, CLOSED, row(id, number), FIRST);
    if (answer.is === "closed") return;
    if (answer.is !== "conflict" && answer.is !== "unavailable") throw new Error(JSON.stringify(answer));
  }
}

async function eventsOf(store: StateStore, id: DeploymentId): Promise<readonly JournalEvent[]> {
  const answer = await store.events(KEY, id);
  if (answer.is !== "events") throw new Error(JSON.stringify(answer));
  return answer.events;
}

async function textsOf(store: StateStore): Promise<readonly string[]> {
  return (await eventsOf(store, ID)).flatMap((event) => (event.kind === "asked" ? [event.by] : []));
}
