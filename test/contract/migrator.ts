import { describe, expect } from "vitest";
import type { Version } from "../../src/core/units.ts";
import type { Migrator } from "../../src/ports/migrator.ts";
import { type Bench, NEVER, type Skip, by, declare, insist, seen } from "./contract.ts";

/** A migrator with one change to expand and one to contract, none applied. */
export interface MigratorFixture extends Bench {
  readonly migrator: Migrator;
  /** How often the statements of a phase really ran. */
  readonly ran: (phase: "expand" | "contract") => Promise<number>;
  readonly cutOff?: () => Promise<void>;
}

/** What every migrator must do. Run it for your own: `migratorContract("mine", make)`. */
export function migratorContract(
  name: string,
  make: () => Promise<MigratorFixture>,
  { skip = {} }: { readonly skip?: Skip } = {},
): void {
  describe(`migrator contract: ${name}`, () => {
    declare(make, skip, cases);
  });
}

const cases: Record<string, (f: MigratorFixture) => Promise<void>> = {
  "nothing is applied at first": async (f) => {
    expect(seen(await f.migrator.observe(NEVER)).value.applied).toEqual([]);
  },
  "a phase is applied, seen, and not run again": async (f) => {
    await insist(f, () => f.migrator.migrate("expand", "any", by(f, 1)));
    expect(seen(await f.migrator.observe(NEVER)).value.applied).toEqual(["expand"]);
    expect((await insist(f, () => f.migrator.migrate("expand", "any", by(f, 1)))).is).toBe("unchanged");
    expect(await f.ran("expand")).toBe(1);
    expect(await f.ran("contract")).toBe(0);
  },
  "two at once run it once": async (f) => {
    await Promise.all([1, 2].map(() => f.migrator.migrate("expand", "any", by(f, 1))));
    await insist(f, () => f.migrator.migrate("expand", "any", by(f, 1)));
    expect(await f.ran("expand")).toBe(1);
  },
  "a write decided on an outdated version runs nothing": async (f) => {
    const outdated = seen(await f.migrator.observe(NEVER)).version as Version;
    await insist(f, () => f.migrator.migrate("expand", "any", by(f, 1)));
    expect(["conflict", "unknown"]).toContain((await f.migrator.migrate("contract", outdated, by(f, 1))).is);
    expect(await f.ran("contract")).toBe(0);
  },
  "no attempt starts after the deadline": async (f) => {
    expect(["rejected", "unknown"]).toContain((await f.migrator.migrate("expand", "any", by(f, 1, -1))).is);
    expect(await f.ran("expand")).toBe(0);
  },
  "a database that cannot be reached is answered so, and throws nothing": async (f) => {
    if (f.cutOff === undefined)
      throw new Error("the fixture cannot cut the database off: skip this case with the reason");
    await f.cutOff();
    expect((await f.migrator.observe(NEVER)).is).toBe("unreadable");
    expect(["rejected", "unknown"]).toContain((await f.migrator.migrate("expand", "any", by(f, 1))).is);
  },
};
