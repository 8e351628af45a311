import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, onTestFailed, onTestFinished, test } from "vitest";
import { sharedCluster } from "../../../../test/cluster/cluster.ts";
import { ask, startUsers } from "../../../../test/cluster/users.ts";
import { until } from "../../../../test/e2e/processes.ts";
import type { Evidence, Residual } from "../../../core/observed.ts";
import { allTo, NOBODY, type Weights } from "../../../core/routing.ts";
import { millis, type Slot } from "../../../core/units.ts";
import type { TrafficRouter } from "../../../ports/router.ts";
import type { Api } from "../api/api.ts";
import { slotLabels } from "../names.ts";
import type { KubernetesSettings } from "../settings.ts";
import { createServiceRouter } from "./router.ts";
import { apiOf, applyLive, applySlots, as, NEVER, settingsOf } from "./test-support.ts";

const cluster = await sharedCluster();
const apis: Api[] = [];
let namespace = "";

beforeAll(async () => {
  namespace = await cluster.namespace("traffic");
  await applySlots(cluster, namespace);
});
afterAll(() => {
  for (const api of apis) api.close();
});

async function live(changes: Partial<KubernetesSettings> = {}) {
  await cluster.kubectl("delete", "lease", "teal-shop", "-n", namespace, "--ignore-not-found");
  const { name, url } = await applyLive(cluster, namespace, slotLabels("shop", "blue"));
  const settings = settingsOf(namespace, cluster.kubeconfig, name, changes);
  const api = await apiOf(settings);
  apis.push(api);
  for (const node of cluster.nodes) await shows(url, "blue", node);
  return { url, router: createServiceRouter(api, settings) };
}

const answer = async (url: string, node?: string) =>
  (await ask(cluster, url, node).catch(String)).split(" ")[0];
const shows = (url: string, slot: Slot, node: string) =>
  until(`${node} to send users to ${slot}`, async () => (await answer(url, node)) === slot);

async function shift(router: TrafficRouter, to: Weights): Promise<void> {
  expect((await router.shift(to, "any", as(1))).is).toBe("applied");
}

/** Looks as the engine does, until traffic has moved; every detail on the way there. */
async function confirmed(router: TrafficRouter, to: Weights, meanwhile: () => Promise<unknown>) {
  const details: string[] = [];
  let last: Evidence | undefined;
  await until(`traffic to follow ${JSON.stringify(to)}`, async () => {
    const look = await router.sample(to, NEVER);
    if (look.is === "seen") details.push((last = look.value).detail);
    await meanwhile();
    return last?.moved === true;
  });
  return { details, evidence: last as Evidence };
}

async function residual(router: TrafficRouter, slot: Slot): Promise<Residual> {
  // Pods are not asked for their metrics more often.
  await sleep(300);
  const read = await router.residual(slot, NEVER);
  if (read.is !== "seen") throw new Error(read.cause.message);
  return read.value;
}

/** Users of one kept HTTP connection and one WebSocket: which slot answered each of their requests. */
function keepConnections(url: string) {
  const script = `
    const kept = [], socket = [];
    const agent = new (require("node:http").Agent)({ keepAlive: true, maxSockets: 1 });
    const web = new WebSocket(process.argv[1].replace("http", "ws"));
    web.onmessage = ({ data }) => socket.push(data.split(" ")[0]);
    const ask = () => {
      if (web.readyState === WebSocket.OPEN) web.send("still there?");
      require("node:http").get(process.argv[1], { agent }, (answer) => {
        kept.push(answer.headers["x-revision"]);
        answer.resume();
      }).on("error", (error) => kept.push(error.code));
      if (kept.length > 4 && socket.length > 4) console.error("begun");
    };
    const timer = setInterval(ask, 50);
    process.stdin.on("end", () => {
      console.log(JSON.stringify({ kept, socket }));
      process.exit();
    }).resume();
  `;
  const [program = "", ...args] = cluster.asClient([process.execPath, "-e", script, url]);
  const child = spawn(program, args, { stdio: "pipe", timeout: 300_000 });
  onTestFinished(() => void child.kill());
  const output = text(child.stdout);
  return {
    begun: new Promise((resolve) => child.stderr.once("data", resolve)),
    end: async () => {
      child.stdin.end();
      return JSON.parse(await output) as { kept: readonly string[]; socket: readonly string[] };
    },
  };
}

