import { describe, expect, test } from "vitest";
import type { Fault } from "../../../test/cluster/fault-proxy.ts";
import { CLOSED, FIRST, row } from "../../../test/contract/history-fixture.ts";
import { storeTests } from "../../../test/contract/kubernetes-store.ts";
import { upTo } from "../../../test/contract/store-processes.ts";
import { KEY, holder, note } from "../../../test/contract/store.ts";
import type { JournalEvent } from "../../core/journal.ts";
import { deploymentId, fence } from "../../core/units.ts";
import type { StateStore } from "../../ports/store.ts";

const ID = deploymentId("d1");
const on = storeTests();

/** What may be done although nobody hears of it, or may be done later. */
const LOST: readonly Fault[] = [
  { is: "reset", when: "after" },
  { is: "close", when: "after" },
  { is: "reset", when: "amid" },
  { is: "late", ms: 30 },
];
const REFUSED: readonly Fault[] = [
  { is: "reset", when: "before" },
  { is: "answer", status: 409 },
  { is: "answer", status: 429, retryAfter: 0 },
  { is: "answer", status: 500 },
  { is: "answer", status: 503, retryAfter: 0 },
  { is: "slow", ms: 15 },
  { is: "chop" },
];

describe("one write whose answer is lost", () => {
  const lost: Fault = { is: "reset", when: "after" };

  test("an append is recognised as its own, also where others appended behind it", async () => {
    const proxy = await on.proxy();
    const through = await on.open(proxy.kubeconfig);
    await through.open(KEY, ID, note("open"));
    proxy.next({ verb: "patch", resource: "configmaps" }, lost);
    expect(await through.append(KEY, ID, 1, [note("a"), note("b")], FIRST)).toMatchObject({
      is: "appended",
      events: [
        { seq: 2, by: "a" },
        { seq: 3, by: "b" },
      ],
    });
    expect(proxy.pending()).toBe(0);
    // The same words of somebody else are not taken for one's own.
    proxy.next({ verb: "patch", resource: "configmaps" }, { is: "reset", when: "before" });
    const both = [
      through.append(KEY, ID, 3, [note("c")], FIRST),
      on.store.append(KEY, ID, 3, [note("c")], FIRST),
    ];
    const answers = (await Promise.all(both)).map((answer) => answer.is);
    expect(answers.sort()).toEqual(["appended", "conflict"]);
    expect(await textsOf(on.store)).toEqual(["open", "a", "b", "c"]);
  });

  test("an append that went into a page is recognised too", async () => {
    const proxy = await on.proxy();
    const through = await on.open(proxy.kubeconfig);
    await through.open(KEY, ID, note("open"));
    proxy.next({ verb: "patch", resource: "configmaps", name: "teal-shop-journal" }, lost);
    expect((await through.append(KEY, ID, 1, [note("x".repeat(40_000))], FIRST)).is).toBe("appended");
    proxy.next({ verb: "patch", resource: "configmaps", name: "teal-shop-journal-1" }, lost);
    expect((await through.append(KEY, ID, 2, [note("y".repeat(40_000))], FIRST)).is).toBe("appended");
    expect(proxy.pending()).toBe(0);
    expect((await textsOf(on.store)).map((text) => text.length)).toEqual([4, 40_000, 40_000]);
  });

  test("an opening, a take and a closing are recognised", async () => {
    const proxy = await on.proxy();
    const through = await on.open(proxy.kubeconfig);
    proxy.next({ verb: "create", resource: "configmaps" }, lost);
    expect(await through.open(KEY, ID, note("open"))).toEqual({ is: "opened", number: 1 });
    proxy.next({ verb: "create", resource: "leases" }, lost);
    expect(await through.take(KEY, holder("a"), "free")).toEqual({ is: "taken", fence: 1 });
    proxy.next({ verb: "patch", resource: "leases" }, lost);
    expect(await through.beat(KEY, FIRST)).toEqual({ is: "held" });
    proxy.next({ verb: "patch", resource: "leases" }, lost);
    expect(await through.release(KEY, FIRST)).toEqual({ is: "released" });
    proxy.next({ verb: "patch", resource: "leases" }, lost);
    expect(await through.take(KEY, holder("b"), "free")).toEqual({ is: "taken", fence: 2 });
    const head = { verb: "patch", resource: "configmaps", name: "teal-shop-journal" };
    proxy.next(head, lost);
    expect((await through.close(KEY, ID, 1, CLOSED, row(ID, 1), fence(2))).is).toBe("closed");
    proxy.next(head, lost);
    expect(await through.open(KEY, deploymentId("d2"), note("open"))).toEqual({ is: "opened", number: 2 });
    expect(proxy.pending()).toBe(0);
    expect(await on.store.history(KEY, 9)).toMatchObject({ rows: [{ id: "d1" }] });
  });

  test("a server that answers nobody is unavailable, in time", async () => {
    const proxy = await on.proxy();
    const through = await on.open(proxy.kubeconfig);
    await through.open(KEY, ID, note("open"));
    proxy.next({}, { is: "dead" }, 1_000);
    expect((await through.append(KEY, ID, 1, [note("a")], FIRST)).is).toBe("unavailable");
    proxy.clear();
    expect((await through.append(KEY, ID, 1, [note("a")], FIRST)).is).toBe("appended");
  });

  test("a server that refuses for good is asked once, and its reason is told", async () => {
    const kubeconfig = await on.cluster.serviceAccount(on.namespace, [
      { apiGroups: [""], resources: ["configmaps"], verbs: ["get", "list"] },
    ]);
    const proxy = await on.proxy();
    const through = await on.open(proxy.through(kubeconfig));
    expect(await through.open(KEY, ID, note("open"))).toMatchObject({
      is: "unavailable",
      cause: { code: "TEAL-K111", message: expect.stringContaining("get leases") },
    });
    expect(proxy.counts()["get leases"]).toBe(1);
    expect(await through.current(KEY)).toEqual({ is: "none" });
  });
});

