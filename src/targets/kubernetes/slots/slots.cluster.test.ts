import { afterEach, describe, expect, test } from "vitest";
import { sharedCluster } from "../../../../test/cluster/cluster.ts";
import { startFaultProxy } from "../../../../test/cluster/fault-proxy.ts";
import { version } from "../../../core/units.ts";
import { ANNOTATIONS } from "../names.ts";
import { NEVER, by, ready, shopIn, until, type Shop } from "./test-support.ts";

const cluster = await sharedCluster();
let shop: Shop;
afterEach(() => shop.end());

const get = (kind: string, name: string) => cluster.get(shop.namespace, kind, name, "--show-managed-fields");
const kubectl = (...args: string[]) => cluster.kubectl("-n", shop.namespace, ...args);

async function seen(slot: "blue" | "green") {
  const look = await shop.slots.observe(slot, NEVER);
  if (look.is !== "seen") throw new Error(look.cause.message);
  return look;
}

describe("a slot", () => {
  test("is a Deployment that says whose it is, and a Service that reaches only it", async () => {
    shop = await shopIn(cluster);
    const spec = await shop.revision("v1", 2);
    expect((await shop.slots.ensure("green", spec, "any", by(3))).is).toBe("applied");
    // A write of this process is in the very next look.
    expect((await seen("green")).value).toMatchObject({ wanted: 2, revision: spec.revision });
    await until(shop.slots, "green", ready(2));
    const deployment = await get("deployment", "shop-green");
    expect(deployment.metadata.labels).toMatchObject({
      "teal.dev/service": "shop",
      "teal.dev/slot": "green",
    });
    expect(deployment.metadata.annotations).toMatchObject({
      [ANNOTATIONS.epoch]: "3",
      [ANNOTATIONS.revision]: JSON.stringify(spec.revision),
    });
    const managers = deployment.metadata.managedFields.map(({ manager }: { manager: string }) => manager);
    expect(new Set(managers)).toEqual(new Set(["teal", "kube-controller-manager"]));
    const service = await get("service", "shop-green");
    expect(service.spec.selector).toEqual({ "teal.dev/service": "shop", "teal.dev/slot": "green" });
    // The template's own Deployment does not count them as its own.
    expect((await get("deployment", "shop")).status.replicas ?? 0).toBe(0);
  });

  test("keeps its version while only its status changes", async () => {
    shop = await shopIn(cluster);
    await shop.slots.ensure("green", await shop.revision("v1", 2), "any", by(1));
    const { version: told } = await seen("green");
    await until(shop.slots, "green", ready(2));
    expect((await seen("green")).version).toBe(told);
    await kubectl("scale", "deployment/shop-green", "--replicas=3");
    await until(shop.slots, "green", (state) => state.wanted === 3);
    expect((await seen("green")).version).not.toBe(told);
    const outdated = await shop.slots.retire("green", 0, told, by(1));
    expect(outdated).toMatchObject({ is: "conflict", seen: { wanted: 3 } });
  });

  test("takes the whole of its next revision, with nothing left of an edit by hand", async () => {
    shop = await shopIn(cluster);
    const [v1, v2] = [await shop.revision("v1"), await shop.revision("v2")];
    await shop.slots.ensure("green", v1, "any", by(1));
    await until(shop.slots, "green", ready(1));
    await kubectl("set", "env", "deployment/shop-green", "LEFT=over");
    const edited = await until(shop.slots, "green", (state) => state.revision?.config !== v1.revision.config);
    expect(edited.revision).toEqual({ id: "v1", config: "edited by kubectl-set" });
    // Neither the revision that it is no more, nor another one, is started over it.
    expect((await shop.slots.ensure("green", v1, "any", by(1))).is).toBe("rejected");
    expect(await shop.slots.ensure("green", v2, "any", by(1))).toMatchObject({
      is: "rejected",
      cause: { code: "TEAL-K203" },
    });
    await shop.slots.retire("green", 0, "any", by(1));
    await until(shop.slots, "green", (state) => state.settled && state.replicas.length === 0);
    // Also one whose template says the same as the edit did.
    expect((await shop.slots.ensure("green", v1, "any", by(1))).is).toBe("applied");
    const back = await until(shop.slots, "green", ready(1));
    expect(back.revision).toEqual(v1.revision);
    const [container] = (await get("deployment", "shop-green")).spec.template.spec.containers;
    expect(container.env ?? []).toEqual([]);
  });

  test("that a tool writes to is not fought over: the tool is named", async () => {
    shop = await shopIn(cluster);
    const [v1, v2] = [await shop.revision("v1"), await shop.revision("v2")];
    await shop.slots.ensure("green", v1, "any", by(1));
    await kubectl(
      "patch",
      "deployment/shop-green",
      "--field-manager=argocd-controller",
      "--type=json",
      '-p=[{"op":"add","path":"/spec/template/metadata/annotations/checksum","value":"1"}]',
    );
    await shop.slots.retire("green", 0, "any", by(1));
    await until(shop.slots, "green", (state) => state.settled && state.replicas.length === 0);
    const answer = await shop.slots.ensure("green", v2, "any", by(1));
    expect(answer).toMatchObject({ is: "rejected", cause: { code: "TEAL-K242" } });
    expect(answer.is === "rejected" && answer.cause.message).toContain("argocd-controller");
  });

  test("of which the revision was pruned is refused before anything is written", async () => {
    shop = await shopIn(cluster);
    const spec = await shop.revision("v1");
    await kubectl("delete", "configmap", "-l", "teal.dev/part=revision");
    const answer = await shop.slots.ensure("green", spec, "any", by(1));
    expect(answer).toMatchObject({ is: "rejected", cause: { code: "TEAL-K230" } });
    await expect(get("deployment", "shop-green")).rejects.toThrow("NotFound");
  });
});

