import type { AutoScalingGroup } from "@aws-sdk/client-auto-scaling";
import { describe, expect, test } from "vitest";
import { TAGS } from "../names.ts";
import { destined, heldOf, heldText, lent, ownBounds, released, type Held } from "./capacity.ts";

function group(min: number, desired: number, max: number, held?: Held): AutoScalingGroup {
  const Tags = held === undefined ? [] : [{ Key: TAGS.capacity, Value: heldText(held) }];
  return { MinSize: min, DesiredCapacity: desired, MaxSize: max, Tags } as AutoScalingGroup;
}

const HELD: Held = { is: { min: 3, max: 10 }, was: { min: 2, max: 10 }, off: [] };

describe("the tag", () => {
  test("says the same after it was written and read, and fits into 256 characters", () => {
    const full: Held = {
      ...HELD,
      idle: { min: 0, max: 4 },
      off: ["ScheduledActions"],
      after: "5f8e1c5a-0000-4000-8000-1234567890ab",
    };
    expect(heldOf(group(3, 3, 10, full))).toEqual(full);
    expect(heldText(full).length).toBeLessThan(256);
  });
  test("that is no JSON, or not Teal's, says nothing", () => {
    for (const Value of ["", "{", "null", "[]", '{"is":[1]}', '{"is":[1,2],"was":["a",2]}']) {
      expect(heldOf({ Tags: [{ Key: TAGS.capacity, Value }] } as AutoScalingGroup)).toBeUndefined();
    }
  });
});

describe("bounds", () => {
  test("are the owner's own while Teal's are in force, and what the group has once somebody else set others", () => {
    expect(ownBounds(group(3, 3, 10, HELD))).toEqual({ min: 2, max: 10 });
    expect(ownBounds(group(3, 3, 9, HELD))).toEqual({ min: 3, max: 9 });
  });
  test("of an empty slot are to be those of the one that serves, or did last", () => {
    const idle = group(0, 0, 4);
    expect(destined(idle, group(3, 3, 10, HELD))).toEqual({ min: 2, max: 10 });
    const retired: Held = { is: { min: 0, max: 10 }, was: { min: 2, max: 10 }, off: [] };
    expect(destined(idle, group(0, 0, 10, retired))).toEqual({ min: 2, max: 10 });
    expect(destined(idle, group(0, 0, 10))).toEqual({ min: 0, max: 4 });
    expect(destined(group(1, 1, 4), group(3, 3, 10, HELD))).toEqual({ min: 1, max: 4 });
  });
  test("that are given back start and stop nothing", () => {
    expect(released(group(3, 3, 10, HELD), { min: 2, max: 10 })).toEqual({ min: 2, max: 10 });
    expect(released(group(1, 1, 1), { min: 2, max: 10 })).toEqual({ min: 1, max: 10 });
    expect(released(group(5, 5, 5), { min: 1, max: 4 })).toEqual({ min: 1, max: 5 });
    const idle: Held = { ...HELD, idle: { min: 0, max: 4 } };
    expect(released(group(0, 0, 10, idle), { min: 2, max: 10 })).toEqual({ min: 0, max: 4 });
  });
  test("are lent with what somebody else suspended, and not with what Teal did", () => {
    const own = {
      ...group(3, 3, 10, { ...HELD, off: ["ScheduledActions"] }),
      SuspendedProcesses: [{ ProcessName: "ScheduledActions" }, { ProcessName: "AZRebalance" }],
    };
    const [borrowed] = lent("blue", own, undefined);
    expect(JSON.parse(borrowed!.original)).toEqual({ min: 2, max: 10, suspended: ["AZRebalance"] });
  });
});