describe("many faults", () => {
  for (const seed of [1, 2, 3]) {
    test(`nothing acknowledged is lost, nothing is there twice, no gap (seed ${seed})`, async () => {
      const proxy = await on.proxy(seed);
      proxy.rate(0.3, [...LOST, ...REFUSED]);
      const writers = [await on.open(proxy.kubeconfig), await on.open(proxy.kubeconfig), on.store];
      const acknowledged = new Set<string>();
      const closed = new Set<string>();
      for (let number = 1; number <= 4; number += 1) {
        const id = deploymentId(`d${number}`);
        await opened(writers[0]!, id);
        await Promise.all(
          writers.map((writer, index) => appendAll(writer, id, `${number}/${index}`, 12, acknowledged)),
        );
        if (await wasClosed(writers[1]!, id, number)) closed.add(id);
      }
      proxy.clear();
      const all: string[] = [];
      for (let number = 1; number <= 4; number += 1) {
        const events = await eventsOf(on.store, `d${number}`);
        expect(events.map((event) => event.seq)).toEqual(upTo(events.length));
        expect(events.filter((event) => event.kind === "closed")).toHaveLength(1);
        expect(events.at(-1)?.kind).toBe("closed");
        all.push(...events.flatMap((event) => (event.kind === "asked" ? [event.by] : [])));
      }
      expect(all.length).toBe(new Set(all).size);
      expect([...acknowledged].filter((text) => !all.includes(text))).toEqual([]);
      expect(acknowledged.size).toBeGreaterThan(100);
      const history = await on.store.history(KEY, 10);
      expect(history.is === "rows" && history.rows.map((each) => each.number)).toEqual([4, 3, 2, 1]);
      for (const kind of ["reset", "close", "late", "answer"])
        expect(proxy.happened()[kind]).toBeGreaterThan(0);
    });
  }
});

async function opened(store: StateStore, id: ReturnType<typeof deploymentId>): Promise<void> {
  for (;;) {
    const answer = await store.open(KEY, id, note(`open ${id}`));
    if (answer.is === "opened" || (answer.is === "taken" && answer.by === id)) return;
    if (answer.is !== "unavailable") throw new Error(JSON.stringify(answer));
  }
}

/** As a process does it: what got no answer is looked for before it is written again. */
async function appendAll(
  store: StateStore,
  id: ReturnType<typeof deploymentId>,
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

async function wasClosed(
  store: StateStore,
  id: ReturnType<typeof deploymentId>,
  number: number,
): Promise<boolean> {
  for (;;) {
    const current = await store.current(KEY);
    if (current.is === "unavailable") continue;
    if (current.is === "none") return true;
    const seq = current.journal.events.length;
    const answer = await store.close(KEY, id, seq, CLOSED, row(id, number), FIRST);
    if (answer.is === "closed") return true;
    if (answer.is !== "conflict" && answer.is !== "unavailable") throw new Error(JSON.stringify(answer));
  }
}

async function eventsOf(store: StateStore, id: string): Promise<readonly JournalEvent[]> {
  const answer = await store.events(KEY, deploymentId(id));
  if (answer.is !== "events") throw new Error(JSON.stringify(answer));
  return answer.events;
}

async function textsOf(store: StateStore): Promise<readonly string[]> {
  return (await eventsOf(store, ID)).flatMap((event) => (event.kind === "asked" ? [event.by] : []));
}
