import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Answered } from "../../../examples/load.ts";
import { sharedCluster } from "../../cluster/cluster.ts";
import { deployment } from "../../cluster/objects.ts";
import { until } from "../../e2e/processes.ts";
import { blueGreen, eventsOf, failed, outcomeOf, Story, verdicts, writes } from "../support.ts";

/*
 * One update as it should go, with users, nodes that hear late, and everything that people change meanwhile: the size of
 * live, the template's replicas and specification, a ConfigMap. Each test is one thing that the peers get wrong.
 */

const cluster = await sharedCluster();
let story: Story;
let told: Awaited<ReturnType<typeof update>>;

const COLOUR = { name: "COLOUR", valueFrom: { configMapKeyRef: { name: "shop-colours", key: "colour" } } };
const template = (image: string, replicas: number, env: readonly object[] = []) =>
  deployment("shop", image, {
    replicas,
    container: { env: [{ name: "SHOW", value: "COLOUR" }, COLOUR, ...env] },
  });
const colours = (colour: string) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "shop-colours" },
  data: { colour },
});
const autoscaler = {
  apiVersion: "autoscaling/v2",
  kind: "HorizontalPodAutoscaler",
  metadata: { name: "shop" },
  spec: {
    scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "shop" },
    minReplicas: 2,
    maxReplicas: 6,
  },
};
/** As a team that applies its Service on the server's side, with labels and ports of its own. */
const APPLIED = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "shop", labels: { team: "checkout" } },
  spec: { ports: [{ name: "http", port: 80, targetPort: "http" }] },
};

beforeAll(async () => {
  const selecting = { ...APPLIED, spec: { ...APPLIED.spec, selector: { app: "shop" } } };
  story = await Story.open(cluster, {
    objects: [colours("red"), template("teal.test/web:v0", 0), selecting, autoscaler],
    target: "replicas: 2, metrics: { port: http, inFlight: in_flight, requests: requests_total }",
  });
  told = await update();
}, 240_000);
afterAll(async () => {
  await Story.endAll();
  await cluster.stop();
});

async function update() {
  await story.serve("v1");
  await applyServerSide();
  const first = await story.uids("blue");
  const again = await story.deploy("v1");
  const afterAgain = await story.uids("blue");
  const idle = await story.abort();
  const replicasAfterIdle = await story.place.replicas("blue");

  // Specification, size and configuration change at once, while users are there.
  await cluster.delayNodes([0, 150, 50]);
  story.finally(() => cluster.delayNodes([]));
  const witness = await story.witness();
  const users = await story.users();
  await cluster.apply(
    story.namespace,
    colours("blue"),
    template("teal.test/web:v0", 5, [{ name: "EXTRA", value: "yes" }]),
  );
  story.place.configure({ strategy: blueGreen({ gate: "approval" }) });
  const waiting = await story.deploy("v2");
  await story.shows("v2", "shop-green");
  const atGate = {
    outcome: outcomeOf(waiting),
    users: await story.answer(),
    preview: await story.answer("/", "shop-green"),
    colour: { users: await story.answer("/show"), preview: await story.answer("/show", "shop-green") },
    blue: await story.place.replicas("blue"),
    green: await story.place.replicas("green"),
    uids: await story.uids("blue"),
    status: await story.status(),
    third: await story.deploy("v3"),
  };
  // The autoscaler lets live grow while the deployment waits.
  await story.patch("hpa/shop-blue", { spec: { minReplicas: 3 } });
  await until("live to have grown", async () => (await story.ready()).length === 3, 40_000);

  const promoted = await story.promote();
  await story.shows("v2");
  const afterCutover = {
    users: await story.answer(),
    colour: await story.answer("/show"),
    blue: await story.place.replicas("blue"),
    green: await story.place.replicas("green"),
    ready: await story.ready(),
  };
  const back = await story.rollback();
  await story.shows("v1");
  const afterBack = {
    users: await story.answer(),
    colour: await story.answer("/show"),
    blue: await story.place.replicas("blue"),
    green: await story.place.replicas("green"),
    uids: await story.uids("blue"),
    autoscaler: (await cluster.get(story.namespace, "hpa", "shop-blue")).spec,
  };
  const answers: readonly Answered[] = await users.stop();
  return {
    first,
    again,
    afterAgain,
    idle,
    replicasAfterIdle,
    atGate,
    promoted,
    afterCutover,
    back,
    afterBack,
    answers,
    complaints: await witness.verdict(),
    service: await cluster.get(story.namespace, "service", "shop", "--show-managed-fields"),
    reapplied: await applyServerSide(),
    history: await story.history(),
    events: await cluster.get(story.namespace, "events", "--field-selector", "involvedObject.kind=Service"),
  };
}

/** Without force: a conflict over a field is an error. */
async function applyServerSide(): Promise<string> {
  const file = `${story.place.folder}/service.json`;
  writeFileSync(file, JSON.stringify(APPLIED));
  return cluster.kubectl(
    "apply",
    "--server-side",
    "--field-manager=platform",
    "-n",
    story.namespace,
    "-f",
    file,
  );
}

