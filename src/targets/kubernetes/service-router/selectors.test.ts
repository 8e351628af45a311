import { describe, expect, test } from "vitest";
import { allTo, NOBODY, shareOf } from "../../../core/routing.ts";
import type { Deployment, Labels, Service } from "../api/objects.ts";
import {
  nobodySelector,
  selectorFor,
  selectorOwners,
  slotsOf,
  textOf,
  versionOf,
  weightsOf,
} from "./selectors.ts";

const BLUE = { "teal.dev/service": "shop", "teal.dev/slot": "blue" };
const GREEN = { "teal.dev/service": "shop", "teal.dev/slot": "green" };
const POOL = { "teal.dev/service": "shop" };

const deployment = (slot: string, pods: Labels, annotations: Labels = {}): Deployment => ({
  metadata: {
    name: `shop-${slot}`,
    labels: { "teal.dev/service": "shop", "teal.dev/slot": slot },
    annotations,
  },
  spec: { selector: {}, template: { metadata: { labels: pods }, spec: { containers: [] } } },
});

const both = slotsOf("shop", [
  deployment("blue", { ...BLUE, app: "shop-blue" }),
  deployment("green", { ...GREEN, app: "shop-green" }),
]);
/** `deployment/shop` serves as blue, with its own labels. */
const adopted = slotsOf("shop", [
  deployment("blue", { app: "shop", tier: "web" }, { "teal.dev/selector": '{"app":"shop"}' }),
  deployment("green", { ...GREEN, app: "shop-green", tier: "web" }),
]);

describe("a selector", () => {
  test.each<[string, Labels | undefined, unknown]>([
    ["of one slot", GREEN, allTo("green")],
    ["of both", POOL, "pool"],
    ["of nobody", nobodySelector("shop"), NOBODY],
    ["with one label too many", { ...BLUE, extra: "x" }, NOBODY],
    ["of keys that a patch merged", { ...BLUE, app: "shop-green" }, NOBODY],
    ["of somebody else", { app: "other" }, NOBODY],
    ["that is empty", {}, NOBODY],
    ["that is absent", undefined, NOBODY],
  ])("%s", (_, selector, weights) => expect(weightsOf(selector, both)).toEqual(weights));

  test("of a label that both slots' pods have is a pool, whoever wrote it", () => {
    expect(weightsOf({ tier: "web" }, adopted)).toBe("pool");
  });

  test("of an adopted Deployment reaches its slot and not the other one", () => {
    expect(weightsOf({ app: "shop" }, adopted)).toEqual(allTo("blue"));
  });

  test("of a slot that has no Deployment yet means that slot", () => {
    expect(weightsOf(GREEN, slotsOf("shop", []))).toEqual(allTo("green"));
  });
});

describe("the selector for a shift", () => {
  const to = (weights: Parameters<typeof selectorFor>[0], slots = both) =>
    selectorFor(weights, "shop", slots);

  test("is the slot's own", () => {
    expect(to(allTo("green"))).toEqual({ is: "selector", selector: GREEN });
    expect(to(allTo("blue"), adopted)).toEqual({ is: "selector", selector: { app: "shop" } });
  });

  test("reads back as what was asked for", () => {
    for (const weights of [allTo("blue"), allTo("green"), "pool", NOBODY] as const) {
      const target = to(weights);
      expect(target.is === "selector" && weightsOf(target.selector, both)).toEqual(weights);
    }
  });

  test("of a pool needs the label on both slots' pods", () => {
    expect(to("pool")).toEqual({ is: "selector", selector: POOL });
    expect(to("pool", adopted)).toMatchObject({
      is: "impossible",
      why: expect.stringContaining("pods of blue lack"),
    });
  });

  test("cannot divide by weights", () => {
    expect(to(shareOf("green", 25)).is).toBe("impossible");
  });

  test("is refused where it would reach the other slot as well", () => {
    const overlapping = slotsOf("shop", [
      deployment("blue", { app: "shop" }, { "teal.dev/selector": '{"app":"shop"}' }),
      deployment("green", { ...GREEN, app: "shop" }),
    ]);
    expect(to(allTo("blue"), overlapping)).toMatchObject({
      is: "impossible",
      why: expect.stringContaining("reaches blue and green"),
    });
  });

  test.each(["not json", "[]", "{}", '{"a":1}', "null"])(
    "is the slot's labels where the annotation is %s",
    (text) => {
      const slots = slotsOf("shop", [deployment("blue", BLUE, { "teal.dev/selector": text })]);
      expect(to(allTo("blue"), slots)).toEqual({ is: "selector", selector: BLUE });
    },
  );
});

describe("the version", () => {
  const service = (changes: { epoch?: string; selector?: Labels; resourceVersion?: string }): Service => ({
    metadata: {
      name: "shop",
      resourceVersion: changes.resourceVersion ?? "1",
      ...(changes.epoch === undefined ? {} : { annotations: { "teal.dev/epoch": changes.epoch } }),
    },
    spec: { selector: changes.selector ?? BLUE },
  });

  test("follows epoch and selector", () => {
    const versions = [
      service({}),
      service({ epoch: "1" }),
      service({ epoch: "2" }),
      service({ selector: GREEN }),
    ];
    expect(new Set(versions.map(versionOf)).size).toBe(4);
  });

  test("does not follow anything else, the order of keys included", () => {
    const reversed = Object.fromEntries(Object.entries(BLUE).toReversed());
    expect(versionOf(service({ selector: reversed, resourceVersion: "9" }))).toBe(versionOf(service({})));
  });

  test("a selector as text", () => {
    expect(textOf(BLUE)).toBe("teal.dev/service=shop,teal.dev/slot=blue");
    expect(textOf(undefined)).toBe("none");
  });
});

test("whoever else set the selector is named, once", () => {
  const entry = (manager: string, fields: object) =>
    ({ manager, operation: "Update", fieldsV1: { "f:spec": fields } }) as const;
  const service: Service = {
    metadata: {
      name: "shop",
      managedFields: [
        entry("helm", { "f:selector": {}, "f:ports": {} }),
        entry("teal", { "f:selector": {} }),
        entry("kubectl-client-side-apply", { "f:ports": {} }),
        entry("helm", { "f:selector": {} }),
      ],
    },
    spec: {},
  };
  expect(selectorOwners(service, "teal")).toEqual(["helm"]);
});
