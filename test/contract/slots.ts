import { describe, expect } from "vitest";
import type { SlotSpec } from "../../src/core/calls.ts";
import type { SlotState } from "../../src/core/observed.ts";
import { readyReplicas } from "../../src/core/observed.ts";
import { millis, type Slot, type Version } from "../../src/core/units.ts";
import { sameRevision } from "../../src/core/units.ts";
import type { Expect } from "../../src/ports/write.ts";
import type { SlotProvider } from "../../src/ports/slots.ts";
import {
  type Bench,
  NEVER,
  type Skip,
  by,
  declare,
  eventually,
  expectRefused,
  insist,
  seen,
} from "./contract.ts";

/** A provider whose two slots are empty, and what is needed to move it. */
export interface SlotsFixture extends Bench {
  readonly provider: SlotProvider;
  /** Two revisions whose replicas become ready. */
  readonly revisions: readonly [SlotSpec, SlotSpec];
  /** A revision whose replicas never become ready. */
  readonly neverReady?: SlotSpec;
  /** Kills one replica of the slot as a crash would. */
  readonly crash?: (slot: Slot) => Promise<void>;
  /** Makes the provider unreachable from now on. */
  readonly cutOff?: () => Promise<void>;
}

/** What every adapter of the slots must do. Run it for your own: `slotProviderContract("mine", make)`. */
export function slotProviderContract(
  name: string,
  make: () => Promise<SlotsFixture>,
  { skip = {} }: { readonly skip?: Skip } = {},
): void {
  describe(`slot provider contract: ${name}`, () => {
    declare(make, skip, { ...observing, ...ensuring, ...retiring, ...guarding, ...failing });
  });
}

const observing: Record<string, (f: SlotsFixture) => Promise<void>> = {
  "an empty slot is seen, with nothing wanted and no replicas": async (f) => {
    const { value } = seen(await f.provider.observe("green", NEVER));
    expect(value).toMatchObject({ slot: "green", wanted: 0, settled: true, replicas: [] });
    expect(value.revision).toBeUndefined();
  },
  "a replica keeps its incarnation from look to look and shares it with no other": async (f) => {
    await started(f, "blue", 0, 2);
    const first = seen(await f.provider.observe("blue", NEVER)).value.replicas.map(
      (replica) => replica.incarnation,
    );
    const second = seen(await f.provider.observe("blue", NEVER)).value.replicas.map(
      (replica) => replica.incarnation,
    );
    expect(new Set(first).size).toBe(2);
    expect(second).toEqual(first);
  },
  "reach names every ready replica by the incarnation that observe shows": async (f) => {
    const { value } = await started(f, "blue", 0, 2);
    const reach = seen(await f.provider.reach("blue", NEVER)).value;
    expect(reach.map((one) => one.incarnation).toSorted()).toEqual(
      readyReplicas(value)
        .map((one) => one.incarnation)
        .toSorted(),
    );
    for (const one of reach) expect(Array.isArray(await one.tail(5))).toBe(true);
  },
  "nothing can be reached in an empty slot": async (f) => {
    expect(seen(await f.provider.reach("green", NEVER)).value).toEqual([]);
  },
};

const ensuring: Record<string, (f: SlotsFixture) => Promise<void>> = {
  "ensure starts the revision with so many replicas, which become ready and settle": async (f) => {
    const { value } = await started(f, "blue", 0, 2);
    expect(sameRevision(value.revision, f.revisions[0].revision)).toBe(true);
    expect(value.wanted).toBe(2);
    expect(readyReplicas(value)).toHaveLength(2);
  },
  "ensure answers what it recorded before anything is ready": async (f) => {
    const answer = await insist(f, async () => ensure(f, "blue", 0, 1, "any"));
    expect("seen" in answer && answer.seen).toMatchObject({ slot: "blue", wanted: 1 });
  },
  "ensure repeated changes nothing and starts nothing": async (f) => {
    const before = await started(f, "blue", 0, 2);
    const answer = await insist(f, () => ensure(f, "blue", 0, 2, "any"));
    expect(answer.is).toBe("unchanged");
    const after = seen(await f.provider.observe("blue", NEVER)).value;
    expect(incarnations(after)).toEqual(incarnations(before.value));
  },
  "ensure with more replicas keeps those that run": async (f) => {
    const before = await started(f, "blue", 0, 1);
    const after = await started(f, "blue", 0, 3);
    expect(incarnations(after.value)).toEqual(expect.arrayContaining(incarnations(before.value)));
    expect(readyReplicas(after.value)).toHaveLength(3);
  },
  "a slot with replicas of one revision refuses another one": async (f) => {
    const before = await started(f, "blue", 0, 1);
    await f.clock.sleep(millis(f.settle));
    expectRefused(await ensure(f, "blue", 1, 1, "any"), "rejected");
    await f.clock.sleep(millis(f.settle));
    const after = seen(await f.provider.observe("blue", NEVER)).value;
    expect(incarnations(after)).toEqual(incarnations(before.value));
    expect(sameRevision(after.revision, f.revisions[0].revision)).toBe(true);
  },
  "a slot that was emptied takes another revision": async (f) => {
    await started(f, "blue", 0, 1);
    await emptied(f, "blue");
    const { value } = await started(f, "blue", 1, 1);
    expect(sameRevision(value.revision, f.revisions[1].revision)).toBe(true);
  },
  "what happens in one slot leaves the other alone": async (f) => {
    const blue = await started(f, "blue", 0, 1);
    await started(f, "green", 1, 2);
    await emptied(f, "green");
    const after = seen(await f.provider.observe("blue", NEVER)).value;
    expect(incarnations(after)).toEqual(incarnations(blue.value));
    expect(after.wanted).toBe(1);
  },
};

