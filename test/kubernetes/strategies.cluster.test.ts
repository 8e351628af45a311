import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, afterEach, expect, test } from "vitest";
import type { Answered } from "../../examples/load.ts";
import type { Moved } from "../../src/api/deploying.ts";
import { sharedCluster } from "../cluster/cluster.ts";
import { deployment, service } from "../cluster/objects.ts";
import { programsFolder } from "../cluster/place.ts";
import { startUsers } from "../cluster/users.ts";
import { eventsOf, failed, outcomeOf, Story, writes } from "./support.ts";
import { tell } from "../e2e/support.ts";

/* The strategies that need no second environment, there and back as a whole, while users ask all the time. */

const cluster = await sharedCluster();
afterAll(() => cluster.stop());

let story: Story | undefined;
afterEach(async () => {
  await story?.end();
  story = undefined;
});

/** As the documentation wants it: nodes hear of a pod's end while it still answers. */
const POD = { terminationGracePeriodSeconds: 8 };
const CONTAINER = { lifecycle: { preStop: { sleep: { seconds: 1 } } } };

/** Revision v1 serves with `replicas` pods; from now on deployments go by `strategy`. */
async function serving(replicas: number, strategy: string): Promise<Story> {
  const template = deployment("shop", "teal.test/web:v0", { replicas: 0, pod: POD, container: CONTAINER });
  const objects = [template, service("shop", { app: "shop" })];
  const opened = (story = await Story.open(cluster, { objects, target: `replicas: ${replicas}` }));
  await opened.serve("v1");
  await opened.shows("v1");
  opened.configure({ strategy });
  return opened;
}

/** Every selector that the Service has from now on, in order, each once. */
function watchSelectors({ namespace }: Story): { readonly stop: () => Promise<readonly unknown[]> } {
  const words = [
    "get",
    "service",
    "shop",
    "-n",
    namespace,
    "--watch",
    "-o",
    'jsonpath={.spec.selector}{"\\n"}',
  ];
  const env = { ...process.env, KUBECONFIG: cluster.kubeconfig };
  const child = spawn(join(programsFolder(), "kubectl"), words, {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const output = text(child.stdout);
  const stop = async () => {
    child.kill();
    const lines = (await output).split("\n").filter((line) => line !== "");
    return lines.filter((line, at) => line !== lines[at - 1]).map((line) => JSON.parse(line));
  };
  story?.finally(() => void child.kill("SIGKILL"));
  return { stop };
}

function expectDone(moved: Moved): void {
  expect(outcomeOf(moved), tell(moved)).toBeOneOf(["done", "warm"]);
}

/** Who answered, in the order of the requests, each change once. */
function runs(seen: readonly Answered[]): readonly string[] {
  const words = seen
    .toSorted((a, b) => a.at - b.at)
    .map(({ got, version }) => (got === 200 ? `${version}` : "nobody"));
  return words.filter((word, at) => word !== words[at - 1]);
}

const POOL = { "teal.dev/service": "shop" };
const BLUE = { ...POOL, "teal.dev/slot": "blue" };
const GREEN = { ...POOL, "teal.dev/slot": "green" };
const NOBODY = { ...POOL, "teal.dev/slot": "nobody" };

test("rolling: pod by pod in one pool, there and back; nobody is failed", async () => {
  const shop = await serving(3, "{ rolling: { batch: 1, bake: 300ms, drain: 500ms } }");
  const selectors = watchSelectors(shop);
  const users = await shop.users();

  const there = await shop.deploy("v2");
  expectDone(there);
  await shop.shows("v2");
  expect(writes(eventsOf(there))).toMatchInlineSnapshot(`
    [
      "forward ensure",
      "forward shift",
      "forward retire",
      "forward ensure",
      "forward retire",
      "forward ensure",
      "forward shift",
      "forward retire",
    ]
  `);
  expect(await shop.pods("green")).toHaveLength(3);
  expect(await shop.pods("blue")).toHaveLength(0);

  const back = await shop.rollback();
  expectDone(back);
  await shop.shows("v1");
  const seen = await users.stop();
  expect(failed(seen)).toEqual([]);
  expect(new Set(seen.map(({ version }) => version))).toEqual(new Set(["v1", "v2"]));
  expect(await selectors.stop()).toEqual([BLUE, POOL, GREEN, POOL, BLUE]);
  expect(await shop.pods("blue")).toHaveLength(3);
});

test("recreate: there and back, nobody is answered in the declared window only", async () => {
  const shop = await serving(2, "{ recreate: { bake: 300ms, drain: 500ms } }");
  const selectors = watchSelectors(shop);
  expectWindow(await during(shop, "v2", () => shop.deploy("v2")), "v1", "v2");
  expect(await shop.pods("blue")).toHaveLength(0);
  expectWindow(await during(shop, "v1", () => shop.rollback()), "v2", "v1");
  expect(await shop.pods("green")).toHaveLength(0);
  expect(await selectors.stop()).toEqual([BLUE, NOBODY, GREEN, NOBODY, BLUE]);
});

/** What users of one node saw until `revision` answers everywhere: there the window begins for all at one moment. */
async function during(
  shop: Story,
  revision: string,
  move: () => Promise<Moved>,
): Promise<readonly Answered[]> {
  const [node = ""] = cluster.nodes;
  const users = startUsers(cluster, { url: await shop.url(), rate: 40, node });
  await users.begun;
  expectDone(await move());
  await shop.shows(revision);
  return users.stop();
}

/** Connections that were open before may be answered in the window; before and after it nobody is failed. */
function expectWindow(seen: readonly Answered[], from: string, to: string): void {
  const fresh = seen.filter(({ kind }) => kind === "fresh");
  expect(runs(fresh)).toEqual([from, "nobody", to]);
  const begins = Math.max(...fresh.filter(({ version }) => version === from).map(({ at }) => at));
  const ends = Math.min(...seen.filter(({ version }) => version === to).map(({ at }) => at));
  expect(failed(seen.filter(({ at }) => at < begins || at > ends))).toEqual([]);
}
