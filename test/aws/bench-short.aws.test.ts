import { describe, expect, test } from "vitest";
import type { Ground } from "../../bench/aws/shop.ts";
import { measureStarting } from "../../bench/aws/starting.ts";
import { measureSwitching } from "../../bench/aws/switching.ts";
import { table } from "../../bench/aws/table.ts";
import { TEAL } from "../../bench/commands.ts";

/* Each line of bench/aws in short, so that the bench cannot rot: counts and states, never times. */

const ground: Ground = { cli: TEAL.source };

describe("lines of the bench", () => {
  test("switching: nobody fails, and the router proves every switch", async () => {
    const switching = await measureSwitching(ground, {
      switches: 6,
      requests: 2_000,
      rate: 500,
      atMost: 30_000,
    });
    expect(switching).toMatchObject({ switches: 6, moving: 6, counted: { own: 0 } });
    expect(switching.seen).toMatchObject({ requests: 2_000, failed: 0, examples: [], astray: 0, unstuck: 0 });
    const answers = Object.values(switching.seen.revisions);
    expect(answers).toHaveLength(2);
    expect(answers.reduce((sum, count) => sum + count, 0)).toBe(2_000);
    expect(switching.seen.settled).toBeGreaterThan(0);
    expect(switching.seen.brought).toBeGreaterThan(0);
    expect(table({ switching })).toContain("6 of 6 by 6 calls, 2000 of 2000 requests");
  });

  test("start: --version loads nothing of the SDK, and status does", async () => {
    const start = await measureStarting(ground, 1);
    expect(start.loaded.version).toBe(0);
    expect(start.loaded.status).toBeGreaterThan(0);
  });
});
