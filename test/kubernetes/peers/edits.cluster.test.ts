import { afterAll, afterEach, expect, test } from "vitest";
import { sharedCluster } from "../../cluster/cluster.ts";
import { deployment, service } from "../../cluster/objects.ts";
import { until } from "../../e2e/processes.ts";
import { tell } from "../../e2e/support.ts";
import { blueGreen, eventsOf, outcomeOf, Story } from "../support.ts";

/* What people do by hand in the middle, and templates of an odd size. */

const cluster = await sharedCluster();
let story: Story;
afterEach(() => Story.endAll());
afterAll(() => cluster.stop());

const GATED = blueGreen({ gate: "approval" });

test("an edit of live's own specification in the middle of a deployment stays live's, and an abort leaves it", async () => {
  story = await Story.open(cluster);
  await story.serve("v1");
  story.configure({ strategy: GATED });
  expect(outcomeOf(await story.deploy("v2"))).toBe("waiting");
  await cluster.kubectl("set", "env", "deployment/shop-blue", "-n", story.namespace, "REVISION=v1-edited");
  await cluster.kubectl("rollout", "status", "deployment/shop-blue", "-n", story.namespace, "--timeout=40s");
  await story.shows("v1-edited");
  const green = await story.uids("green");
  const status = await story.status();
  expect(status.serves).toMatchObject({ slot: "blue", weights: { blue: 100, green: 0 } });
  const moved = await story.abort();
  expect(outcomeOf(moved), tell(moved)).toBe("reverted");
  // The edited slot cannot be made what it was while it serves; that is found out once, not until a deadline.
  const refused = eventsOf(moved).filter((each) => each.kind === "outcome" && each.result === "rejected");
  expect(refused.length).toBeLessThanOrEqual(1);
  expect(await story.place.replicas("green")).toBe(0);
  expect(green).toHaveLength(2);
  await story.shows("v1-edited");
});

test("a selector that somebody writes in the middle is reported, not fought over", async () => {
  story = await Story.open(cluster);
  await story.serve("v1");
  story.configure({ strategy: GATED });
  expect(outcomeOf(await story.deploy("v2"))).toBe("waiting");
  await story.patch("service/shop", { spec: { selector: { "teal.dev/slot": "green" } } });
  const promoted = await story.promote();
  // It stops, says so, and nothing of it goes on by itself.
  expect(promoted).toMatchObject({ is: "waiting", deployment: { state: { is: "waiting", for: "drift" } } });
  expect((await story.status()).open?.allowed).toEqual(expect.arrayContaining(["abort", "resume"]));
  expect(outcomeOf(await story.abort())).toBe("reverted");
  await story.shows("v1");
});

test("an abort, the same revision again, and its promotion", async () => {
  story = await Story.open(cluster);
  await story.serve("v1");
  story.configure({ strategy: GATED });
  expect(outcomeOf(await story.deploy("v2"))).toBe("waiting");
  expect(outcomeOf(await story.abort())).toBe("reverted");
  expect(await story.place.replicas("green")).toBe(0);
  expect(outcomeOf(await story.deploy("v2"))).toBe("waiting");
  const promoted = await story.promote();
  expect(outcomeOf(promoted), tell(promoted)).toBe("warm");
  await story.shows("v2");
});

test("44 Secrets are one copy each, and their values come and go with the revision", async () => {
  const names = Array.from({ length: 44 }, (_, at) => `secret-${at}`);
  const secret = (name: string, value: string) => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name },
    stringData: { value },
  });
  const env = names.map((name, at) => ({
    name: `VALUE_${at}`,
    valueFrom: { secretKeyRef: { name, key: "value" } },
  }));
  story = await Story.open(cluster, {
    objects: [
      ...names.map((name) => secret(name, `first-${name}`)),
      deployment("shop", "teal.test/web:v0", {
        replicas: 0,
        container: { env: [...env, { name: "SHOW", value: "VALUE_43" }] },
      }),
      service("shop", { app: "shop" }),
    ],
  });
  await story.serve("v1");
  const copies = async () => {
    const { items } = await cluster.get(story.namespace, "secrets", "-l", "teal.dev/service=shop");
    return items.map(({ metadata }: { metadata: { name: string } }) => metadata.name);
  };
  expect((await copies()).filter((name: string) => name.startsWith("secret-"))).toHaveLength(44);
  expect(await story.answer("/show")).toBe("first-secret-43");
  await cluster.apply(story.namespace, secret("secret-43", "second"));
  await story.serve("v2");
  await story.shows("v2");
  expect(await story.answer("/show")).toBe("second");
  // Only what changed is copied again.
  expect((await copies()).filter((name: string) => name.startsWith("secret-"))).toHaveLength(45);
  expect(outcomeOf(await story.rollback())).toBe("reverted");
  await story.shows("v1");
  expect(await story.answer("/show")).toBe("first-secret-43");
});

test("a template that the API server refuses changes nothing; corrected, it goes live", async () => {
  story = await Story.open(cluster, { from: "{ file: shop.yaml }" });
  const write = (port: number) =>
    story.write(
      "shop.yaml",
      JSON.stringify(
        deployment("shop", "teal.test/web:v0", {
          replicas: 2,
          container: { ports: [{ name: "http", containerPort: port }] },
        }),
      ),
    );
  write(99_999);
  const refused = await story.deploy("v1");
  expect(refused, tell(refused)).toMatchObject({ is: "refused" });
  expect(await story.place.replicas("blue")).toBeUndefined();
  write(8080);
  await story.serve("v1");
  await until("both pods to be reached", async () => (await story.ready()).length === 2);
});