const retiring: Record<string, (f: SlotsFixture) => Promise<void>> = {
  "retire leaves so many replicas, and those are the same ones": async (f) => {
    const before = await started(f, "blue", 0, 3);
    await insist(f, async () => f.provider.retire("blue", 1, "any", by(f, 1)));
    const after = await settled(f, "blue", (state) => state.wanted === 1 && state.replicas.length === 1);
    expect(incarnations(before.value)).toEqual(expect.arrayContaining(incarnations(after.value)));
    expect(readyReplicas(after.value)).toHaveLength(1);
  },
  "retire to nothing empties the slot; repeated it changes nothing": async (f) => {
    await started(f, "blue", 0, 2);
    await emptied(f, "blue");
    const again = await insist(f, () => f.provider.retire("blue", 0, "any", by(f, 1)));
    expect(again.is).toBe("unchanged");
  },
  "retiring an empty slot changes nothing": async (f) => {
    expect((await insist(f, () => f.provider.retire("green", 0, "any", by(f, 1)))).is).toBe("unchanged");
  },
  "retire never starts anything": async (f) => {
    await started(f, "blue", 0, 1);
    expect((await insist(f, () => f.provider.retire("blue", 3, "any", by(f, 1)))).is).toBe("unchanged");
    expect(seen(await f.provider.observe("blue", NEVER)).value.wanted).toBe(1);
  },
};

const guarding: Record<string, (f: SlotsFixture) => Promise<void>> = {
  "a write decided on an outdated version conflicts and changes nothing": async (f) => {
    const outdated = seen(await f.provider.observe("blue", NEVER)).version as Version;
    await started(f, "blue", 0, 1);
    const answer = await f.provider.retire("blue", 0, outdated, by(f, 1));
    expectRefused(answer, "conflict");
    await f.clock.sleep(millis(f.settle));
    expect(seen(await f.provider.observe("blue", NEVER)).value.wanted).toBe(1);
  },
  "a write decided on the version just seen takes effect": async (f) => {
    await started(f, "blue", 0, 1);
    await insist(f, async () => {
      const { version } = seen(await f.provider.observe("blue", NEVER));
      return f.provider.retire("blue", 0, version as Version, by(f, 1));
    });
    await settled(f, "blue", (state) => state.wanted === 0);
  },
  "a claimed fence refuses lower ones, for both slots": async (f) => {
    await insist(f, () => f.provider.claim(by(f, 7)));
    for (const slot of ["blue", "green"] as const) {
      const answer = await f.provider.ensure(slot, f.revisions[0], "any", by(f, 6));
      expectRefused(answer, "fenced");
      if (answer.is === "fenced") expect(answer.by).toBe(7);
    }
    await f.clock.sleep(millis(f.settle));
    for (const slot of ["blue", "green"] as const) {
      expect(seen(await f.provider.observe(slot, NEVER)).value.wanted).toBe(0);
    }
  },
  "claiming again changes nothing, claiming a lower fence is refused": async (f) => {
    await insist(f, () => f.provider.claim(by(f, 7)));
    expect((await insist(f, () => f.provider.claim(by(f, 7)))).is).toBe("unchanged");
    expectRefused(await f.provider.claim(by(f, 6)), "fenced");
  },
  "a write with a higher fence than the claimed one takes effect": async (f) => {
    await insist(f, () => f.provider.claim(by(f, 7)));
    await insist(f, () => f.provider.ensure("blue", sized(f.revisions[0], 1), "any", by(f, 8)));
    await settled(f, "blue", (state) => state.wanted === 1);
  },
  "no attempt starts after the deadline": async (f) => {
    const answer = await f.provider.ensure("blue", f.revisions[0], "any", by(f, 1, -1));
    expect(["rejected", "unknown"]).toContain(answer.is);
    await f.clock.sleep(millis(f.settle));
    expect(seen(await f.provider.observe("blue", NEVER)).value.wanted).toBe(0);
  },
  "what is lent is held once the slot is changed, and restored exactly and once": async (f) => {
    const lends = seen(await f.provider.observe("blue", NEVER)).value.lends ?? [];
    expect(lends.length).toBeGreaterThan(0);
    await started(f, "blue", 0, 1);
    // Lent still or no more, but never with another original: whoever takes over has the same to put back.
    for (const held of seen(await f.provider.observe("blue", NEVER)).value.lends ?? [])
      expect(lends).toContainEqual(held);
    for (const borrowed of lends) {
      await insist(f, () => f.provider.restore(borrowed, by(f, 1)));
      expect((await insist(f, () => f.provider.restore(borrowed, by(f, 1)))).is).toBe("unchanged");
    }
    expect(seen(await f.provider.observe("blue", NEVER)).value.lends).toEqual(lends);
  },
};

