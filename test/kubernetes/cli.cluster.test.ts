import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { rightsFor } from "../../src/targets/kubernetes/preflight/rights.ts";
import { resultOf } from "../../src/cli/testing.ts";
import { sharedCluster } from "../cluster/cluster.ts";
import { deployment, service } from "../cluster/objects.ts";
import { until } from "../e2e/processes.ts";
import { Place, type PlaceOptions } from "./place.ts";

/* The commands as people type them, against a real API server, with real pods. */

const cluster = await sharedCluster();
afterAll(() => cluster.stop());

let place: Place | undefined;
afterEach(async () => {
  await place?.dispose();
  place = undefined;
});
async function opened(options: PlaceOptions = {}): Promise<Place> {
  return (place = await Place.open(cluster, options));
}

const RIGHTS = rightsFor(
  { routing: { by: "service" }, access: { by: "context", context: "x" } },
  { keda: false },
);
const ruleOf = ({ group, resource, verbs }: (typeof RIGHTS)[number]) => ({
  apiGroups: [group],
  resources: [resource],
  verbs,
});
const ROLE = RIGHTS.map(ruleOf);
const REQUIRED = RIGHTS.filter(({ need }) => need === "must").map(ruleOf);

test("one configuration, every command: status, plan, deploy twice, health, history, rollback", async () => {
  const shop = await opened();
  const before = await shop.teal("status");
  expect(before).toMatchObject({ code: 0, err: "" });
  expect(before.out).toContain("Nothing was deployed here yet.");

  const plan = await shop.teal("plan", "v1");
  expect(plan).toMatchObject({ code: 0, err: "" });
  expect(plan.out).toContain("ensure-blue");
  expect(plan.out).toContain("run v1 on blue, 2 replicas");
  expect(await shop.replicas("blue")).toBeUndefined();

  const first = await shop.teal("deploy", "v1");
  expect(first).toMatchObject({ code: 0, err: "" });
  expect(first.out).toContain("✓ start     blue 2/2 replicas");
  expect(first.out).toContain("✓ checks    /health 200 · /health/db 200");
  expect(first.out).toContain("v1 is live on blue.");
  expect(await shop.live()).toBe("blue");

  const second = await shop.teal("deploy", "v2");
  expect(second).toMatchObject({ code: 0, err: "" });
  expect(second.out).toMatch(/v2 is live on green\.[^]*teal rollback/u);
  expect(await shop.live()).toBe("green");

  // From another machine: everything it needs is in the namespace.
  const status = await shop.tealAs({ machine: "elsewhere" }, "status");
  expect(status.out).toContain("v2 serves on green.");
  expect(status.out).toContain("r2 (v2 on green) is proven; the previous slot is kept warm");
  expect((await shop.teal("logs")).out).toMatch(
    /shop-blue-\S+ v1 listens on 8080[^]*shop-green-\S+ v2 listens/u,
  );
  expect((await shop.teal("logs", "v2")).out).not.toContain("v1");
  expect((await shop.teal("health")).out).toMatch(/✓ blue \(v1\)[^]*✓ green \(v2\)/u);

  const back = await shop.tealAs({ machine: "elsewhere" }, "rollback");
  expect(back.code).toBe(0);
  expect(back.out).toContain("v1 is live.");
  expect(await shop.live()).toBe("blue");
  expect(await shop.replicas("green")).toBe(0);
  expect((await shop.teal("history")).out).toMatch(/r2[^\n]*v2[^\n]*reverted[^]*r1[^\n]*v1[^\n]*done/u);
});

test("a revision whose checks fail never gets traffic, and says what its pods wrote (4)", async () => {
  const shop = await opened();
  expect((await shop.teal("deploy", "v1")).code).toBe(0);
  const ran = await shop.teal("deploy", "teal.test/failing:v2");
  expect(ran.code).toBe(4);
  expect(ran.out).toContain("GET /health/db: expected 2xx, got 503");
  expect(ran.out).toContain("Users stayed on v1; no traffic moved.");
  expect(await shop.live()).toBe("blue");
  expect(await shop.replicas("green")).toBe(0);
});

test("a revision that crashes is rejected with what it wrote (4)", async () => {
  const shop = await opened();
  const crashing = await shop.teal("deploy", "teal.test/crash:v1");
  expect(crashing.code).toBe(4);
  expect(crashing.out).toContain("cannot start: no configuration for the database");
});

test("an image is enough: its Service is made, and reaches nobody before the first cutover", async () => {
  const shop = await opened({
    from: "{ image: teal.test/web, port: 8080 }",
    target: "replicas: 1",
    objects: [],
    // Without a readiness probe a pod is Ready before it listens: the checks have to give it the time.
    health: "{ ready: /health, window: { of: 5, passes: 1, consecutive: 1, interval: 1s, deadline: 30s } }",
  });
  const ran = await shop.teal("deploy", "v1");
  expect(ran).toMatchObject({ code: 0, err: "" });
  expect(ran.out).toContain("✓ start     blue 1/1 replicas");
  expect(await shop.live()).toBe("blue");
  expect((await shop.teal("deploy", "v2")).code).toBe(0);
  expect(await shop.live()).toBe("green");
});

