import { once } from "node:events";
import http from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { standardShop, type Shop } from "../../../test/aws-sim/shop.ts";
import { startSimulator, type Simulator } from "../../../test/aws-sim/simulator.ts";
import { instant, millis, type Slot } from "../../core/units.ts";
import type { AwsApi } from "./api/api.ts";
import { connectAws } from "./api/connect.ts";
import { inferFrom } from "./infer.ts";
import { createMetrics } from "./metrics.ts";

/* What users got, by CloudWatch, from requests that really went through the simulated load balancer. */

const SPEED = 120;
const MINUTE = 60_000;
let simulator: Simulator;
let shop: Shop;
let api: AwsApi;
const now = () => simulator.clock.now();

beforeAll(async () => {
  simulator = await startSimulator({ speed: SPEED, throttling: "off" });
  shop = await standardShop(simulator);
  const connected = await connectAws(
    { account: simulator.account },
    { environment: simulator.environment(), now },
  );
  if (connected.is === "failed") throw new Error(connected.cause.message);
  api = connected.api;
});
afterAll(async () => {
  await api.close();
  await simulator.stop();
});

function metrics() {
  const inferred = inferFrom(api, {
    service: "shop",
    environment: "production",
    account: simulator.account,
    listeners: ["shop-alb:8080"],
    match: { host: "shop.example" },
    template: { by: "image" },
    reach: { by: "address" },
    sticky: "wait",
    propagation: millis(1_000),
  });
  return createMetrics(
    api,
    async (signal) => {
      const sought = await inferred.found({ signal, purse: "plan" });
      return sought.is === "found" ? sought.found : sought.cause;
    },
    now,
  );
}

async function users(requests: number, path: string): Promise<void> {
  const [node] = simulator.elb.nodes(shop.loadBalancer.arn);
  for (let sent = 0; sent < requests; sent++) {
    const request = http.get({ host: node!.address, port: 8080, path, headers: { host: "shop.example" } });
    const [response] = (await once(request, "response")) as [http.IncomingMessage];
    response.resume();
    await once(response, "end");
  }
}

test("a stretch of the past is told once it is complete, for each slot, with what failed", async () => {
  const source = metrics();
  const signal = AbortSignal.timeout(20_000);
  const from = instant(now());
  await users(12, "/");
  await users(3, "/status?code=500");
  const to = instant(now());
  await simulator.clock.sleep(source.history!.lag);
  const served = (slot: Slot) => source.history!.served(slot, from, to, signal);
  expect(await served("blue")).toMatchObject({ is: "seen", value: { requests: 15, failed: 3 } });
  expect(await served("green")).toMatchObject({ is: "seen", value: { requests: 0, failed: 0 } });
  const before = await source.history!.served(
    "blue",
    instant(from - 60 * MINUTE),
    instant(from - 30 * MINUTE),
    signal,
  );
  expect(before).toMatchObject({ value: { requests: 0 } });
});

test("counters of this process grow, and are not asked for at every look", async () => {
  const source = metrics();
  const signal = AbortSignal.timeout(20_000);
  // A minute of which the beginning is not this process's would count what was before.
  await users(5, "/");
  await simulator.clock.sleep(3 * MINUTE);
  const first = await source.traffic("blue", signal);
  if (first.is !== "seen") throw new Error(first.cause.message);
  expect(first.value).toMatchObject({ errors: 0, lost: 0 });
  expect(first.value.requests).toBeGreaterThanOrEqual(5);
  const asked = simulator.recorded.length;
  for (let look = 0; look < 20; look++) await source.traffic("blue", signal);
  // 20 s of the account are 167 ms here: however slow these looks were, not each of them asked.
  expect(simulator.recorded.length - asked).toBeLessThan(3 * 20);
});
