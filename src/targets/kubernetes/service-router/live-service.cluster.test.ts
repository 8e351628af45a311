import { afterAll, beforeAll, expect, test } from "vitest";
import { sharedCluster } from "../../../../test/cluster/cluster.ts";
import { startFaultProxy } from "../../../../test/cluster/fault-proxy.ts";
import { until } from "../../../../test/e2e/processes.ts";
import { allTo, NOBODY } from "../../../core/routing.ts";
import type { Api } from "../api/api.ts";
import { slotLabels } from "../names.ts";
import { ensureLiveService } from "./live-service.ts";
import { createServiceRouter } from "./router.ts";
import { apiOf, applyLive, applySlots, as, NEVER, settingsOf } from "./test-support.ts";

const cluster = await sharedCluster();
const PORTS = [{ name: "http", port: 80, targetPort: 8080 }];
let namespace = "";
let api: Api;

beforeAll(async () => {
  namespace = await cluster.namespace("live");
  await applySlots(cluster, namespace, 0);
  api = await apiOf(settingsOf(namespace, cluster.kubeconfig, "live"));
});
afterAll(() => api.close());

const ensure = (name: string) =>
  ensureLiveService(api, { name, service: "shop", ports: PORTS }, { signal: NEVER });
const routerOf = (name: string) => createServiceRouter(api, settingsOf(namespace, cluster.kubeconfig, name));

test("a first deployment gets a Service that reaches nobody until its cutover", async () => {
  const router = routerOf("first");
  expect(await router.observe(NEVER)).toMatchObject({ is: "unreadable", cause: { code: "TEAL-K302" } });
  expect(await router.shift(allTo("blue"), "any", as(1))).toMatchObject({
    is: "rejected",
    cause: { code: "TEAL-K302" },
  });
  expect(await Promise.all([ensure("first"), ensure("first")])).toEqual([undefined, undefined]);
  expect(await router.observe(NEVER)).toMatchObject({ is: "seen", value: { weights: NOBODY } });
  const { spec } = await cluster.get(namespace, "service", "first");
  expect(spec).toMatchObject({
    selector: { "teal.dev/service": "shop", "teal.dev/slot": "nobody" },
    ports: [{ name: "http", port: 80, targetPort: 8080 }],
  });
  expect((await router.shift(allTo("blue"), "any", as(1))).is).toBe("applied");
  expect(await ensure("first")).toBeUndefined();
  expect(await router.observe(NEVER)).toMatchObject({ value: { weights: allTo("blue") } });
});

test("users are sent to no slot that no Deployment describes", async () => {
  const elsewhere = await cluster.namespace("bare");
  const { name } = await applyLive(cluster, elsewhere, slotLabels("shop", "blue"));
  const settings = settingsOf(elsewhere, cluster.kubeconfig, name);
  const bare = await apiOf(settings);
  try {
    expect(await createServiceRouter(bare, settings).shift(allTo("green"), "any", as(1))).toMatchObject({
      is: "rejected",
      cause: { code: "TEAL-K304", message: expect.stringContaining("would reach nobody") },
    });
    expect((await cluster.get(elsewhere, "service", name)).spec.selector).toEqual(slotLabels("shop", "blue"));
  } finally {
    bare.close();
  }
});

test("a Service of another name in DNS, or without a selector, is refused and left as it is", async () => {
  const external = { type: "ExternalName", externalName: "shop.example.com", ports: null };
  const cases = [
    [(await applyLive(cluster, namespace, undefined, { spec: external })).name, "ExternalName"],
    [(await applyLive(cluster, namespace, undefined)).name, "has no selector"],
  ] as const;
  for (const [name, why] of cases) {
    const { metadata } = await cluster.get(namespace, "service", name);
    const cause = { code: "TEAL-K303", message: expect.stringContaining(why) };
    expect(await ensure(name)).toMatchObject(cause);
    const router = routerOf(name);
    expect(await router.observe(NEVER)).toMatchObject({ is: "unreadable", cause });
    expect(await router.shift(allTo("blue"), "any", as(1))).toMatchObject({ is: "rejected", cause });
    expect((await cluster.get(namespace, "service", name)).metadata.resourceVersion).toBe(
      metadata.resourceVersion,
    );
  }
});

test("somebody else's selector is nobody's, and shown as it is", async () => {
  const { name } = await applyLive(cluster, namespace, { app: "shop" });
  expect(await routerOf(name).observe(NEVER)).toMatchObject({
    value: {
      weights: NOBODY,
      rules: [
        {
          id: `service/${name}`,
          weights: NOBODY,
          raw: '{"selector":{"app":"shop"},"reaches":"no pod of a slot"}',
        },
      ],
    },
  });
});

test("a policy of the cluster that forbids the change is named, and the change is not tried again and again", async () => {
  const { name } = await applyLive(cluster, namespace, slotLabels("shop", "blue"));
  const policy = { name: `no-green-${namespace}` };
  const group = { apiVersion: "admissionregistration.k8s.io/v1" };
  const rule = { apiGroups: [""], apiVersions: ["v1"], resources: ["services"], operations: ["UPDATE"] };
  const where = { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } } };
  await cluster.apply(
    namespace,
    {
      ...group,
      kind: "ValidatingAdmissionPolicy",
      metadata: policy,
      spec: {
        matchConstraints: { resourceRules: [rule] },
        validations: [
          {
            expression: "object.spec.selector['teal.dev/slot'] != 'green'",
            message: "green is out of fashion",
          },
        ],
      },
    },
    {
      ...group,
      kind: "ValidatingAdmissionPolicyBinding",
      metadata: policy,
      spec: { policyName: policy.name, validationActions: ["Deny"], matchResources: where },
    },
  );
  const proxy = await startFaultProxy({ upstream: cluster.kubeconfig });
  const settings = settingsOf(namespace, proxy.kubeconfig, name);
  const watched = await apiOf(settings);
  try {
    const router = createServiceRouter(watched, settings);
    // A policy is heard of a moment after it was written.
    await until("the policy to hold", async () => {
      proxy.forgetCounts();
      const answer = await router.shift(allTo("green"), "any", as(1));
      if (answer.is !== "rejected") await router.shift(allTo("blue"), "any", as(1));
      return answer.is === "rejected";
    });
    expect(proxy.counts()["patch services"]).toBe(1);
    expect(await router.shift(allTo("green"), "any", as(1))).toMatchObject({
      is: "rejected",
      cause: { message: expect.stringContaining("green is out of fashion") },
    });
    expect(await router.observe(NEVER)).toMatchObject({ value: { weights: allTo("blue") } });
  } finally {
    watched.close();
    await proxy.stop();
    const kinds = ["validatingadmissionpolicybinding", "validatingadmissionpolicy"];
    for (const kind of kinds) await cluster.kubectl("delete", kind, policy.name);
  }
});
