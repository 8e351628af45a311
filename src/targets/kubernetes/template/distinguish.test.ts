import { describe, expect, test } from "vitest";
import { SLOTS } from "../../../core/units.ts";
import type { KubeObject } from "../api/objects.ts";
import { chooseDistinguish, slotValue, usersOf, whoSelects } from "./distinguish.ts";

const LABELS = { app: "shop", instance: "shop-prod", tier: "backend" };
const OWN = { matchLabels: { app: "shop", instance: "shop-prod" } };

function object(kind: string, name: string, spec: object): KubeObject {
  return { apiVersion: "v1", kind, metadata: { name }, spec } as KubeObject;
}

const BESIDE = {
  services: [
    object("Service", "shop", { selector: { app: "shop" } }),
    object("Service", "external", { type: "ExternalName" }),
    object("Service", "cart", { selector: { app: "cart" } }),
  ],
  disruptionBudgets: [
    object("PodDisruptionBudget", "shop", {
      selector: { matchLabels: { app: "shop", instance: "shop-prod" } },
    }),
  ],
  networkPolicies: [
    object("NetworkPolicy", "backends", { podSelector: { matchLabels: { tier: "backend" } } }),
    object("NetworkPolicy", "all", { podSelector: {} }),
    object("NetworkPolicy", "database", {
      podSelector: { matchLabels: { app: "database" } },
      ingress: [{ from: [{ podSelector: { matchLabels: { app: "shop" } } }] }],
    }),
    object("NetworkPolicy", "elsewhere", {
      podSelector: { matchLabels: { app: "database" } },
      egress: [{ to: [{ podSelector: { matchLabels: { app: "shop" } }, namespaceSelector: {} }] }],
    }),
    object("NetworkPolicy", "broken", { podSelector: null, ingress: "x" }),
  ],
};

describe("who else selects the template's pods", () => {
  const others = whoSelects(LABELS, BESIDE);

  test("is told with the labels it does so by", () => {
    expect(others).toEqual([
      { who: "Service shop", keys: ["app"] },
      { who: "PodDisruptionBudget shop", keys: ["app", "instance"] },
      { who: "NetworkPolicy backends", keys: ["tier"] },
      { who: "NetworkPolicy database", keys: ["app"] },
    ]);
  });

  test("loses sight of the slots by one of them", () => {
    expect(usersOf("app", others)).toEqual([
      "Service shop",
      "PodDisruptionBudget shop",
      "NetworkPolicy database",
    ]);
    expect(usersOf("instance", others)).toEqual(["PodDisruptionBudget shop"]);
    expect(usersOf("nothing", others)).toEqual([]);
  });
});

describe("the label in which slots differ", () => {
  test("is the one of the selector that the fewest others use", () => {
    expect(chooseDistinguish(LABELS, OWN, [], whoSelects(LABELS, BESIDE), undefined)).toEqual({
      key: "instance",
      value: "shop-prod",
    });
  });

  test("is the first by name of several", () => {
    expect(chooseDistinguish(LABELS, OWN, [], [], undefined).key).toBe("app");
  });

  test("is the one that is set, unless that keeps nobody apart", () => {
    expect(chooseDistinguish(LABELS, OWN, [], [], "instance").key).toBe("instance");
    expect(() => chooseDistinguish(LABELS, OWN, [], [], "tier")).toThrow('with another value of "tier"');
    expect(() => chooseDistinguish(LABELS, OWN, [], [], "nothing")).toThrow(
      'with another value of "nothing"',
    );
  });

  test("also keeps the slots from other Deployments that select the template's pods", () => {
    const other = { matchLabels: { instance: "shop-prod" } };
    expect(chooseDistinguish(LABELS, OWN, [other], [], undefined).key).toBe("instance");
  });

  test("can be one that the selector has in an expression", () => {
    const own = {
      matchExpressions: [{ key: "app", operator: "In" as const, values: ["shop", "shop-blue"] }],
    };
    expect(() => chooseDistinguish(LABELS, own, [], [], undefined)).toThrow("(app)");
    const fit = { matchExpressions: [{ key: "app", operator: "In" as const, values: ["shop"] }] };
    expect(chooseDistinguish(LABELS, fit, [], [], undefined)).toEqual({ key: "app", value: "shop" });
  });
});

describe("its value", () => {
  const longest = `${"a".repeat(58)}-blue`;

  test.each([
    ["shop", "shop-blue"],
    ["", "blue"],
    ["a".repeat(63), `${"a".repeat(58)}-blue`],
    [`${"a".repeat(56)}.-${"b".repeat(5)}`, `${"a".repeat(56)}-blue`],
    [longest, "blue"],
  ])("of %j is %j", (value, changed) => {
    expect(slotValue(value, "blue")).toBe(changed);
    for (const slot of SLOTS) {
      expect(slotValue(value, slot)).not.toBe(value);
      expect(slotValue(value, slot).length).toBeLessThanOrEqual(63);
    }
  });
});
