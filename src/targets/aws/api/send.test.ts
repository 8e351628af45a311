import { expect, test } from "vitest";
import type { Purse } from "./api.ts";
import { sender } from "./send.ts";

const NEVER = new AbortController().signal;

/** Pauses (ms) of a call that is refused as too many once, on a clock that only pauses move. */
async function pauses(purse: Purse): Promise<readonly number[]> {
  const slept: number[] = [];
  let now = 0;
  const send = sender({
    region: "eu-central-1",
    monotonic: () => now,
    random: () => 0.5,
    sleep: async (ms) => {
      slept.push(ms);
      now += ms;
    },
    renew: () => Promise.resolve(false),
  });
  let tries = 0;
  const order = { action: "elasticloadbalancing:DescribeRules", writes: false };
  const answer = await send(order, { signal: NEVER, purse }, () => {
    tries += 1;
    if (tries > 1) return Promise.resolve(tries);
    const refusal = { name: "ThrottlingException", $metadata: { httpStatusCode: 400 } };
    return Promise.reject(Object.assign(new Error("Rate exceeded"), refusal));
  });
  expect(answer).toEqual({ is: "ok", value: 2 });
  return slept;
}

test("after a refusal for being too many, the purse of whoever polls is empty, and not that of going back", async () => {
  expect(await pauses("switch")).toEqual([50]);
  const [pause, token, ...rest] = await pauses("look");
  expect(pause).toBe(50);
  expect(token).toBeCloseTo(950);
  expect(rest).toEqual([]);
});