test("no request is lost at a cutover and a rollback, though nodes hear late", () => {
  expect(told.answers.length).toBeGreaterThan(200);
  expect(failed(told.answers)).toEqual([]);
});

test("the selector never reaches nobody, two revisions, or fewer ready pods than before", () => {
  expect(told.complaints).toEqual([]);
});

test("the preview answers with the candidate before anybody else is sent there", () => {
  expect(told.atGate).toMatchObject({ outcome: "waiting", users: "v1", preview: "v2" });
});

test("a specification and a size changed together leave live as it is before the cutover", () => {
  expect(told.atGate).toMatchObject({ blue: 2, green: 2, uids: told.first });
});

test("a gate is a state with a deadline, and with commands that go on", () => {
  expect(told.atGate.status.open).toMatchObject({
    allowed: expect.arrayContaining(["promote", "abort"]),
    deployment: { state: { is: "waiting", for: "gate", until: expect.any(Number), otherwise: "revert" } },
  });
});

test("a third revision does not push aside a second that waits", () => {
  expect(told.atGate.third).toMatchObject({ is: "busy", by: expect.stringContaining("v2") });
});

test("live that its autoscaler let grow in the middle meets a candidate of that size", () => {
  expect(outcomeOf(told.promoted)).toBe("warm");
  expect(told.afterCutover).toMatchObject({ users: "v2", blue: 3, green: 3 });
  expect(told.afterCutover.ready).toHaveLength(3);
});

test("bounds that somebody gives an autoscaler in the middle of a deployment are kept", () => {
  expect(told.afterBack.autoscaler).toMatchObject({ minReplicas: 3, maxReplicas: 6 });
});

test("a rollback inside the window asks no checks and starts nothing", () => {
  expect(outcomeOf(told.back)).toBe("reverted");
  const back = eventsOf(told.back).filter((event) => event.kind === "verdict" && event.dir === "back");
  expect(verdicts(back).join()).not.toContain("probe");
  expect(told.afterBack).toMatchObject({ users: "v1", blue: 3 });
  expect(told.afterBack.uids).toEqual(expect.arrayContaining([...told.first]));
});

test("after a rollback the candidate's slot is taken down, and nothing is stuck", async () => {
  expect(told.afterBack.green).toBe(0);
  expect((await story.status()).open).toBeUndefined();
});

test("a ConfigMap comes with the code, and goes back with it", () => {
  expect(told.atGate.colour).toEqual({ users: "red", preview: "blue" });
  expect(told.afterCutover.colour).toBe("blue");
  expect(told.afterBack.colour).toBe("red");
});

test("the same revision again changes nothing: no hash of Teal's decides over pods", () => {
  expect(told.again).toMatchObject({ is: "unchanged", slot: "blue" });
  expect(told.afterAgain).toEqual(told.first);
});

test("an abort with nothing under way scales nothing", () => {
  expect(told.idle).toEqual({ is: "none" });
  expect(told.replicasAfterIdle).toBe(2);
});

test("what somebody applied on the server's side stays theirs, and applies again without a conflict", () => {
  const owner = told.service.metadata.managedFields.find(
    ({ manager }: { manager: string }) => manager === "platform",
  );
  expect(Object.keys(owner.fieldsV1["f:spec"])).toEqual(["f:ports"]);
  expect(owner.fieldsV1["f:metadata"]).toMatchObject({ "f:labels": { "f:team": {} } });
  expect(told.reapplied).toContain("serverside-applied");
});

test("an update is one exact sequence: of steps, of writes, of Events", () => {
  expect(verdicts(eventsOf(told.promoted))).toEqual([
    "ensure-green pass",
    "probe-green pass",
    "gate-1-approval inconclusive",
    "shift-green-100 pass",
    "confirm-green-100 pass",
    "bake-green pass",
    "restore pass",
    "warm-blue pass",
  ]);
  // The second ensure is for the size that live has grown to; two autoscalers are given back.
  expect(writes(eventsOf(told.back))).toEqual([
    "forward ensure",
    "forward ensure",
    "forward shift",
    "forward restore",
    "forward restore",
    "back shift",
    "back retire",
  ]);
  const reasons = told.events.items.map(({ reason }: { reason: string }) => reason);
  // v1's and v2's cutover; Events have whole seconds, so not their order.
  expect(reasons.toSorted()).toEqual(["Cutover", "Cutover", "Deployed", "DeploymentReverted", "Reverted"]);
});

test("each step's duration is on record", () => {
  expect(told.history.map(({ revision, outcome }) => `${revision} ${outcome}`)).toEqual([
    "v2 reverted",
    "v1 done",
  ]);
  const [reverted] = told.history;
  expect(Object.keys(reverted?.durations ?? {})).toEqual(expect.arrayContaining(["ensure-green", "total"]));
});
