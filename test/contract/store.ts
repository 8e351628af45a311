import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { EVENT_BOUND, JOURNAL_BOUND, jsonSize } from "../../src/core/bounds.ts";
import type { Happening, Holder, JournalEvent } from "../../src/core/journal.ts";
import { deploymentId, fence, instant, millis } from "../../src/core/units.ts";
import type { DeploymentId } from "../../src/core/units.ts";
import type { Key, StateStore } from "../../src/ports/store.ts";
import { KEY, appendMany, note } from "./append-many.ts";
import { CLOSED, FIRST, row } from "./history-fixture.ts";

export { KEY, note };

/** A store to try, and further handles on the same one, as other processes would have. */
export interface StoreRig {
  readonly store: StateStore;
  another(): StateStore;
  dispose(): Promise<void>;
}

export interface StoreContractOptions {
  /** Names of cases that this store cannot pass, each with the reason. */
  readonly skip?: Readonly<Record<string, string>>;
}

const OTHER: Key = { service: "shop", environment: "staging" };

export function holder(name: string): Holder {
  return { name, host: "vps1", pid: 4711, started: `start of ${name}`, boot: "boot" };
}

const ID = deploymentId("d1");

/** What every state store must do. `make` brings an empty one. */
export function storeContract(
  name: string,
  make: () => Promise<StoreRig>,
  options: StoreContractOptions = {},
): void {
  describe(`state store: ${name}`, () => {
    let rig: StoreRig;
    let store: StateStore;
    const named = new Set<string>();
    const it = (what: string, run: () => Promise<void>) => {
      named.add(what);
      const reason = options.skip?.[what];
      if (reason === undefined) test(what, run);
      else test.skip(`${what} (skipped: ${reason})`, run);
    };

    beforeEach(async () => {
      rig = await make();
      store = rig.store;
    });
    afterEach(() => rig.dispose());

    it("answers that nothing is there", async () => {
      expect(await store.current(KEY)).toEqual({ is: "none" });
      expect(await store.history(KEY, 10)).toEqual({ is: "rows", rows: [] });
      expect(await store.lease(KEY)).toEqual({ is: "none" });
    });

    it("opens at most one deployment of many at once, and names it to the others", async () => {
      const ids = Array.from({ length: 12 }, (_, index) => deploymentId(`d${index}`));
      const answers = await Promise.all(
        ids.map((id, index) => (index % 2 === 0 ? store : rig.another()).open(KEY, id, note(id))),
      );
      const winners = ids.filter((_, index) => answers[index]?.is === "opened");
      expect(winners).toHaveLength(1);
      expect(answers.filter((answer) => answer.is === "taken" && answer.by === winners[0])).toHaveLength(11);
      const current = await store.current(KEY);
      expect(current).toMatchObject({
        is: "open",
        number: 1,
        journal: { id: winners[0], events: [{ seq: 1, by: winners[0] }] },
      });
    });

    it("keeps the keys apart", async () => {
      expect(await store.open(KEY, ID, note("a"))).toEqual({ is: "opened", number: 1 });
      expect(await store.open(OTHER, deploymentId("d2"), note("b"))).toEqual({ is: "opened", number: 1 });
      expect((await store.append(OTHER, ID, 1, [note("x")], "ask")).is).toBe("rejected");
      expect(await store.take(KEY, holder("a"), "free")).toEqual({ is: "taken", fence: 1 });
      expect(await store.lease(OTHER)).toEqual({ is: "none" });
    });

    it("refuses an id that was used before", async () => {
      await openOne(store, ID);
      await store.close(KEY, ID, 1, CLOSED, row(ID, 1), FIRST);
      expect(await store.open(KEY, ID, note("again"))).toMatchObject({
        is: "rejected",
        cause: { code: "TEAL-S113" },
      });
      expect(await store.open(KEY, deploymentId("d2"), note("b"))).toEqual({ is: "opened", number: 2 });
    });

    it("appends without a gap under many writers", async () => {
      await openOne(store, ID);
      const stores = [store, rig.another(), rig.another(), rig.another()];
      await Promise.all(stores.map((each, writer) => appendMany(each, ID, `w${writer}`, 25)));
      const events = await journalOf(store);
      expect(events.map((event) => event.seq)).toEqual(Array.from({ length: 101 }, (_, index) => index + 1));
      for (let writer = 0; writer < 4; writer += 1) {
        const own = events.filter((event) => event.kind === "asked" && event.by.startsWith(`w${writer} `));
        expect(own.map((event) => event.kind === "asked" && event.by)).toEqual(
          Array.from({ length: 25 }, (_, index) => `w${writer} ${index}`),
        );
      }
    });

    it("appends all events or none, and answers them as they are kept", async () => {
      await openOne(store, ID);
      const answer = await store.append(KEY, ID, 1, [note("a"), note("b")], FIRST);
      if (answer.is !== "appended") throw new Error(answer.is);
      expect(answer.events.map((event) => event.seq)).toEqual([2, 3]);
      expect((await journalOf(store)).slice(1)).toEqual(answer.events);
      expect((await store.append(KEY, ID, 3, [note("c"), note("x".repeat(EVENT_BOUND))], FIRST)).is).toBe(
        "rejected",
      );
      expect(await journalOf(store)).toHaveLength(3);
    });

    it("tells the number of the last event with a conflict", async () => {
      await openOne(store, ID);
      await store.append(KEY, ID, 1, [note("a"), note("b")], FIRST);
      for (const expected of [0, 1, 2, 4]) {
        expect(await store.append(KEY, ID, expected, [note("c")], FIRST)).toEqual({ is: "conflict", seq: 3 });
        expect(await store.close(KEY, ID, expected, CLOSED, row(ID, 1), FIRST)).toEqual({
          is: "conflict",
          seq: 3,
        });
      }
      expect((await store.append(KEY, ID, 3, [note("c")], FIRST)).is).toBe("appended");
    });

    it("answers only the events after the one that is known", async () => {
      await openOne(store, ID);
      await store.append(KEY, ID, 1, [note("a"), note("b")], FIRST);
      const current = await store.current(KEY, 2);
      expect(current.is === "open" && current.journal.events.map((event) => event.seq)).toEqual([3]);
    });

    it("keeps what it is given, byte for byte", async () => {
      await openOne(store, ID);
      const because = "\u0000 \"quoted\" 'x' \\ \n ü 漢 👩‍🚀 \u2028 $1 {} null";
      const asked = { kind: "asked", ask: "abort", by: "ö", because } as const;
      await store.append(KEY, ID, 1, [asked], "ask");
      expect((await journalOf(store))[1]).toMatchObject(asked);
    });

    it("does not share what it keeps with its callers", async () => {
      const event = {
        kind: "drift",
        expected: "a",
        observed: "b",
        hold: { for: "drift", until: instant(1), otherwise: "stop" },
      };
      await store.open(KEY, ID, event as Happening);
      event.hold.otherwise = "proceed";
      const seen = (await journalOf(store))[0];
      (seen as { kind: string }).kind = "changed";
      expect((await journalOf(store))[0]).toMatchObject({ kind: "drift", hold: { otherwise: "stop" } });
    });

    it("gives every taker a higher fence", async () => {
      const seen: number[] = [];
      for (let turn = 0; turn < 5; turn += 1) {
        const taken = await store.take(KEY, holder(`h${turn}`), "free");
        if (taken.is !== "taken") throw new Error(taken.is);
        seen.push(taken.fence);
        await store.release(KEY, taken.fence);
      }
      await store.take(KEY, holder("h5"), "free");
      expect(await store.take(KEY, holder("h6"), { fence: fence(6), beat: 0 })).toEqual({
        is: "taken",
        fence: 7,
      });
      expect(seen).toEqual([1, 2, 3, 4, 5]);
    });

    it("gives the lease to one of many who take it at once", async () => {
      const stores = Array.from({ length: 8 }, () => rig.another());
      const free = await Promise.all(
        stores.map((each, index) => each.take(KEY, holder(`h${index}`), "free")),
      );
      expect(free.filter((answer) => answer.is === "taken")).toEqual([{ is: "taken", fence: 1 }]);
      const seen = { fence: FIRST, beat: 0 };
      const gone = await Promise.all(stores.map((each, index) => each.take(KEY, holder(`t${index}`), seen)));
      expect(gone.filter((answer) => answer.is === "taken")).toEqual([{ is: "taken", fence: 2 }]);
    });

    it("is taken from a holder only with exactly the fence and beat that were seen", async () => {
      await store.take(KEY, holder("a"), "free");
      await store.beat(KEY, FIRST);
      const lease = { fence: 1, beat: 1, released: false, holder: holder("a") };
      expect(await store.lease(KEY)).toEqual({ is: "lease", lease });
      const wrong = [
        "free",
        { fence: FIRST, beat: 0 },
        { fence: FIRST, beat: 2 },
        { fence: fence(2), beat: 1 },
        { fence: fence(0), beat: 1 },
      ] as const;
      for (const seen of wrong)
        expect(await store.take(KEY, holder("b"), seen)).toEqual({ is: "held", lease });
      expect(await store.take(KEY, holder("b"), { fence: FIRST, beat: 1 })).toEqual({
        is: "taken",
        fence: 2,
      });
      expect(await store.lease(KEY)).toEqual({
        is: "lease",
        lease: { fence: 2, beat: 0, released: false, holder: holder("b") },
      });
    });

    it("tells a holder that its lease was lost", async () => {
      expect(await store.beat(KEY, FIRST)).toEqual({ is: "lost", by: 0 });
      await store.take(KEY, holder("a"), "free");
      expect(await store.beat(KEY, FIRST)).toEqual({ is: "held" });
      await store.take(KEY, holder("b"), { fence: FIRST, beat: 1 });
      expect(await store.beat(KEY, FIRST)).toEqual({ is: "lost", by: 2 });
      expect(await store.release(KEY, FIRST)).toEqual({ is: "lost", by: 2 });
      expect(await store.beat(KEY, fence(2))).toEqual({ is: "held" });
    });

    it("frees a released lease, whose holder can beat it no more", async () => {
      await store.take(KEY, holder("a"), "free");
      expect(await store.release(KEY, FIRST)).toEqual({ is: "released" });
      expect(await store.release(KEY, FIRST)).toEqual({ is: "released" });
      expect(await store.beat(KEY, FIRST)).toEqual({ is: "lost", by: 1 });
      expect(await store.lease(KEY)).toMatchObject({ is: "lease", lease: { fence: 1, released: true } });
      expect(await store.take(KEY, holder("b"), "free")).toEqual({ is: "taken", fence: 2 });
    });

    it("refuses appends and the closing of a lower fence, while asks pass", async () => {
      await openOne(store, ID);
      await store.take(KEY, holder("a"), "free");
      expect((await store.append(KEY, ID, 1, [note("a")], FIRST)).is).toBe("appended");
      await store.take(KEY, holder("b"), { fence: FIRST, beat: 0 });
      expect(await store.append(KEY, ID, 2, [note("late")], FIRST)).toEqual({ is: "fenced", by: 2 });
      expect(await store.close(KEY, ID, 2, CLOSED, row(ID, 1), FIRST)).toEqual({ is: "fenced", by: 2 });
      expect((await store.append(KEY, ID, 2, [note("ask")], "ask")).is).toBe("appended");
      expect((await store.append(KEY, ID, 3, [note("b")], fence(2))).is).toBe("appended");
    });

    it("closes a deployment together with its history row, once", async () => {
      await openOne(store, ID);
      expect(await store.close(KEY, ID, 1, CLOSED, row(ID, 1), FIRST)).toEqual({ is: "closed" });
      expect(await store.current(KEY)).toEqual({ is: "none" });
      expect(await store.history(KEY, 10)).toEqual({ is: "rows", rows: [row(ID, 1)] });
      expect(await store.close(KEY, ID, 2, CLOSED, row(ID, 2), FIRST)).toEqual({ is: "closed" });
      expect(await store.history(KEY, 10)).toEqual({ is: "rows", rows: [row(ID, 1)] });
      expect(await store.events(KEY, ID)).toMatchObject({
        is: "events",
        events: [{ seq: 1 }, { seq: 2, ...CLOSED }],
      });
    });

    it("is closed by one of many who try at once, with one history row", async () => {
      await openOne(store, ID);
      const stores = Array.from({ length: 6 }, () => rig.another());
      await Promise.all([
        ...stores.map((each) => each.close(KEY, ID, 1, CLOSED, row(ID, 1), FIRST)),
        ...stores.map((each) => each.append(KEY, ID, 1, [note("a")], "ask")),
      ]);
      const events = await store.events(KEY, ID);
      const history = await store.history(KEY, 10);
      if (events.is !== "events" || history.is !== "rows") throw new Error("unreadable");
      expect(events.events.map((event) => event.seq)).toEqual([1, 2]);
      expect(history.rows).toHaveLength(events.events.filter((event) => event.kind === "closed").length);
    });

    it("appends nothing to a closed deployment", async () => {
      await openOne(store, ID);
      await store.close(KEY, ID, 1, CLOSED, row(ID, 1), FIRST);
      expect(await store.append(KEY, ID, 2, [note("late")], FIRST)).toEqual({ is: "closed" });
      expect(await store.append(KEY, ID, 2, [note("late")], "ask")).toEqual({ is: "closed" });
      const events = await store.events(KEY, ID);
      expect(events.is === "events" && events.events).toHaveLength(2);
    });

    it("keeps the events of the last 50 closed deployments, and every row", async () => {
      for (let number = 1; number <= 53; number += 1) {
        const id = deploymentId(`d${number}`);
        await openOne(store, id);
        await store.close(KEY, id, 1, CLOSED, row(id, number), FIRST);
      }
      const kept = await Promise.all(
        Array.from(
          { length: 53 },
          async (_, index) => (await store.events(KEY, deploymentId(`d${index + 1}`))).is,
        ),
      );
      expect(kept).toEqual([...Array<string>(3).fill("pruned"), ...Array<string>(50).fill("events")]);
      const all = await store.history(KEY, 100);
      expect(all.is === "rows" && all.rows.map((each) => each.number)).toEqual(
        Array.from({ length: 53 }, (_, index) => 53 - index),
      );
      const two = await store.history(KEY, 2);
      expect(two.is === "rows" && two.rows.map((each) => each.number)).toEqual([53, 52]);
    });

    it("says that it does not know a deployment", async () => {
      const unknown = { is: "rejected", cause: { code: "TEAL-S112" } };
      expect(await store.events(KEY, ID)).toMatchObject(unknown);
      await openOne(store, ID);
      const never = deploymentId("never");
      expect(await store.events(KEY, never)).toMatchObject(unknown);
      expect(await store.append(KEY, never, 1, [note("a")], FIRST)).toMatchObject(unknown);
      expect(await store.close(KEY, never, 1, CLOSED, row(never, 1), FIRST)).toMatchObject(unknown);
    });

    it("refuses an event over 64 KiB and stays as it was", async () => {
      const large = note("x".repeat(EVENT_BOUND));
      expect(await store.open(KEY, ID, large)).toMatchObject({
        is: "rejected",
        cause: { code: "TEAL-S110" },
      });
      expect(await store.current(KEY)).toEqual({ is: "none" });
      await openOne(store, ID);
      expect(await store.append(KEY, ID, 1, [large], FIRST)).toMatchObject({
        is: "rejected",
        cause: { code: "TEAL-S110" },
      });
      expect(await journalOf(store)).toHaveLength(1);
    });

    it("keeps a journal under 512 KiB, with room for an ask and the closing event", async () => {
      await openOne(store, ID);
      const event = note("x".repeat(EVENT_BOUND / 2));
      let seq = 1;
      let full = await store.append(KEY, ID, seq, [event], FIRST);
      while (full.is === "appended" && seq < 100)
        full = await store.append(KEY, ID, (seq += 1), [event], FIRST);
      expect(full).toMatchObject({ is: "rejected", cause: { code: "TEAL-S111" } });
      expect((await store.append(KEY, ID, seq, [note("abort")], "ask")).is).toBe("appended");
      expect(await store.close(KEY, ID, seq + 1, CLOSED, row(ID, 1), FIRST)).toEqual({ is: "closed" });
      const kept = await store.events(KEY, ID);
      if (kept.is !== "events") throw new Error(kept.is);
      expect(kept.events).toHaveLength(seq + 2);
      expect(kept.events.reduce((sum, each) => sum + jsonSize(each), 0)).toBeLessThan(JOURNAL_BOUND);
    });

    it("wakes who waits for a change, by this process or another", async () => {
      const never = new AbortController().signal;
      const mark = await store.changed(KEY, millis(0), never);
      const longest = millis(20_000);
      const byOther = store.changed(KEY, longest, never, mark);
      await openOne(rig.another(), ID);
      const next = await byOther;
      expect(next).not.toBe(mark);
      const own = store.changed(KEY, longest, never, next);
      await store.append(KEY, ID, 1, [note("a")], "ask");
      expect(await own).not.toBe(next);
      // What happened before the call, but after the mark, is not missed.
      expect(await store.changed(KEY, longest, never, next)).not.toBe(next);
    });

    it("ends a wait without a change at its time or by the signal", async () => {
      const stop = new AbortController();
      const mark = await store.changed(KEY, millis(0), stop.signal);
      expect(await store.changed(KEY, millis(20), stop.signal, mark)).toBe(mark);
      const waiting = store.changed(KEY, millis(20_000), stop.signal, mark);
      stop.abort();
      expect(await waiting).toBe(mark);
    });

    test("skips name cases that exist", () => {
      expect(Object.keys(options.skip ?? {}).filter((what) => !named.has(what))).toEqual([]);
    });
  });
}

async function openOne(store: StateStore, id: DeploymentId): Promise<void> {
  expect((await store.open(KEY, id, note("open"))).is).toBe("opened");
}

async function journalOf(store: StateStore): Promise<readonly JournalEvent[]> {
  const current = await store.current(KEY);
  if (current.is !== "open") throw new Error(`expected an open deployment, got ${current.is}`);
  return current.journal.events;
}
