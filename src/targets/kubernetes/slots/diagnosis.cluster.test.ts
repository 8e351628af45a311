import { afterEach, describe, expect, test } from "vitest";
import { sharedCluster } from "../../../../test/cluster/cluster.ts";
import { millis } from "../../../core/units.ts";
import type { SlotState } from "../../../core/observed.ts";
import type { SlotProvider } from "../../../ports/slots.ts";
import { NEVER, by, ready, shopIn, until, type Shop } from "./test-support.ts";
import { createKubernetesSlots } from "./slots.ts";

/** Each trouble, made on a real control plane, is told with its cause long before any deadline. */

const cluster = await sharedCluster();
let shop: Shop;
afterEach(() => shop.end());

/** What the slot is stuck by, once the provider is sure. */
async function surelyStuck(slots: SlotProvider): Promise<NonNullable<SlotState["stuck"]>["cause"]> {
  const { stuck } = await until(slots, "green", (state) => state.stuck?.sure === true);
  if (stuck === undefined) throw new Error("not stuck");
  return stuck.cause;
}

async function started(image: string, replicas = 1): Promise<void> {
  const written = await shop.slots.ensure("green", await shop.revision(image, replicas), "any", by(1));
  expect(written.is).toBe("applied");
}

/** The same slots, seen with a clock that runs ahead: what is given a while is over in no time. */
function hurried(ahead = 60_000): SlotProvider {
  let extra = 0;
  const clock = {
    now: () => Date.now() as never,
    monotonic: () => millis(performance.now() + (extra += ahead)),
  };
  return createKubernetesSlots(shop.api, shop.settings, clock);
}

const web = (over: object): object => ({
  containers: [{ name: "web", image: "teal.test/web:v1", ports: [{ containerPort: 8080 }], ...over }],
});

test("an image that is not there: named, with the registry's words", async () => {
  shop = await shopIn(cluster);
  await started("teal.test/missing:v9");
  const cause = await surelyStuck(shop.slots);
  expect(cause.code).toBe("TEAL-K204");
  expect(cause.message).toMatch(
    /^container web of shop-green-\S+: image teal\.test\/missing:v9 cannot be pulled$/u,
  );
  expect(cause.evidence?.join("\n")).toContain("not found");
});

test("a program that crashes: its exit code, its last words by reach, and a new incarnation each time", async () => {
  shop = await shopIn(cluster);
  await started("teal.test/crash:v9");
  const cause = await surelyStuck(shop.slots);
  expect(cause).toMatchObject({ code: "TEAL-K205" });
  expect(cause.message).toMatch(/ended with exit code 1/u);
  const reach = await shop.slots.reach("green", NEVER);
  if (reach.is !== "seen") throw new Error(reach.cause.message);
  expect(reach.value).toHaveLength(1);
  expect(await reach.value[0]?.tail(5)).toEqual(["v9 cannot start: no configuration for the database"]);
  const looped = await until(shop.slots, "green", (state) => state.replicas[0]?.phase === "crashLoop");
  expect(looped.replicas[0]).toMatchObject({ exit: { code: 1, signal: null } });
  const again = await shop.slots.reach("green", NEVER);
  expect(again.is === "seen" && again.value[0]?.ended).toBe(true);
  expect(again.is === "seen" && (await again.value[0]?.tail(5))).toEqual([
    "v9 cannot start: no configuration for the database",
  ]);
});

