import { expect, test } from "vitest";
import { tooSmall } from "./judge.ts";
import type { Picture } from "./picture.ts";

/** Weight and healthy targets of each slot. */
function picture(blue: readonly [number, number], green: readonly [number, number]): Picture {
  const slot = ([weight, healthy]: readonly [number, number]) => ({ weight, healthy, group: {} });
  return { slots: { blue: slot(blue), green: slot(green) }, current: true } as Picture;
}

test("a cutover from ten healthy targets to one is wrong, one to as many is not", () => {
  const before = picture([100, 10], [0, 1]);
  expect(tooSmall(before, picture([0, 10], [100, 1]))).toEqual([
    "users who had 10 healthy targets on blue got 1 on green",
  ]);
  expect(tooSmall(picture([100, 10], [0, 10]), picture([0, 10], [100, 10]))).toEqual([]);
});

test("so is going back to less, and the end of a canary; a share is judged when it becomes the whole", () => {
  expect(tooSmall(picture([0, 1], [100, 10]), picture([100, 1], [0, 10]))).toHaveLength(1);
  expect(tooSmall(picture([50, 10], [50, 5]), picture([0, 10], [100, 5]))).toHaveLength(1);
  expect(tooSmall(picture([100, 10], [0, 1]), picture([90, 10], [10, 1]))).toEqual([]);
});

test("a look at which nothing was cut over says nothing", () => {
  const one = picture([100, 10], [0, 1]);
  expect(tooSmall(one, one)).toEqual([]);
});
