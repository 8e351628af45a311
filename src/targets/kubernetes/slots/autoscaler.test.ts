import { describe, expect, it } from "vitest";
import type { JsonOperation } from "../api/api.ts";
import { ANNOTATIONS } from "../names.ts";
import {
  KINDS,
  boundsFor,
  boundsOf,
  copyFor,
  governs,
  heldCopy,
  heldOf,
  holding,
  lent,
  ownBounds,
  releasing,
  type Governor,
} from "./autoscaler.ts";

function hpa(
  min: number | undefined,
  max: number,
  over: { annotations?: object; owner?: string } = {},
): Governor {
  const { annotations = {}, owner } = over;
  return {
    of: KINDS.hpa,
    object: {
      metadata: {
        name: "shop",
        annotations: annotations as Record<string, string>,
        labels: { "app.kubernetes.io/managed-by": "Helm" },
        ...(owner === undefined
          ? {}
          : { ownerReferences: [{ apiVersion: "keda.sh/v1alpha1", kind: owner, name: "x", uid: "u" }] }),
      },
      spec: {
        scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "shop" },
        ...(min === undefined ? {} : { minReplicas: min }),
        maxReplicas: max,
        metrics: [{ type: "Resource" }],
      },
    },
  };
}

/** The autoscaler after these operations. */
function after(governor: Governor, operations: readonly JsonOperation[]): Governor {
  const object = structuredClone(governor.object) as unknown as { [key: string]: Record<string, unknown> };
  for (const operation of operations) {
    const keys = operation.path
      .slice(1)
      .split("/")
      .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
    const last = keys.pop() ?? "";
    const parent = keys.reduce<Record<string, unknown>>(
      (at, key) => at[key] as Record<string, unknown>,
      object,
    );
    if (operation.op === "test") expect(parent[last]).toEqual(operation.value);
    else if (operation.op === "remove") delete parent[last];
    else parent[last] = operation.value;
  }
  return { of: governor.of, object: object as never };
}

const hold = (governor: Governor, replicas: number, how: "atLeast" | "exactly" = "atLeast") =>
  after(governor, holding(governor, boundsFor(ownBounds(governor), replicas, how)));

describe("holding an autoscaler", () => {
  it("raises its lower bound to what the slot has, and leaves growing to it", () => {
    expect(boundsOf(hold(hpa(2, 10), 4))).toEqual({ min: 4, max: 10 });
  });

  it("never lowers a bound of its owner", () => {
    expect(boundsOf(hold(hpa(6, 10), 4))).toEqual({ min: 6, max: 10 });
  });

  it("raises the upper bound where the slot is larger already", () => {
    expect(boundsOf(hold(hpa(2, 3), 5))).toEqual({ min: 5, max: 5 });
  });

  it("keeps it from growing again while a slot is taken down in parts", () => {
    expect(boundsOf(hold(hpa(2, 10), 3, "exactly"))).toEqual({ min: 3, max: 3 });
  });

  it("does nothing twice, and remembers what its owner wanted however often it is held", () => {
    const once = hold(hpa(2, 10), 4);
    expect(holding(once, { min: 4, max: 10 })).toEqual([]);
    expect(heldOf(hold(hold(once, 6), 3, "exactly"))?.was).toEqual({ min: 2, max: 10 });
  });
});

describe("giving it back", () => {
  it("is exact, also for a bound that was not there", () => {
    for (const own of [hpa(2, 10), hpa(undefined, 10)]) {
      const held = hold(own, 4);
      const back = after(held, releasing(held));
      expect(back.object.spec).toEqual(own.object.spec);
      expect(heldOf(back)).toBeUndefined();
    }
  });

  it("changes nothing when repeated", () => {
    expect(releasing(hpa(2, 10))).toEqual([]);
  });

  it("leaves what somebody changed meanwhile", () => {
    const held = hold(hpa(2, 10), 4);
    const changed = after(held, [{ op: "replace", path: "/spec/minReplicas", value: 7 }]);
    for (const last of [changed, hold(changed, 8)]) {
      const back = after(last, releasing(last));
      expect(boundsOf(back)).toEqual({ min: 7, max: 10 });
      expect(heldOf(back)).toBeUndefined();
    }
  });
});

