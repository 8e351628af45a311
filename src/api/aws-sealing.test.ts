import { expect, test } from "vitest";
import type { CheckPlan } from "../core/checks.ts";
import { millis } from "../core/units.ts";
import { SaltedSealing } from "./aws-sealing.ts";

const PLAN: CheckPlan = {
  checks: [
    {
      name: "ready",
      kind: "ready",
      timeout: millis(1_000),
      ask: "http",
      http: {
        method: "GET",
        path: "/health",
        headers: { authorization: "Bearer hunter-two" },
        status: [[200, 200]],
        followRedirects: 0,
      },
    },
  ],
  window: {
    of: 1,
    passes: 1,
    consecutive: 1,
    interval: millis(50),
    jitter: 0,
    deadline: millis(1_000),
  },
  minHealthy: "all",
  identity: { by: "address" },
};

test("another runner finds what a secret was, another service does not, and the plan does not show it", () => {
  const sealed = (salt: string) => new SaltedSealing(salt, ["hunter-two"]).sealed(PLAN);
  const here = sealed("shop");
  const text = JSON.stringify(here.plan);
  expect(text).not.toContain("hunter-two");
  const [digest = ""] = [...here.values.keys()];
  expect(digest).toMatch(/^[0-9a-f]{32}$/);
  expect(text).toContain(digest);
  expect(new SaltedSealing("shop", ["hunter-two"]).lookup(PLAN)(digest)).toBe("hunter-two");
  expect(new SaltedSealing("shop", ["other"]).lookup(PLAN)(digest)).toBeUndefined();
  expect([...sealed("cart").values.keys()]).not.toContain(digest);
});

test("checks without secrets are as they were", () => {
  expect(new SaltedSealing("shop", ["hunter-two"]).sealed({ ...PLAN, checks: [] }).values.size).toBe(0);
});
