import { describe, expect } from "vitest";
import { allTo, sameWeights, shareOf } from "../../src/core/routing.ts";
import type { Weights } from "../../src/core/routing.ts";
import { STRENGTHS } from "../../src/core/routing.ts";
import { millis, type Version } from "../../src/core/units.ts";
import type { TrafficRouter } from "../../src/ports/router.ts";
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

/** A router in front of two slots that both have a ready replica; it sends traffic to nobody or to blue. */
export interface RouterFixture extends Bench {
  readonly router: TrafficRouter;
  /** Makes the router unreachable from now on. */
  readonly cutOff?: () => Promise<void>;
  /** Sends requests of users, or lets them come, until the router counted some. */
  readonly traffic?: () => Promise<void>;
}

/** What every adapter of a router must do. Run it for your own: `routerContract("mine", make)`. */
export function routerContract(
  name: string,
  make: () => Promise<RouterFixture>,
  { skip = {} }: { readonly skip?: Skip } = {},
): void {
  describe(`router contract: ${name}`, () => {
    declare(make, skip, { ...shifting, ...dividing, ...guarding, ...telling });
  });
}

const shifting: Record<string, (f: RouterFixture) => Promise<void>> = {
  "what was shifted is what is seen": async (f) => {
    for (const slot of ["green", "blue"] as const) {
      await shifted(f, allTo(slot));
      expect(seen(await f.router.observe(NEVER)).value.weights).toEqual(allTo(slot));
    }
  },
  "a shift to where traffic goes already changes nothing": async (f) => {
    const before = await shifted(f, allTo("green"));
    expect((await insist(f, () => f.router.shift(allTo("green"), "any", by(f, 1)))).is).toBe("unchanged");
    expect(seen(await f.router.observe(NEVER)).value).toEqual(before.value);
  },
  "a shift shows the weights it wrote": async (f) => {
    const answer = await insist(f, () => f.router.shift(allTo("green"), "any", by(f, 1)));
    expect(
      "seen" in answer && sameWeights((answer.seen as { weights: Weights }).weights, allTo("green")),
    ).toBe(true);
  },
  "every rule is shown with its id and its own notation": async (f) => {
    const { value } = await shifted(f, allTo("green"));
    expect(value.rules.length).toBeGreaterThan(0);
    expect(new Set(value.rules.map((rule) => rule.id)).size).toBe(value.rules.length);
    for (const rule of value.rules) {
      expect(rule.weights).toEqual(allTo("green"));
      expect(rule.raw).not.toBe("");
    }
  },
};

const dividing: Record<string, (f: RouterFixture) => Promise<void>> = {
  "weights divide the traffic": async (f) => {
    expect(f.router.modes).toContain("weights");
    const { value } = await shifted(f, shareOf("green", 25));
    expect(value.weights).toEqual({ blue: 75, green: 25 });
  },
  "a pool lets both slots share the traffic": async (f) => {
    expect(f.router.modes).toContain("pool");
    expect((await shifted(f, "pool")).value.weights).toBe("pool");
    expect((await shifted(f, allTo("blue"))).value.weights).toEqual(allTo("blue"));
  },
  "a mode the router does not have is refused": async (f) => {
    const lacks = (["weights", "pool"] as const).filter((mode) => !f.router.modes.includes(mode));
    expect(lacks.length).toBeGreaterThan(0);
    const before = seen(await f.router.observe(NEVER)).value;
    for (const mode of lacks) {
      expectRefused(
        await f.router.shift(mode === "pool" ? "pool" : shareOf("green", 25), "any", by(f, 1)),
        "rejected",
      );
    }
    expect(seen(await f.router.observe(NEVER)).value).toEqual(before);
  },
};

