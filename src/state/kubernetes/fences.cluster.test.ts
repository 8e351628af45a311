import { beforeEach, describe, expect, test } from "vitest";
import type { FaultProxy } from "../../../test/cluster/fault-proxy.ts";
import { CLOSED, FIRST, row } from "../../../test/contract/history-fixture.ts";
import { storeTests } from "../../../test/contract/kubernetes-store.ts";
import { KEY, holder, note } from "../../../test/contract/store.ts";
import { deploymentId, fence, type Fence } from "../../core/units.ts";
import type { StateStore } from "../../ports/store.ts";
import { epochOf } from "../../targets/kubernetes/anchor.ts";
import type { Lease } from "../../targets/kubernetes/api/objects.ts";
import { paths } from "../../targets/kubernetes/api/paths.ts";
import { leaseName } from "../../targets/kubernetes/names.ts";

const ID = deploymentId("d1");
const by = { signal: new AbortController().signal };
const on = storeTests();

describe("fences", () => {
  let proxy: FaultProxy;
  let former: StateStore;
  let taker: StateStore;

  beforeEach(async () => {
    proxy = await on.proxy();
    former = on.store;
    taker = await on.open(proxy.kubeconfig);
    await former.open(KEY, ID, note("open"));
    expect(await former.take(KEY, holder("former"), "free")).toEqual({ is: "taken", fence: 1 });
  });

  test("a holder that knows nothing of its successor appends and closes nothing", async () => {
    expect((await former.append(KEY, ID, 1, [note("1")], FIRST)).is).toBe("appended");
    // What the former one will write rests on what it knows from here on; the taker appends nothing.
    expect(await taker.take(KEY, holder("taker"), { fence: FIRST, beat: 0 })).toEqual({
      is: "taken",
      fence: 2,
    });
    expect(await former.append(KEY, ID, 2, [note("late")], FIRST)).toEqual({ is: "fenced", by: 2 });
    expect(await former.close(KEY, ID, 2, CLOSED, row(ID, 1), FIRST)).toEqual({ is: "fenced", by: 2 });
    expect((await taker.append(KEY, ID, 2, [note("2")], fence(2))).is).toBe("appended");
  });

  test("a take that ends halfway is not told as done, and nobody acts by its fence", async () => {
    proxy.next({ verb: "patch", resource: "configmaps" }, { is: "reset", when: "before" }, 1_000);
    expect((await taker.take(KEY, holder("taker"), { fence: FIRST, beat: 0 })).is).toBe("unavailable");
    proxy.clear();
    expect(await taker.lease(KEY)).toMatchObject({
      is: "lease",
      lease: { fence: 2, holder: holder("taker") },
    });
    expect(await former.beat(KEY, FIRST)).toEqual({ is: "lost", by: 2 });
    // Until somebody has taken it, the former one's appends harm nobody; from then on there are none.
    expect((await former.append(KEY, ID, 1, [note("1")], FIRST)).is).toBe("appended");
    expect(await taker.take(KEY, holder("taker"), { fence: fence(2), beat: 0 })).toEqual({
      is: "taken",
      fence: 3,
    });
    expect(await former.append(KEY, ID, 2, [note("late")], FIRST)).toEqual({ is: "fenced", by: 3 });
  });

  test("of operators that keep taking over from each other, none appends behind its successor", async () => {
    const operators = [former, taker, await on.open()];
    const took = await Promise.all(
      operators.map(async (each, index) => {
        const own: number[] = [];
        while (own.length < 15) {
          const seen = await each.lease(KEY);
          if (seen.is !== "lease") throw new Error(seen.is);
          const answer = await each.take(KEY, holder(`o${index}`), seen.lease);
          if (answer.is !== "taken") continue;
          own.push(answer.fence);
          await appendUntilFenced(each, answer.fence, 5);
        }
        return own;
      }),
    );
    // Each take has a fence of its own.
    expect(new Set(took.flat()).size).toBe(45);
    const events = await on.store.events(KEY, ID);
    if (events.is !== "events") throw new Error(events.is);
    const fences = events.events.slice(1).map((event) => event.kind === "asked" && Number(event.by));
    // Whoever is the last one is in nobody's way.
    expect(fences.length).toBeGreaterThanOrEqual(5);
    expect(fences).toEqual([...fences].sort((a, b) => Number(a) - Number(b)));
  });

  test("the epoch that others raise in the same Lease and its heartbeats leave each other alone", async () => {
    const api = await on.api();
    const path = paths.leases(on.namespace, leaseName(KEY.service));
    const beats = (async () => {
      for (let beat = 0; beat < 50; beat += 1) expect(await former.beat(KEY, FIRST)).toEqual({ is: "held" });
    })();
    for (let epoch = 1; epoch <= 20; epoch += 1) {
      await api.patch(
        path,
        { by: "merge", body: { metadata: { annotations: { "teal.dev/epoch": String(epoch) } } } },
        by,
      );
    }
    await beats;
    const lease = await api.get<Lease>(path, by);
    expect(lease.is === "ok" && epochOf(lease.value)).toBe(20);
    expect(await former.lease(KEY)).toMatchObject({ lease: { fence: 1, beat: 50 } });
    // Somebody claimed 20: whoever takes the lease must be able to write.
    expect(await taker.take(KEY, holder("taker"), { fence: FIRST, beat: 50 })).toEqual({
      is: "taken",
      fence: 21,
    });
  });

  test("a holder may be called anything", async () => {
    const odd = holder("Ängström <a&b> \u2028 漢 \u0000 \ud83d\ude80 \\ \"'");
    expect(await taker.take(KEY, odd, { fence: FIRST, beat: 0 })).toEqual({ is: "taken", fence: 2 });
    expect(await taker.beat(KEY, fence(2))).toEqual({ is: "held" });
    expect(await former.lease(KEY)).toMatchObject({ lease: { holder: odd, beat: 1 } });
    expect(await former.take(KEY, odd, { fence: fence(2), beat: 1 })).toEqual({ is: "taken", fence: 3 });
  });

  test("people and tools read the holder from the Lease's standard fields", async () => {
    const columns = "jsonpath={.spec.holderIdentity} {.spec.leaseDurationSeconds} {.spec.leaseTransitions}";
    const read = () => on.kubectl("get", "lease", leaseName("shop"), "-o", columns);
    expect(await read()).toBe("former 15 0");
    await taker.take(KEY, holder("taker"), { fence: FIRST, beat: 0 });
    expect(await read()).toBe("taker 15 1");
    await taker.release(KEY, fence(2));
    expect(await read()).toBe(" 15 1");
  });
});

async function appendUntilFenced(of: StateStore, own: Fence, count: number): Promise<void> {
  for (let index = 0; index < count;) {
    const seq = await seqOf(of);
    const answer = await of.append(KEY, ID, seq, [note(String(own))], own);
    if (answer.is === "fenced") return;
    if (answer.is === "appended") index += 1;
    else if (answer.is !== "conflict") throw new Error(JSON.stringify(answer));
  }
}

async function seqOf(of: StateStore): Promise<number> {
  const current = await of.current(KEY);
  if (current.is !== "open") throw new Error(JSON.stringify(current));
  return current.journal.events.length;
}
