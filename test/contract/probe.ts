import { describe, expect } from "vitest";
import type { Check, Identity } from "../../src/core/checks.ts";
import type { Revision } from "../../src/core/units.ts";
import type { Probe } from "../../src/ports/probe.ts";
import type { Reach } from "../../src/ports/slots.ts";
import { type Bench, NEVER, type Skip, declare } from "./contract.ts";

export interface ProbeFixture extends Bench {
  readonly probe: Probe;
  readonly revision: Revision;
  readonly identity: Identity;
  /** A replica that works, a check it passes, and one it fails. */
  readonly reach: Reach;
  readonly passes: Check;
  readonly fails: Check;
  /** A replica nobody answers for. */
  readonly gone: Reach;
  /** The check cannot be asked at all: the network between is down. */
  readonly cutOff?: () => Promise<void>;
}

/** What every probe must do. Run it for your own: `probeContract("mine", make)`. */
export function probeContract(
  name: string,
  make: () => Promise<ProbeFixture>,
  { skip = {} }: { readonly skip?: Skip } = {},
): void {
  describe(`probe contract: ${name}`, () => {
    declare(make, skip, cases);
  });
}

const cases: Record<string, (f: ProbeFixture) => Promise<void>> = {
  "a working replica passes": async (f) => {
    expect((await ask(f, f.passes)).result).toBe("pass");
  },
  "a failing check fails and tells what was expected and what came": async (f) => {
    const sample = await ask(f, f.fails);
    expect(sample.result).toBe("fail");
    expect(sample.expected ?? "").not.toBe("");
    expect(sample.actual ?? "").not.toBe("");
  },
  "a sample names its check, replica, incarnation and attempt": async (f) => {
    const sample = await ask(f, f.passes, f.reach, 3);
    expect(sample).toMatchObject({
      check: f.passes.name,
      replica: f.reach.replica,
      incarnation: f.reach.incarnation,
      attempt: 3,
    });
    expect(sample.took).toBeGreaterThanOrEqual(0);
  },
  "a replica that is gone does not pass, and nothing is thrown": async (f) => {
    expect(["fail", "unknown"]).toContain((await ask(f, f.passes, f.gone)).result);
  },
  "asking twice gives two answers": async (f) => {
    const both = await Promise.all([ask(f, f.passes), ask(f, f.fails)]);
    expect(both.map((sample) => sample.result)).toEqual(["pass", "fail"]);
  },
  "a check that is given up ends without a pass": async (f) => {
    const sample = await f.probe.sample(f.passes, of(f, f.reach, 1), AbortSignal.abort());
    expect(sample.result).toBe("unknown");
  },
  "a check that cannot be asked is unknown, not failed": async (f) => {
    if (f.cutOff === undefined)
      throw new Error("the fixture cannot cut the probe off: skip this case with the reason");
    await f.cutOff();
    expect((await ask(f, f.passes)).result).toBe("unknown");
  },
};

function ask(f: ProbeFixture, check: Check, reach = f.reach, attempt = 1) {
  return f.probe.sample(check, of(f, reach, attempt), NEVER);
}

function of(f: ProbeFixture, reach: Reach, attempt: number) {
  return { reach, revision: f.revision, identity: f.identity, attempt };
}
