import { beforeEach, describe, expect, test } from "vitest";
import type { FaultProxy } from "../../../test/cluster/fault-proxy.ts";
import { CLOSED, FIRST, row } from "../../../test/contract/history-fixture.ts";
import { storeTests } from "../../../test/contract/kubernetes-store.ts";
import { upTo } from "../../../test/contract/store-processes.ts";
import { KEY, holder, note } from "../../../test/contract/store.ts";
import { deploymentId, millis } from "../../core/units.ts";
import type { StateStore } from "../../ports/store.ts";
import type { ConfigMap } from "../../targets/kubernetes/api/objects.ts";
import { paths } from "../../targets/kubernetes/api/paths.ts";
import { journalName } from "../../targets/kubernetes/names.ts";
import { rightsFor } from "../../targets/kubernetes/preflight/rights.ts";

const ID = deploymentId("d1");
const by = { signal: new AbortController().signal };
const on = storeTests();
/** What of everything that Teal asks for the store uses. */
const STORE_RIGHTS = rightsFor(
  { routing: { by: "service", service: "shop" }, access: { by: "pod" } },
  { keda: false },
)
  .filter(({ resource }) => ["configmaps", "leases", "deployments"].includes(resource))
  .map(({ group, resource, verbs }) => ({
    apiGroups: [group],
    resources: [resource],
    verbs: resource === "deployments" ? ["list"] : verbs,
  }));

describe("requests", () => {
  let proxy: FaultProxy;
  let counted: StateStore;

  beforeEach(async () => {
    proxy = await on.proxy();
    counted = await on.open(proxy.kubeconfig);
    await counted.take(KEY, holder("a"), "free");
    await counted.open(KEY, ID, note("open"));
    proxy.forgetCounts();
  });

  test("an append is one, a heartbeat is one", async () => {
    for (let seq = 1; seq <= 20; seq += 1) {
      expect((await counted.append(KEY, ID, seq, [note("a".repeat(500))], FIRST)).is).toBe("appended");
    }
    for (let beat = 0; beat < 5; beat += 1) expect((await counted.beat(KEY, FIRST)).is).toBe("held");
    expect(proxy.counts()).toEqual({ "patch configmaps": 20, "patch leases": 5 });
  });

  test("who listens reads without one, sees what it wrote at once and what others write when it wakes", async () => {
    let mark = await counted.changed(KEY, millis(0), by.signal);
    await counted.append(KEY, ID, 1, [note("own")], FIRST);
    expect(await seqOf(counted)).toBe(2);
    proxy.forgetCounts();
    for (let round = 0; round < 20; round += 1) {
      await counted.current(KEY);
      await counted.lease(KEY);
    }
    expect(proxy.counts()).toEqual({});
    mark = await counted.changed(KEY, millis(0), by.signal, mark);
    await on.store.append(KEY, ID, 2, [note("other")], "ask");
    while ((await seqOf(counted)) < 3) mark = await counted.changed(KEY, millis(20_000), by.signal, mark);
    expect(await seqOf(counted)).toBe(3);
    expect(proxy.counts()).toEqual({});
  });

  test("a heartbeat wakes nobody, a take and a release do", async () => {
    const mark = await counted.changed(KEY, millis(0), by.signal);
    let woken = false;
    const waiting = counted.changed(KEY, millis(20_000), by.signal, mark).then((next) => {
      woken = true;
      return next;
    });
    for (let beat = 0; beat < 5; beat += 1) await on.store.beat(KEY, FIRST);
    // The watch has told of all of them by then.
    while ((await beatOf(counted)) < 5) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(woken).toBe(false);
    await on.store.release(KEY, FIRST);
    const next = await waiting;
    expect(next).not.toBe(mark);
    const taken = counted.changed(KEY, millis(20_000), by.signal, next);
    await on.store.take(KEY, holder("b"), "free");
    expect(await taken).not.toBe(next);
  });

  test("a watch that broke is begun again, and what came meanwhile is not missed", async () => {
    const mark = await counted.changed(KEY, millis(0), by.signal);
    const waiting = counted.changed(KEY, millis(20_000), by.signal, mark);
    proxy.next({ verb: "watch" }, { is: "reset", when: "before" }, 2);
    proxy.cut("reset");
    await on.store.append(KEY, ID, 1, [note("other")], "ask");
    expect(await waiting).not.toBe(mark);
    expect(await seqOf(counted)).toBe(2);
  });
});

