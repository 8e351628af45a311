import { expect, test } from "vitest";
import { countCalls } from "../../bench/aws/calls.ts";
import { measureRollbacks } from "../../bench/aws/rollbacks.ts";
import type { Ground } from "../../bench/aws/shop.ts";
import { measureWaiting } from "../../bench/aws/waiting.ts";
import { TEAL } from "../../bench/commands.ts";

/* The lines of bench/aws whose account lives in this machine's time. */

const ground: Ground = { cli: TEAL.source };

test("waiting: Teal and the SDK's waiter see the same instances", async () => {
  const waiting = await measureWaiting(ground, { count: 2, lanes: 2 });
  expect(waiting.teal.count).toBe(2);
  expect(waiting.waiter.count).toBe(2);
  // Nobody can move users before the instances are healthy.
  expect(waiting.teal.p50).toBeGreaterThan(0);
});

test.each([false, true])("rollback, throttled: %s", async (throttled) => {
  const rollbacks = await measureRollbacks(ground, { count: 2, lanes: 2, throttled });
  expect(rollbacks.accepted.count).toBe(2);
  expect(rollbacks.writes).toEqual({ "elasticloadbalancing:ModifyRule": 2 });
  expect(rollbacks.throttled > 25).toBe(throttled);
});

test("calls: one for each rule to switch and to go back, at most seven in all", async () => {
  const calls = await countCalls(ground, { reach: "address", ports: [8080, 8081] });
  for (const { moving, writes } of [calls.deployment, calls.rollback]) {
    expect(moving).toBe(2);
    expect(Object.values(writes).reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(7);
  }
  expect(calls.rollback.writes).toEqual({
    "elasticloadbalancing:ModifyRule": 2,
    "autoscaling:UpdateAutoScalingGroup": 1,
  });
});
