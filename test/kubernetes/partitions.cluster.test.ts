import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, expect, test } from "vitest";
import { sharedCluster } from "../cluster/cluster.ts";
import { startFaultProxy, type FaultProxy } from "../cluster/fault-proxy.ts";
import { until } from "../e2e/processes.ts";
import { Place } from "./place.ts";
import { Witness } from "./witness.ts";

/* The API server is out of reach in the middle of a deployment; pods and users go on as if nothing was. */

const cluster = await sharedCluster();
afterAll(() => cluster.stop());

let place: Place | undefined;
let proxy: FaultProxy | undefined;
let witness: Witness | undefined;
afterEach(async () => {
  await witness?.verdict();
  await proxy?.stop();
  await place?.dispose();
  place = proxy = witness = undefined;
});

const BAKING = "{ blueGreen: { bake: 2s, keepWarm: 10m, drain: 500ms } }";

/** v1 serves; a network that can be cut, and a witness beside it. */
async function opened(strategy = BAKING) {
  const shop = (place = await Place.open(cluster, { strategy: BAKING }));
  expect((await shop.teal("deploy", "v1")).code).toBe(0);
  shop.configure({ strategy });
  const network = (proxy = await startFaultProxy({ upstream: cluster.kubeconfig }));
  const watch = (witness = await Witness.open(cluster, shop.namespace));
  const deploying = shop.start(["deploy", "v2"], { kubeconfig: network.kubeconfig });
  const says = (words: string) => until(words, () => deploying.output().includes(words), 30_000);
  return { shop, network, watch, deploying, says };
}

/** Nothing gets through any more, in neither direction, and nobody says so. */
function cut(network: FaultProxy): void {
  network.rate(1, [{ is: "dead" }]);
  network.cut("reset");
}

test.each(["live: blue", "✓ start", "✓ checks", "✓ cutover"])(
  "ten seconds without an API server after %j: the deployment ends, or says how to go on, with one slot live",
  async (words) => {
    const { shop, network, watch, deploying, says } = await opened();
    await says(words);
    cut(network);
    await sleep(10_000);
    network.clear();
    const { code, out, err } = await deploying.ended;
    expect(code, `${out}${err}`).toBeOneOf([0, 4, 5]);
    // The journal was out of reach for too long: it says who serves, and anybody goes on from anywhere.
    if (code === 5) {
      expect(out + err).toContain("v1 serves on blue.");
      expect((await shop.tealAs({ machine: "elsewhere" }, "resume")).code).toBe(0);
    }
    const moved = code !== 4;
    if (code !== 5) expect(out).toContain(moved ? "v2 is live on green." : "v1");
    expect(await shop.live()).toBe(moved ? "green" : "blue");
    const status = await shop.tealAs({ machine: "elsewhere" }, "status");
    expect(status.out).toContain(moved ? "v2 serves on green." : "v1 serves on blue.");
    expect(await watch.verdict()).toEqual([]);
  },
);

test(
  "whoever was away for longer than the lease lasts writes nothing more; another machine went back meanwhile",
  { timeout: 200_000 },
  async () => {
    const strategy = "{ blueGreen: { bake: 90s, keepWarm: 10m, drain: 500ms } }";
    const { shop, network, watch, deploying, says } = await opened(strategy);
    await says("✓ cutover");
    cut(network);
    // It waits until the heartbeat stayed away for the whole time of the lease.
    const aborted = await shop.tealAs({ machine: "elsewhere" }, "abort", "--wait-lock", "60s");
    expect(aborted.code, `${aborted.out}${aborted.err}`).toBe(0);
    expect(aborted.out).toContain("v1 is live.");
    network.clear();
    const before = network.answers().length;
    const { code, out, err } = await deploying.ended;
    expect(code, `${out}${err}`).toBeOneOf([4, 5]);
    const written = network
      .answers()
      .slice(before)
      .filter(({ info: { verb, resource }, status }) => {
        const asks = ["get", "list", "watch"].includes(verb) || resource === "events";
        return !asks && status < 300;
      });
    expect(written).toEqual([]);
    expect(await shop.live()).toBe("blue");
    expect(await shop.replicas("green")).toBe(0);
    expect(await watch.verdict()).toEqual([]);
  },
);
