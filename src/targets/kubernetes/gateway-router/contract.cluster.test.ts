import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll } from "vitest";
import { sharedCluster } from "../../../../test/cluster/cluster.ts";
import { startFaultProxy } from "../../../../test/cluster/fault-proxy.ts";
import { askMany } from "../../../../test/cluster/gateway/asking.ts";
import { startGateway, type TestGateway } from "../../../../test/cluster/gateway/start.ts";
import { routerContract } from "../../../../test/contract/router.ts";
import { systemClock } from "../../../state/system-clock.ts";
import { apiOf } from "../service-router/test-support.ts";
import { createGatewayRouter } from "./router.ts";
import { applyGateway, applyRoute, gatewaySettings } from "./test-support.ts";

const cluster = await sharedCluster();
let gateway: TestGateway;
let namespace = "";
let url = "";

beforeAll(async () => {
  gateway = await startGateway(cluster);
  namespace = await cluster.namespace("gateway");
  url = await applyGateway(cluster, namespace);
}, 120_000);

afterAll(async () => {
  await gateway.stop();
  await cluster.stop();
});

routerContract(
  "HTTPRoute",
  async () => {
    // Fences begin anew with every case.
    await cluster.kubectl("delete", "lease", "teal-shop", "-n", namespace, "--ignore-not-found");
    const route = await applyRoute(cluster, namespace);
    const proxy = await startFaultProxy({ upstream: cluster.kubeconfig });
    const settings = gatewaySettings(namespace, proxy.kubeconfig, route);
    const api = await apiOf(settings);
    return {
      clock: systemClock,
      settle: 0,
      patience: 30_000,
      router: createGatewayRouter(api, settings),
      cutOff: async () => {
        proxy.rate(1, [{ is: "reset", when: "before" }]);
        proxy.cut("reset");
        // What the watch brought a moment ago is still true for a moment.
        await sleep(1_500);
      },
      traffic: async () => {
        await askMany(cluster, { url, count: 3 });
        // The pods are not asked for their counters more often than that.
        await sleep(300);
      },
      end: async () => {
        api.close();
        await proxy.stop();
        await cluster.kubectl("delete", "httproute", route, "-n", namespace);
      },
    };
  },
  {
    skip: { "a pool lets both slots share the traffic": "an HTTPRoute divides by weights, not by readiness" },
  },
);