describe("sizes", () => {
  test("a journal that is filled to its bound lies in objects far below 1 MiB, and is read in one piece", async () => {
    await on.store.open(KEY, ID, note("open"));
    const kept: string[] = ["open"];
    for (;;) {
      // Nothing that could be compressed, in events of all sizes.
      const text = incompressible(200 + ((kept.length * 977) % 9_000));
      const answer = await on.store.append(KEY, ID, kept.length, [note(text)], FIRST);
      if (answer.is !== "appended") {
        expect(answer).toMatchObject({ is: "rejected", cause: { code: "TEAL-S111" } });
        break;
      }
      kept.push(text);
    }
    // Another process, which has read nothing yet.
    const other = await on.open();
    const current = await other.current(KEY);
    if (current.is !== "open") throw new Error(current.is);
    expect(current.journal.events.map((event) => event.kind === "asked" && event.by)).toEqual(kept);
    const after = await other.current(KEY, kept.length - 40);
    expect(after.is === "open" && after.journal.events.map((event) => event.seq)).toEqual(
      upTo(kept.length).slice(-40),
    );
    expect((await other.close(KEY, ID, kept.length, CLOSED, row(ID, 1), FIRST)).is).toBe("closed");
    const closed = await on.store.events(KEY, ID);
    expect(closed.is === "events" && closed.events).toHaveLength(kept.length + 1);
    const sizes = await objectSizes();
    expect(Object.keys(sizes).length).toBeGreaterThan(2);
    expect(Math.max(...Object.values(sizes))).toBeLessThan(700 * 1024);
  });

  test("many events in one append are kept together", async () => {
    await on.store.open(KEY, ID, note("open"));
    const events = Array.from({ length: 12 }, (_, index) => note(`${index} ${incompressible(32_000)}`));
    expect((await on.store.append(KEY, ID, 1, events, FIRST)).is).toBe("appended");
    expect((await on.store.append(KEY, ID, 13, [note("behind")], FIRST)).is).toBe("appended");
    const read = await (await on.open()).events(KEY, ID);
    if (read.is !== "events") throw new Error(read.is);
    expect(read.events.map((event) => event.seq)).toEqual(upTo(14));
    expect(read.events.slice(1, 13)).toMatchObject(events);
  });

  test("seventy deployments leave fifty journals, every row and no page that nothing needs, by the rights Teal asks for", async () => {
    const proxy = await on.proxy();
    const store = await on.open(proxy.through(await on.cluster.serviceAccount(on.namespace, STORE_RIGHTS)));
    await store.changed(KEY, millis(0), by.signal);
    await store.take(KEY, holder("a"), "free");
    await store.beat(KEY, FIRST);
    const ids = Array.from({ length: 70 }, (_, index) => deploymentId(`d${index + 1}`));
    for (const [index, id] of ids.entries()) {
      expect(await store.open(KEY, id, note("open"))).toEqual({ is: "opened", number: index + 1 });
      await store.append(KEY, id, 1, [note(incompressible(30_000))], FIRST);
      expect((await store.close(KEY, id, 2, CLOSED, row(id, index + 1), FIRST)).is).toBe("closed");
    }
    await store.open(KEY, deploymentId("last"), note("open"));
    const names = Object.keys(await objectSizes());
    expect(names).not.toContain(journalName("shop", 1));
    expect(names.filter((name) => name.includes("journal-")).length).toBeGreaterThan(2);
    expect(names.filter((name) => name.includes("history-"))).toEqual([
      "teal-shop-history-1",
      "teal-shop-history-2",
    ]);
    const other = await on.open();
    const kept: string[] = [];
    for (const id of ids) kept.push((await other.events(KEY, id)).is);
    expect(kept).toEqual([...Array<string>(20).fill("pruned"), ...Array<string>(50).fill("events")]);
    for (const limit of [100, 8, 1]) {
      const history = await store.history(KEY, limit);
      expect(history.is === "rows" && history.rows.map((each) => each.number)).toEqual(
        upTo(70).slice(-limit).reverse(),
      );
    }
    const asked = STORE_RIGHTS.flatMap(({ resources, verbs }) =>
      verbs.map((verb) => `${verb} ${resources[0]}`),
    );
    expect(new Set(Object.keys(proxy.counts()))).toEqual(new Set(asked));
  });
});

async function objectSizes(): Promise<Record<string, number>> {
  const api = await on.api();
  const answer = await api.list<ConfigMap>(paths.configMaps(on.namespace), {}, by);
  if (answer.is !== "ok") throw new Error(answer.cause.message);
  return Object.fromEntries(
    answer.value.items
      .filter((each) => each.metadata.name.startsWith("teal-"))
      .map((each) => [each.metadata.name, Buffer.byteLength(JSON.stringify(each))]),
  );
}

async function beatOf(of: StateStore): Promise<number> {
  const answer = await of.lease(KEY);
  return answer.is === "lease" ? answer.lease.beat : -1;
}

async function seqOf(of: StateStore): Promise<number> {
  const current = await of.current(KEY);
  if (current.is !== "open") throw new Error(JSON.stringify(current));
  return current.journal.events.length;
}

let state = 1;
/** Text that looks random, the same in every run (xorshift). */
function incompressible(length: number): string {
  let text = "";
  while (text.length < length) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    text += (state >>> 0).toString(36);
  }
  return text.slice(0, length);
}
