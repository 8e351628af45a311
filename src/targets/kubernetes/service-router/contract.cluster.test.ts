import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll } from "vitest";
import { sharedCluster } from "../../../../test/cluster/cluster.ts";
import { startFaultProxy } from "../../../../test/cluster/fault-proxy.ts";
import { ask } from "../../../../test/cluster/users.ts";
import { until } from "../../../../test/e2e/processes.ts";
import { routerContract } from "../../../../test/contract/router.ts";
import { systemClock } from "../../../state/system-clock.ts";
import { slotLabels } from "../names.ts";
import { createServiceRouter } from "./router.ts";
import { apiOf, applyLive, applySlots, settingsOf } from "./test-support.ts";

const cluster = await sharedCluster();
let namespace = "";

beforeAll(async () => {
  namespace = await cluster.namespace("router");
  await applySlots(cluster, namespace);
});

routerContract(
  "Service",
  async () => {
    // Fences begin anew with every case.
    await cluster.kubectl("delete", "lease", "teal-shop", "-n", namespace, "--ignore-not-found");
    const live = await applyLive(cluster, namespace, slotLabels("shop", "blue"));
    const proxy = await startFaultProxy({ upstream: cluster.kubeconfig });
    const settings = settingsOf(namespace, proxy.kubeconfig, live.name);
    const api = await apiOf(settings);
    return {
      clock: systemClock,
      settle: 0,
      patience: 30_000,
      router: createServiceRouter(api, settings),
      cutOff: async () => {
        proxy.rate(1, [{ is: "reset", when: "before" }]);
        proxy.cut("reset");
        // What the watch brought a moment ago is still true for a moment.
        await sleep(1_500);
      },
      traffic: async () => {
        // Every kube-proxy has to hear of a Service that was just made, or it has no address at all.
        for (const node of cluster.nodes)
          await until(`${node} to carry the Service`, () =>
            ask(cluster, live.url, node).then(
              () => true,
              () => false,
            ),
          );
        for (let n = 0; n < 3; n++) await ask(cluster, live.url);
        // The pods are not asked for their counters more often than that.
        await sleep(300);
      },
      end: async () => {
        api.close();
        await proxy.stop();
        await cluster.kubectl("delete", "service", live.name, "-n", namespace);
      },
    };
  },
  { skip: { "weights divide the traffic": "a Service has no weights" } },
);