test("an abort at a gate leaves users where they were; a promote moves them", async () => {
  const shop = await opened({
    strategy: "{ blueGreen: { gate: approval, bake: 500ms, keepWarm: 0s, drain: 500ms } }",
  });
  const waiting = await shop.teal("deploy", "v1");
  expect(waiting.code).toBe(6);
  expect(await shop.live()).toBeUndefined();
  expect((await shop.tealAs({ machine: "elsewhere" }, "promote")).code).toBe(0);
  expect(await shop.live()).toBe("blue");
  expect((await shop.teal("deploy", "v2")).code).toBe(6);
  expect((await shop.teal("deploy", "v3")).code).toBe(7);
  const aborted = await shop.teal("abort");
  expect(aborted.code).toBe(0);
  expect(await shop.live()).toBe("blue");
  expect(await shop.replicas("green")).toBe(0);
});

describe("what cannot be", () => {
  test("a context that is none names those there are (2)", async () => {
    const shop = await opened();
    shop.configure({ context: "prod-eu" });
    for (const words of [["status"], ["deploy", "v1"], ["logs"]]) {
      const ran = await shop.teal(...words);
      expect(ran.code).toBe(2);
      expect(ran.err).toMatch(/no context "prod-eu" in .*: it has teal-test\./u);
      expect(ran.err).toContain("TEAL-K102, exit 2");
    }
    expect((await shop.teal("check")).code).toBe(0);
  });

  test("a namespace that is none is named as such by everything that needs one", async () => {
    const shop = await opened();
    shop.configure({ namespace: "nowhere" });
    const status = await shop.teal("status");
    expect(status.code).toBe(5);
    expect(status.out).toContain("there is no namespace nowhere (teal-test/nowhere) (TEAL-K601)");
    const byRoute = "gateway: { route: shop }";
    for (const [target, ...words] of [
      ["", "plan", "v1"],
      ["", "deploy", "v1"],
      [byRoute, "plan", "v1"],
    ] as const) {
      shop.configure({
        namespace: "nowhere",
        ...(target === "" ? {} : { target, from: "{ image: teal.test/web, port: 8080 }" }),
      });
      const ran = await shop.teal(...words);
      expect(ran.code).toBe(3);
      expect(ran.err).toContain("there is no namespace nowhere (teal-test/nowhere)");
      expect(ran.err).toContain("kubectl create namespace nowhere");
      expect(ran.err).toContain("TEAL-K601, exit 3");
    }
  });

  test("a server that does not answer: status says so (5), a deployment is not begun (3)", async () => {
    const shop = await opened();
    const kubeconfig = join(shop.folder, "nobody.kubeconfig");
    const cluster_ = { server: "https://127.0.0.1:9" };
    const config = {
      contexts: [{ name: "teal-test", context: { cluster: "c", user: "u" } }],
      clusters: [{ name: "c", cluster: cluster_ }],
      users: [{ name: "u", user: { token: "secret-token-of-a-test" } }],
    };
    writeFileSync(kubeconfig, JSON.stringify(config));
    const status = await shop.tealAs({ kubeconfig }, "status");
    expect(status.code).toBe(5);
    expect(status.out).toContain("could not be read");
    expect(status.out.match(/cannot be reached/gu)).toHaveLength(1);
    const deploy = await shop.tealAs({ kubeconfig }, "deploy", "v1");
    expect(deploy.code).toBe(3);
    expect(deploy.err).toContain("TEAL-K106, exit 3");
    const logs = await shop.tealAs({ kubeconfig }, "logs");
    expect(logs.code).toBe(5);
    expect(logs.err).toContain("TEAL-K106, exit 5");
    expect(`${status.out}${status.err}${deploy.out}${deploy.err}`).not.toContain("secret-token-of-a-test");
  });

  test("missing rights are named before anything is written, with the rule that would grant them (3)", async () => {
    const shop = await opened();
    const without = ROLE.filter(({ resources }) => !resources.includes("pods/proxy"));
    const kubeconfig = await cluster.serviceAccount(shop.namespace, without);
    const plan = await shop.tealAs({ kubeconfig }, "plan", "v1");
    expect(plan.code).toBe(3);
    expect(plan.err).toContain(`you may not get, create pods/proxy in teal-test/${shop.namespace}`);
    expect(plan.err).toContain('{ apiGroups: [""], resources: ["pods/proxy"], verbs: [get, create] }');
    const deploy = await shop.tealAs({ kubeconfig }, "deploy", "v1", "--json");
    expect(deploy.code).toBe(3);
    expect(resultOf(deploy)).toMatchObject({ is: "refused", cause: { code: "TEAL-K604" } });
    expect(await shop.replicas("blue")).toBeUndefined();
    const { items } = await cluster.get(shop.namespace, "configmaps", "-l", "teal.dev/part=journal");
    expect(items).toEqual([]);
  });

  test("who may do nothing is told of every right at once (3)", async () => {
    const shop = await opened();
    const kubeconfig = await cluster.serviceAccount(shop.namespace, []);
    const plan = await shop.tealAs({ kubeconfig }, "plan", "v1");
    expect(plan.code).toBe(3);
    for (const { resources, verbs } of REQUIRED)
      expect(plan.err).toContain(`you may not ${verbs.join(", ")} ${resources.join()}`);
    expect(plan.err).toContain("TEAL-K111, exit 3");
  });

  test("with exactly the Role that it asks for, a deployment and its rollback go through", async () => {
    const shop = await opened();
    const kubeconfig = await cluster.serviceAccount(shop.namespace, ROLE);
    const plan = await shop.tealAs({ kubeconfig }, "plan", "v1", "--json");
    const { findings } = resultOf(plan) as { findings: readonly { is: string; cause: { code: string } }[] };
    // That `kubectl apply` made the objects is another matter; and nodes are not in the namespace.
    const found = findings.filter(({ cause }) => !cause.code.startsWith("TEAL-K5"));
    expect(found.map(({ is }) => is)).toEqual(["unproven"]);
    for (const revision of ["v1", "v2"])
      expect(await shop.tealAs({ kubeconfig }, "deploy", revision)).toMatchObject({ code: 0, err: "" });
    expect((await shop.tealAs({ kubeconfig }, "rollback")).code).toBe(0);
    expect(await shop.live()).toBe("blue");
    const events = await cluster.get(
      shop.namespace,
      "events",
      "--field-selector",
      "involvedObject.name=shop",
    );
    const reasons = events.items.map((event: { reason: string }) => event.reason);
    expect(reasons).toEqual(expect.arrayContaining(["Cutover", "Deployed", "Reverted"]));
  });

  test("without a right to ConfigMaps, status still says what serves", async () => {
    const shop = await opened();
    expect((await shop.teal("deploy", "v1")).code).toBe(0);
    const seeing = ROLE.filter(({ resources }) =>
      ["deployments", "replicasets", "pods", "services", "endpointslices", "horizontalpodautoscalers"].some(
        (each) => resources.includes(each),
      ),
    );
    const kubeconfig = await cluster.serviceAccount(shop.namespace, seeing);
    const status = await shop.tealAs({ kubeconfig }, "status");
    expect(status.out).toContain("v1 serves on blue.");
    expect(status.out).toContain("The journal could not be read");
  });

  test("a Service that would reach the candidate before its checks is refused beforehand (3)", async () => {
    const labels = { "a-component": "web", app: "shop" };
    const shop = await opened({
      objects: [
        deployment("shop", "teal.test/web:v0", { replicas: 1, labels }),
        service("shop", { app: "shop" }),
      ],
    });
    const refused = await shop.teal("deploy", "v1");
    expect(refused.code).toBe(3);
    expect(refused.err).toContain("TEAL-K613");
    shop.configure({ target: "distinguish: app" });
    expect((await shop.teal("deploy", "v1")).code).toBe(0);
    // What served is blue.
    expect(await shop.live()).toBe("green");
  });

  test("a namespace without room for the candidate refuses it beforehand (3)", async () => {
    const shop = await opened();
    expect((await shop.teal("deploy", "v1")).code).toBe(0);
    await cluster.kubectl("create", "quota", "small", "-n", shop.namespace, "--hard=pods=3");
    await until("the quota to count", async () => {
      const quota = await cluster.get(shop.namespace, "resourcequota", "small");
      return quota.status?.used?.pods === "2";
    });
    const ran = await shop.teal("deploy", "v2");
    expect(ran.code).toBe(3);
    expect(ran.err).toContain("ResourceQuota small has no room for 2 more pods: pods 2 needed, 1 of 3 free");
    expect(ran.err).toContain("v1 serves on blue.");
  });
});

test("Ctrl-C lets go (130); another machine takes it back", async () => {
  const shop = await opened();
  expect((await shop.teal("deploy", "v1")).code).toBe(0);
  shop.configure({ strategy: "{ blueGreen: { bake: 60s, keepWarm: 0s, drain: 500ms } }" });
  const deploying = shop.start(["deploy", "v2"]);
  await until("the cutover", async () => deploying.output().includes("✓ cutover"));
  process.kill(deploying.pid, "SIGINT");
  const ran = await deploying.ended;
  expect(ran.code).toBe(130);
  expect(ran.out).toContain("r2 is open and can be resumed.");
  const aborted = await shop.tealAs({ machine: "elsewhere" }, "abort");
  expect(aborted.code).toBe(0);
  expect(aborted.out).toContain("v1 is live.");
  expect(await shop.live()).toBe("blue");
});