describe("what a slot lends", () => {
  it("is the bounds of its autoscaler, or of the one it is to get", () => {
    const own = hpa(2, 10);
    const [lending] = lent("green", "shop-green", undefined, own);
    expect(lending).toEqual({
      slot: "green",
      what: "autoscaler",
      original: '{"kind":"HorizontalPodAutoscaler","name":"shop-green","min":2,"max":10}',
    });
    expect(lent("green", "shop-green", undefined, undefined)).toEqual([]);
  });

  it("is what the owner wanted, where an earlier deployment still holds them and did not put them back", () => {
    const [lending] = lent("green", "shop-green", hold(hpa(2, 10), 4), undefined);
    expect(JSON.parse(lending!.original)).toMatchObject({ min: 2, max: 10 });
  });

  it("is what the owner wanted, where the autoscaler to be copied is held for the other slot", () => {
    const [lending] = lent("green", "shop-green", undefined, hold(hpa(2, 10), 8));
    expect(JSON.parse(lending!.original)).toMatchObject({ min: 2, max: 10 });
  });
});

describe("a copy for a slot", () => {
  it("scales the slot by the same rules, without the marks of whoever manages the original", () => {
    const copy = copyFor(hold(hpa(2, 10), 8), "shop", "green", "shop-green");
    expect(copy).toEqual({
      apiVersion: "autoscaling/v2",
      kind: "HorizontalPodAutoscaler",
      metadata: { name: "shop-green", labels: { "teal.dev/service": "shop", "teal.dev/slot": "green" } },
      spec: {
        scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "shop-green" },
        minReplicas: 2,
        maxReplicas: 10,
        metrics: [{ type: "Resource" }],
      },
    });
  });

  it("is held from its first moment", () => {
    const copy = { of: KINDS.hpa, object: copyFor(hpa(2, 10), "shop", "green", "shop-green") };
    const held = { of: KINDS.hpa, object: heldCopy(copy, boundsFor(boundsOf(copy), 4, "atLeast")) };
    expect(boundsOf(held)).toEqual({ min: 4, max: 10 });
    expect(heldOf(held)?.was).toEqual({ min: 2, max: 10 });
  });

  it("of a ScaledObject leaves the name of KEDA's own autoscaler to KEDA", () => {
    const source: Governor = {
      of: KINDS.keda,
      object: {
        metadata: { name: "shop", annotations: { "autoscaling.keda.sh/paused": "true" } },
        spec: {
          scaleTargetRef: { name: "shop" },
          maxReplicaCount: 9,
          triggers: [{ type: "cron" }],
          advanced: {
            restoreToOriginalReplicaCount: true,
            horizontalPodAutoscalerConfig: { name: "mine", behavior: {} },
          },
        },
      },
    };
    expect(copyFor(source, "shop", "blue", "shop-blue")).toEqual({
      apiVersion: "keda.sh/v1alpha1",
      kind: "ScaledObject",
      metadata: { name: "shop-blue", labels: { "teal.dev/service": "shop", "teal.dev/slot": "blue" } },
      spec: {
        scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "shop-blue" },
        maxReplicaCount: 9,
        triggers: [{ type: "cron" }],
        advanced: { restoreToOriginalReplicaCount: true, horizontalPodAutoscalerConfig: { behavior: {} } },
      },
    });
  });
});

describe("an autoscaler governs", () => {
  it("the Deployment it names, unless it is KEDA's own behind a ScaledObject", () => {
    expect(governs(hpa(1, 2), "shop")).toBe(true);
    expect(governs(hpa(1, 2), "shop-blue")).toBe(false);
    expect(governs(hpa(1, 2, { owner: "ScaledObject" }), "shop")).toBe(false);
  });

  it("held, by a note that can be read", () => {
    expect(heldOf(hpa(1, 2, { annotations: { [ANNOTATIONS.held]: "{" } }))).toBeUndefined();
  });
});