describe("a shift under users", () => {
  test("moves new connections, leaves established ones, loses nothing, and says which of it is proven", async () => {
    const { url, router } = await live();
    const users = startUsers(cluster, { url, rate: 100 });
    // Whose requests would be counted in the tests that follow.
    onTestFailed(() => void users.stop());
    const faithful = keepConnections(url);
    await until("blue's users", async () => ((await residual(router, "blue")).newRequests ?? 0) > 200);
    await faithful.begun;
    await shift(router, allTo("green"));
    const { evidence } = await confirmed(router, allTo("green"), () => sleep(50));
    // Kept connections go on asking blue, so no counter can show that nobody new does.
    expect(evidence).toEqual({
      strength: "endpoints",
      moved: true,
      detail: "2 ready endpoints, all of green; every node follows within 1500 ms (declared)",
      missing: expect.stringMatching(/^blue began \d+ more requests: connections that its clients keep/),
    });
    for (const node of cluster.nodes) await shows(url, "green", node);
    const { kept, socket } = await faithful.end();
    expect(kept.length).toBeGreaterThan(20);
    expect(new Set(kept)).toEqual(new Set(["blue"]));
    expect(socket.length).toBeGreaterThan(20);
    expect(new Set(socket)).toEqual(new Set(["blue"]));
    const seen = await users.stop();
    expect(seen.length).toBeGreaterThan(200);
    expect(seen.filter(({ got }) => got !== 200)).toEqual([]);
  });

  test("is confirmed by counters where no client keeps its connection", async () => {
    const { url, router } = await live({ propagation: millis(60_000) });
    await shift(router, allTo("green"));
    const { evidence } = await confirmed(router, allTo("green"), () => answer(url));
    expect(evidence).toEqual({
      strength: "counters",
      moved: true,
      detail: expect.stringMatching(
        /^2 ready endpoints, all of green; blue began no request while green began \d+$/,
      ),
    });
  });

  test("is not confirmed while one node lags behind and its users still reach the previous slot", async () => {
    const { url, router } = await live({ propagation: millis(600_000) });
    const [, second = ""] = cluster.nodes;
    onTestFinished(() => cluster.delayNodes([]));
    await cluster.delayNodes([0, 600_000, 0]);
    await shift(router, allTo("green"));
    for (let look = 0; look < 15; look++) {
      expect(await answer(url, second)).toBe("blue");
      await answer(url);
      expect(await router.sample(allTo("green"), NEVER)).toMatchObject({ value: { moved: false } });
      await sleep(100);
    }
    await cluster.delayNodes([]);
    const { evidence } = await confirmed(router, allTo("green"), () => answer(url, second));
    expect(evidence.strength).toBe("counters");
    expect(await answer(url, second)).toBe("green");
  });

  test("without counters the configured bound stands for the nodes, and the evidence says so", async () => {
    const { metrics: _none, ...bare } = settingsOf(namespace, cluster.kubeconfig, "");
    const made = await applyLive(cluster, namespace, slotLabels("shop", "blue"));
    const settings = { ...bare, routing: { by: "service" as const, service: made.name } };
    const api = await apiOf(settings);
    apis.push(api);
    const router = createServiceRouter(api, settings);
    await shift(router, allTo("green"));
    const { evidence, details } = await confirmed(router, allTo("green"), () => sleep(50));
    expect(details).toContain(
      "2 ready endpoints, all of green; waiting: every node follows within 1500 ms (declared)",
    );
    expect(evidence).toMatchObject({
      strength: "endpoints",
      detail: "2 ready endpoints, all of green; every node follows within 1500 ms (declared)",
      missing: "metrics.requests is not declared, so nobody counts what the nodes still send",
    });
    expect(await router.residual("blue", NEVER)).toMatchObject({ is: "seen", value: {} });
  });

  test("to nobody closes the door, until the next one", async () => {
    const { url, router } = await live();
    await shift(router, NOBODY);
    await confirmed(router, NOBODY, () => sleep(50));
    await expect(ask(cluster, url)).rejects.toThrow();
    await shift(router, allTo("green"));
    for (const node of cluster.nodes) await shows(url, "green", node);
  });

  test("to the pool lets both slots answer", async () => {
    const { url, router } = await live();
    await shift(router, "pool");
    const { evidence } = await confirmed(router, "pool", () => sleep(50));
    expect(evidence.detail).toContain("4 ready endpoints, all of blue or green");
    const answered = new Set<string | undefined>();
    await until("both slots to answer", async () => answered.add(await answer(url)).size === 2);
    expect(answered).toEqual(new Set(["blue", "green"]));
  });
});

describe("what a slot still works on", () => {
  test("is counted while it lasts, though its traffic is gone", async () => {
    const { url, router } = await live();
    const slow = ask(cluster, `${url}/slow?ms=9000`);
    await until("the slow request to begin", async () => (await residual(router, "blue")).inFlight === 1);
    await shift(router, allTo("green"));
    expect((await residual(router, "blue")).inFlight).toBe(1);
    expect((await slow).split(" ")[0]).toBe("blue");
    await until("it to end", async () => (await residual(router, "blue")).inFlight === 0);
  });

  test("is unreadable, not nothing, when a pod lacks a declared metric", async () => {
    const { router } = await live({ metrics: { port: "http", path: "/metrics", inFlight: "in_flght" } });
    const read = await router.residual("blue", NEVER);
    expect(read).toMatchObject({
      is: "unreadable",
      cause: { code: "TEAL-K310", message: expect.stringContaining("lacks a declared metric") },
    });
  });

  test("is nothing when none of its pods runs, counters or not", async () => {
    const { router } = await live();
    await cluster.kubectl("scale", "deployment/shop-green", "-n", namespace, "--replicas=0");
    await until(
      "green to be gone",
      async () => (await residual(router, "green").catch(() => ({}) as Residual)).inFlight === 0,
    );
    expect(await residual(router, "green")).toEqual({ inFlight: 0, newRequests: 0 });
    await cluster.kubectl("scale", "deployment/shop-green", "-n", namespace, "--replicas=2");
    await cluster.kubectl("rollout", "status", "deployment/shop-green", "-n", namespace, "--timeout=60s");
  });
});