const failing: Record<string, (f: SlotsFixture) => Promise<void>> = {
  "a replica that does not pass its readiness question is never shown as ready": async (f) => {
    await insist(f, () => f.provider.ensure("blue", sized(needed(f.neverReady), 1), "any", by(f, 1)));
    const { value } = await eventually(
      f,
      () => f.provider.observe("blue", NEVER),
      (state) => state.replicas.some((one) => one.phase !== "starting"),
    );
    expect(readyReplicas(value)).toEqual([]);
  },
  "a crashed replica comes back as a new incarnation and tells how the last one ended": async (f) => {
    const before = await started(f, "blue", 0, 1);
    await needed(f.crash)("blue");
    const after = await eventually(
      f,
      () => f.provider.observe("blue", NEVER),
      (state) =>
        readyReplicas(state).some((replica) => !incarnations(before.value).includes(replica.incarnation)),
    );
    const [replica] = after.value.replicas;
    expect(replica!.restarts).toBe(1);
    expect(replica!.exit).toBeDefined();
  },
  "a provider that cannot be reached answers so, and throws nothing": async (f) => {
    await needed(f.cutOff)();
    expect((await f.provider.observe("blue", NEVER)).is).toBe("unreadable");
    expect((await f.provider.reach("blue", NEVER)).is).toBe("unreadable");
    expect(["rejected", "unknown"]).toContain((await ensure(f, "blue", 0, 1, "any")).is);
    expect(["rejected", "unknown"]).toContain((await f.provider.claim(by(f, 1))).is);
  },
  "a call that is given up ends": async (f) => {
    const given = AbortSignal.abort();
    expect((await f.provider.observe("blue", given)).is).toBe("unreadable");
    const answer = await f.provider.ensure("blue", f.revisions[0], "any", { ...by(f, 1), signal: given });
    expect(["rejected", "unknown"]).toContain(answer.is);
  },
};

function ensure(f: SlotsFixture, slot: Slot, which: 0 | 1, replicas: number, expected: Expect) {
  return f.provider.ensure(slot, sized(f.revisions[which], replicas), expected, by(f, 1));
}

function sized(spec: SlotSpec, replicas: number): SlotSpec {
  return { ...spec, replicas };
}

/** Brings the slot to so many ready replicas. */
async function started(f: SlotsFixture, slot: Slot, which: 0 | 1, replicas: number) {
  await insist(f, () => ensure(f, slot, which, replicas, "any"));
  return settled(f, slot, (state) => readyReplicas(state).length === replicas && state.wanted === replicas);
}

async function emptied(f: SlotsFixture, slot: Slot) {
  await insist(f, () => f.provider.retire(slot, 0, "any", by(f, 1)));
  return settled(f, slot, (state) => state.replicas.length === 0 && state.wanted === 0);
}

/** Waits for the state and for reads that are sure to show it. */
async function settled(f: SlotsFixture, slot: Slot, until: (state: SlotState) => boolean) {
  const read = () => f.provider.observe(slot, NEVER);
  await eventually(f, read, (state) => state.settled && until(state));
  await f.clock.sleep(millis(f.settle));
  return eventually(f, read, (state) => state.settled && until(state));
}

function incarnations(state: SlotState): string[] {
  return state.replicas.map((replica) => replica.incarnation).toSorted();
}

/** The part of the fixture a case needs; without it the case must be skipped with its reason. */
function needed<T>(part: T | undefined): T {
  if (part === undefined)
    throw new Error("the fixture lacks what this case needs: skip it by its title, with a reason");
  return part;
}