test("a ConfigMap that went missing: named", async () => {
  shop = await shopIn(cluster, {
    pod: web({ env: [{ name: "X", valueFrom: { configMapKeyRef: { name: "settings", key: "x" } } }] }),
    before: [{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings" }, data: { x: "1" } }],
  });
  const spec = await shop.revision("v1");
  await cluster.kubectl("delete", "configmap", "-n", shop.namespace, "-l", "teal.dev/part=copy");
  await shop.slots.ensure("green", spec, "any", by(1));
  const cause = await surelyStuck(shop.slots);
  expect(cause.code).toBe("TEAL-K206");
  expect(cause.message).toMatch(/cannot be configured: .*settings-teal-/u);
});

test("a volume that cannot be mounted: by its event", async () => {
  shop = await shopIn(cluster, {
    pod: {
      ...web({ volumeMounts: [{ name: "v", mountPath: "/etc/settings" }] }),
      volumes: [{ name: "v", configMap: { name: "settings" } }],
    },
    before: [{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings" }, data: { x: "1" } }],
  });
  const spec = await shop.revision("v1");
  await cluster.kubectl("delete", "configmap", "-n", shop.namespace, "-l", "teal.dev/part=copy");
  await shop.slots.ensure("green", spec, "any", by(1));
  const cause = await surelyStuck(shop.slots);
  expect(cause.code).toBe("TEAL-K209");
  expect(cause.message).toMatch(/a volume of shop-green-\S+ cannot be mounted: .*settings-teal-/u);
});

describe("no node takes the pods", () => {
  test("told at once in the scheduler's words, and given up only after a while", async () => {
    shop = await shopIn(cluster, { pod: web({ resources: { requests: { cpu: "500" } } }) });
    await started("v1");
    const { stuck } = await until(shop.slots, "green", (state) => state.stuck !== undefined);
    expect(stuck).toMatchObject({ sure: false, cause: { code: "TEAL-K207" } });
    expect(stuck?.cause.message).toMatch(/^no node takes shop-green-\S+: .*Insufficient cpu/u);
    expect((await surelyStuck(hurried())).code).toBe("TEAL-K207");
  });
});

describe("pods are refused", () => {
  test("by a quota", async () => {
    shop = await shopIn(cluster, {
      before: [
        {
          apiVersion: "v1",
          kind: "ResourceQuota",
          metadata: { name: "team" },
          spec: { hard: { pods: "1" } },
        },
      ],
    });
    await started("v1", 2);
    const cause = await surelyStuck(shop.slots);
    expect(cause.code).toBe("TEAL-K208");
    expect(cause.message).toMatch(/refused by a quota of the namespace: .*exceeded quota: team/u);
  });

  test("by an admission policy", async () => {
    shop = await shopIn(cluster);
    const strict = "pod-security.kubernetes.io/enforce=restricted";
    await cluster.kubectl("label", "namespace", shop.namespace, strict);
    await started("v1");
    const cause = await surelyStuck(shop.slots);
    expect(cause.code).toBe("TEAL-K208");
    expect(cause.message).toMatch(/refused by an admission policy: .*violates PodSecurity/u);
  });

  test("by a LimitRange", async () => {
    shop = await shopIn(cluster, {
      pod: web({ resources: { requests: { memory: "256Mi" }, limits: { memory: "256Mi" } } }),
      before: [
        {
          apiVersion: "v1",
          kind: "LimitRange",
          metadata: { name: "small" },
          spec: { limits: [{ type: "Container", max: { memory: "64Mi" } }] },
        },
      ],
    });
    await started("v1");
    const cause = await surelyStuck(shop.slots);
    expect(cause.code).toBe("TEAL-K208");
    expect(cause.message).toMatch(/refused by a LimitRange of the namespace: .*64Mi/u);
  });
});

test("a liveness probe that fails: the kubelet's reason", async () => {
  const probe = { httpGet: { path: "/health", port: 8080 }, periodSeconds: 1, failureThreshold: 1 };
  shop = await shopIn(cluster, { pod: web({ livenessProbe: probe }) });
  await started("teal.test/never-ready:v1");
  const cause = await surelyStuck(shop.slots);
  expect(cause).toMatchObject({ code: "TEAL-K205" });
  expect(cause.message).toMatch(/was killed: it failed liveness probe/u);
});

test("a slot that does not get ready: what its probe says is told, never taken for certain", async () => {
  shop = await shopIn(cluster);
  await started("teal.test/never-ready:v1");
  const { stuck } = await until(shop.slots, "green", (state) => state.stuck !== undefined);
  expect(stuck).toMatchObject({ sure: false, cause: { code: "TEAL-K240" } });
  expect(stuck?.cause.message).toMatch(/is not ready: Readiness probe failed: .*503/u);
});

// A slot is made empty and then scaled, which is no rollout to the controller: its deadline never passes there.
test("a rollout that somebody began in a slot and that the controller gave up", async () => {
  shop = await shopIn(cluster, { deployment: { progressDeadlineSeconds: 5 } });
  await started("v1");
  await until(shop.slots, "green", ready(1));
  const image = "web=teal.test/never-ready:v2";
  await cluster.kubectl("set", "image", "-n", shop.namespace, "deployment/shop-green", image);
  const cause = await surelyStuck(shop.slots);
  expect(cause.code).toBe("TEAL-K241");
});

test("nothing is said of a slot that gets ready", async () => {
  shop = await shopIn(cluster);
  await started("v1", 2);
  const seen: SlotState[] = [];
  await until(shop.slots, "green", (state) => {
    seen.push(state);
    return state.settled && state.replicas.length === 2;
  });
  expect(seen.filter(({ stuck }) => stuck?.sure === true)).toEqual([]);
  expect(seen.at(-1)?.stuck).toBeUndefined();
});