const guarding: Record<string, (f: RouterFixture) => Promise<void>> = {
  "a shift decided on an outdated version conflicts and changes nothing": async (f) => {
    await shifted(f, allTo("blue"));
    const outdated = seen(await f.router.observe(NEVER)).version as Version;
    await shifted(f, allTo("green"));
    expectRefused(await f.router.shift(allTo("blue"), outdated, by(f, 1)), "conflict");
    await f.clock.sleep(millis(f.settle));
    expect(seen(await f.router.observe(NEVER)).value.weights).toEqual(allTo("green"));
  },
  "of two shifts decided on the same version one takes effect": async (f) => {
    await shifted(f, allTo("blue"));
    const { version } = seen(await f.router.observe(NEVER));
    const answers = await Promise.all(
      [allTo("green"), allTo("green")].map((to) => f.router.shift(to, version as Version, by(f, 1))),
    );
    expect(answers.filter((answer) => answer.is === "applied")).toHaveLength(1);
  },
  "a claimed fence refuses lower ones": async (f) => {
    await shifted(f, allTo("blue"));
    await insist(f, () => f.router.claim(by(f, 7)));
    const answer = await f.router.shift(allTo("green"), "any", by(f, 6));
    expectRefused(answer, "fenced");
    if (answer.is === "fenced") expect(answer.by).toBe(7);
    await f.clock.sleep(millis(f.settle));
    expect(seen(await f.router.observe(NEVER)).value.weights).toEqual(allTo("blue"));
  },
  "claiming again changes nothing, claiming a lower fence is refused": async (f) => {
    await insist(f, () => f.router.claim(by(f, 7)));
    expect((await insist(f, () => f.router.claim(by(f, 7)))).is).toBe("unchanged");
    expectRefused(await f.router.claim(by(f, 6)), "fenced");
  },
  "no attempt starts after the deadline": async (f) => {
    const before = await shifted(f, allTo("blue"));
    expect(["rejected", "unknown"]).toContain((await f.router.shift(allTo("green"), "any", by(f, 1, -1))).is);
    await f.clock.sleep(millis(f.settle));
    expect(seen(await f.router.observe(NEVER)).value).toEqual(before.value);
  },
};

const telling: Record<string, (f: RouterFixture) => Promise<void>> = {
  "evidence follows the traffic": async (f) => {
    await shifted(f, allTo("green"));
    const look = await eventually(
      f,
      () => f.router.sample(allTo("green"), NEVER),
      (evidence) => evidence.moved,
    );
    expect(STRENGTHS).toContain(look.value.strength);
    expect(look.value.detail).not.toBe("");
    expect(seen(await f.router.sample(allTo("blue"), NEVER)).value.moved).toBe(false);
  },
  "a slot without traffic is given no new requests": async (f) => {
    await shifted(f, allTo("green"));
    await eventually(
      f,
      () => f.router.sample(allTo("green"), NEVER),
      (evidence) => evidence.moved,
    );
    const before = seen(await f.router.residual("blue", NEVER)).value.newRequests;
    await f.traffic?.();
    expect(seen(await f.router.residual("blue", NEVER)).value.newRequests).toBe(before);
  },
  "the work in flight of a slot without traffic ends": async (f) => {
    await shifted(f, allTo("green"));
    await eventually(
      f,
      () => f.router.residual("blue", NEVER),
      (residual) => (residual.inFlight ?? 0) === 0,
    );
  },
  "requests are counted where they go": async (f) => {
    await shifted(f, allTo("green"));
    const before = seen(await f.router.residual("green", NEVER)).value.newRequests;
    if (f.traffic === undefined)
      throw new Error("the fixture brings no traffic: skip this case with the reason");
    await f.traffic();
    expect(seen(await f.router.residual("green", NEVER)).value.newRequests).toBeGreaterThan(before ?? 0);
  },
  "a router that cannot be reached answers so, and throws nothing": async (f) => {
    if (f.cutOff === undefined)
      throw new Error("the fixture cannot cut the router off: skip this case with the reason");
    await f.cutOff();
    expect((await f.router.observe(NEVER)).is).toBe("unreadable");
    expect((await f.router.sample(allTo("blue"), NEVER)).is).toBe("unreadable");
    expect((await f.router.residual("blue", NEVER)).is).toBe("unreadable");
    expect(["rejected", "unknown"]).toContain((await f.router.shift(allTo("blue"), "any", by(f, 1))).is);
  },
  "a call that is given up ends": async (f) => {
    const given = AbortSignal.abort();
    expect((await f.router.observe(given)).is).toBe("unreadable");
    const answer = await f.router.shift(allTo("green"), "any", { ...by(f, 1), signal: given });
    expect(["rejected", "unknown"]).toContain(answer.is);
  },
};

/** Brings the traffic to `to` and waits until reads are sure to show it. */
async function shifted(f: RouterFixture, to: Weights) {
  await insist(f, () => f.router.shift(to, "any", by(f, 1)));
  return eventually(
    f,
    () => f.router.observe(NEVER),
    (routing) => sameWeights(routing.weights, to),
  );
}
