import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, expect, test } from "vitest";
import { sharedCluster } from "../cluster/cluster.ts";
import { startFaultProxy, type FaultProxy, type Which } from "../cluster/fault-proxy.ts";
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
  await witness?.close();
  await proxy?.stop();
  await place?.dispose();
  place = proxy = witness = undefined;
});

const baking = (time: string) => `{ blueGreen: { bake: ${time}, keepWarm: 10m, drain: 500ms } }`;
/** They last for two seconds, so that each line about the deployment comes well before the next. */
const CHECKS =
  "{ ready: /health, window: { of: 20, passes: 10, consecutive: 10, interval: 200ms, deadline: 60s } }";

/** v1 serves and v2 is deployed; a network that can be cut, and a witness beside it. */
async function opened(bake = "2s") {
  const shop = (place = await Place.open(cluster, { strategy: baking("500ms") }));
  expect((await shop.teal("deploy", "v1")).code).toBe(0);
  shop.configure({ strategy: baking(bake), health: CHECKS });
  const network = (proxy = await startFaultProxy({ upstream: cluster.kubeconfig }));
  const watch = (witness = await Witness.open(cluster, shop.namespace));
  const deploying = shop.start(["deploy", "v2"], { kubeconfig: network.kubeconfig });
  const says = (words: string) => until(words, () => deploying.output().includes(words), 60_000);
  return { shop, network, watch, deploying, says };
}
type Opened = Awaited<ReturnType<typeof opened>>;

/** Nothing gets through any more, in neither direction, and nobody says so. */
function cut(network: FaultProxy): void {
  network.rate(1, [{ is: "dead" }]);
  network.cut("reset");
}

/** Whatever waits for an answer learns at once that none comes, and the next attempt gets through. */
function mend(network: FaultProxy): void {
  network.clear();
  network.cut("reset");
}

/** The first request of a kind is lost, and all that come after it. */
async function cutAt({ network }: Opened, which: Which): Promise<void> {
  network.rate(1, [{ is: "dead" }], which);
  await until(`a request to ${JSON.stringify(which)}`, () => network.happened()["dead"] !== undefined);
  cut(network);
}

/** Writes that the server carried out; what it refused changed nothing, and an Event only tells of something. */
function written(network: FaultProxy): readonly string[] {
  return network
    .answers()
    .filter(
      ({ info: { verb, resource }, status }) =>
        status < 300 && !["get", "list", "watch"].includes(verb) && resource !== "events",
    )
    .map(({ info: { verb, resource } }) => `${verb} ${resource}`);
}

// The lease lasts for 15 s and is renewed every 5 s: at the cut at least 10 s of it are left.
test.each(["live: blue", "✓ start", "✓ checks", "✓ cutover"])(
  "four seconds without an API server after %j: the deployment goes on by itself, and ends well",
  async (words) => {
    const { shop, network, watch, deploying, says } = await opened();
    await says(words);
    cut(network);
    await sleep(4_000);
    mend(network);
    const { code, out, err } = await deploying.ended;
    expect(code, `${out}${err}`).toBe(0);
    expect(out).toContain("v2 is live on green.");
    expect(await shop.live()).toBe("green");
    const status = await shop.tealAs({ machine: "elsewhere" }, "status");
    expect(status.out).toContain("v2 serves on green.");
    expect(await watch.verdict()).toEqual([]);
  },
);

const MOMENTS: readonly [string, string, Which, string][] = [
  ["the candidate is to start", "live: blue", {}, "v1 serves on blue."],
  // The Service is patched once more, to send users to the candidate.
  [
    "users are to be moved",
    "✓ start",
    { verb: "patch", resource: "services", name: "shop" },
    "v1 serves on blue.",
  ],
  ["users are watched", "✓ cutover", {}, "v2 serves on green."],
];

test.each(MOMENTS)(
  "no API server for as long as the lease lasts, from when %s: it gives up and says so, and anybody goes on",
  { timeout: 200_000 },
  async (_, words, which, serves) => {
    const story = await opened("5s");
    const { shop, network, watch, deploying, says } = story;
    await says(words);
    await cutAt(story, which);
    const before = written(network);
    const { code, out, err } = await deploying.ended;
    expect(code, `${out}${err}`).toBe(5);
    // The lease's end is noticed by its own clock, or by a journal that cannot be reached: whichever is asked first.
    expect(err).toMatch(/What serves could not be seen\.\nNext: teal status\nTEAL-(?:K120|D130), exit 5/u);
    network.clear();
    const status = await shop.tealAs({ machine: "elsewhere" }, "status");
    expect(status.out).toContain(serves);
    expect(status.out).toContain("Next: teal resume");
    // Nobody was left behind who goes on by himself.
    expect(written(network)).toEqual(before);
    const resumed = await shop.tealAs({ machine: "elsewhere" }, "resume");
    expect(resumed.code, `${resumed.out}${resumed.err}`).toBe(0);
    expect(resumed.out).toContain("v2 is live on green.");
    expect(await shop.live()).toBe("green");
    expect(await watch.verdict()).toEqual([]);
  },
);

test(
  "whoever slept for longer than the lease lasts writes nothing more; another machine went back meanwhile",
  { timeout: 200_000 },
  async () => {
    const { shop, network, watch, deploying, says } = await opened("90s");
    await says("✓ cutover");
    process.kill(deploying.pid, "SIGSTOP");
    network.cut("reset");
    // It waits until the heartbeat stayed away for the whole time of the lease.
    const aborted = await shop.tealAs({ machine: "elsewhere" }, "abort", "--wait-lock", "60s");
    expect(aborted.code, `${aborted.out}${aborted.err}`).toBe(0);
    expect(aborted.out).toContain("v1 is live.");
    const before = written(network);
    process.kill(deploying.pid, "SIGCONT");
    const { code, out, err } = await deploying.ended;
    // By its own clock its lease is lost (5), unless it hears first that the deployment was ended by somebody else (4).
    expect([4, 5], `${out}${err}`).toContain(code);
    expect(`${out}${err}`).toMatch(/v1 (?:serves on blue|is live)/u);
    expect(written(network)).toEqual(before);
    expect(await shop.live()).toBe("blue");
    expect(await shop.replicas("green")).toBe(0);
    expect(await watch.verdict()).toEqual([]);
  },
);
