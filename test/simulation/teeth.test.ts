import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { judge } from "./checkers/index.ts";
import { PROFILES } from "./schedule.ts";
import { TEETH, type Tooth } from "./sabotage.ts";
import { simulate } from "./simulate.ts";
import { PAGE, rowsOf, tableOf } from "./table.ts";

/** So many seeds may pass before a sabotage shows: chance decides how long requests last and when replicas start. */
const SEEDS = 12;
/** A sabotaged run may never end; what it breaks shows long before. */
const BOUND = 900_000;

async function caught(
  tooth: Tooth,
  profile: (typeof PROFILES)[number],
  sabotaged: boolean,
): Promise<boolean> {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const history = await simulate(
      tooth.schedule(profile, seed),
      sabotaged ? tooth.sabotage : undefined,
      BOUND,
    );
    if (judge(history).some(({ invariant }) => invariant === tooth.invariant)) return true;
  }
  return false;
}

describe.each(PROFILES)("broken on purpose, in the profile %s", (profile) => {
  for (const tooth of TEETH) {
    const reason = tooth.cannot?.[profile];
    if (reason !== undefined) {
      it.skip(`${tooth.invariant}: ${tooth.name} (skipped: ${reason})`, () => undefined);
      continue;
    }
    it(`${tooth.invariant}: ${tooth.name}`, async () => {
      expect(await caught(tooth, profile, true)).toBe(true);
    });
    it(`${tooth.invariant}: the same runs without it keep the promise`, async () => {
      expect(await caught(tooth, profile, false)).toBe(false);
    });
  }
});

describe("the table of teeth", () => {
  it("names every invariant", () => {
    expect([...new Set(TEETH.map(({ invariant }) => invariant))]).toEqual(
      Array.from({ length: 14 }, (_, index) => index + 1),
    );
  });

  it("is in the documentation as these tests have it", () => {
    expect(readFileSync(PAGE, "utf8")).toContain(tableOf(rowsOf(TEETH)));
  });
});