test("writes whose answers are lost are unknown, and repeating them converges", async () => {
  const proxy = await startFaultProxy({ upstream: cluster.kubeconfig });
  try {
    shop = await shopIn(cluster, { kubeconfig: proxy.kubeconfig });
    const spec = await shop.revision("v1", 2);
    proxy.next({ verb: "create", resource: "deployments" }, { is: "reset", when: "after" });
    expect((await shop.slots.ensure("green", spec, "any", by(1))).is).toBe("unknown");
    proxy.next({ verb: "patch", resource: "deployments" }, { is: "reset", when: "after" });
    expect((await shop.slots.ensure("green", spec, "any", by(1))).is).toBe("unknown");
    expect((await shop.slots.ensure("green", spec, "any", by(1))).is).toBe("unchanged");
    await until(shop.slots, "green", ready(2));
    // A conflict that the server only claims is met by looking again.
    proxy.next({ verb: "patch", resource: "deployments" }, { is: "answer", status: 409 });
    expect((await shop.slots.retire("green", 1, "any", by(1))).is).toBe("applied");
    await until(shop.slots, "green", ready(1));
  } finally {
    await proxy.stop();
  }
});

describe("an adopted Deployment", () => {
  const serving = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: {
      name: "legacy",
      labels: { "teal.dev/service": "shop", "teal.dev/slot": "blue" },
      annotations: {
        [ANNOTATIONS.adopted]: "{}",
        [ANNOTATIONS.revision]: JSON.stringify({ id: "v0", config: "c0" }),
        [ANNOTATIONS.selector]: JSON.stringify({ app: "legacy" }),
      },
    },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: "legacy" } },
      template: {
        metadata: { labels: { app: "legacy" } },
        spec: {
          terminationGracePeriodSeconds: 2,
          containers: [
            {
              name: "web",
              image: "teal.test/web:v0",
              ports: [{ containerPort: 8080 }],
              readinessProbe: { httpGet: { path: "/health", port: 8080 }, periodSeconds: 1 },
            },
          ],
        },
      },
    },
  };

  test("is a slot by its own name and selector, is scaled as one, and makes way for one of Teal's", async () => {
    shop = await shopIn(cluster, { before: [serving] });
    const adopted = await until(shop.slots, "blue", ready(2));
    expect(adopted.revision).toEqual({ id: "v0", config: "c0" });
    expect((await shop.slots.claim(by(4))).is).toBe("applied");
    expect((await get("deployment", "legacy")).metadata.annotations[ANNOTATIONS.epoch]).toBe("4");
    expect((await shop.slots.retire("blue", 0, "any", by(3))).is).toBe("fenced");
    const reach = await shop.slots.reach("blue", NEVER);
    expect(reach.is === "seen" && reach.value.length).toBe(2);

    expect((await shop.slots.retire("blue", 0, "any", by(4))).is).toBe("applied");
    await until(shop.slots, "blue", (state) => state.settled && state.replicas.length === 0);
    const spec = await shop.revision("v1");
    expect((await shop.slots.ensure("blue", spec, "any", by(4))).is).toBe("applied");
    const now = await until(shop.slots, "blue", ready(1));
    expect(now.revision).toEqual(spec.revision);
    const legacy = await get("deployment", "legacy");
    expect(legacy.spec.replicas).toBe(0);
    expect(legacy.metadata.labels?.["teal.dev/slot"]).toBeUndefined();
  });
});

test("a version nobody ever saw conflicts", async () => {
  shop = await shopIn(cluster);
  const answer = await shop.slots.ensure("green", await shop.revision("v1"), version("other"), by(1));
  expect(answer.is).toBe("conflict");
});
