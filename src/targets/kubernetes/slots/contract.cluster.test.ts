import { sharedCluster } from "../../../../test/cluster/cluster.ts";
import { startFaultProxy } from "../../../../test/cluster/fault-proxy.ts";
import { slotProviderContract } from "../../../../test/contract/slots.ts";
import { systemClock } from "../../../state/system-clock.ts";
import { killProgram, shopIn } from "./test-support.ts";

const cluster = await sharedCluster();

/** Real Deployments with real pods; an autoscaler on the template, so that there is something to borrow. */
slotProviderContract("kubernetes", async () => {
  const proxy = await startFaultProxy({ upstream: cluster.kubeconfig });
  const shop = await shopIn(cluster, { kubeconfig: proxy.kubeconfig });
  await cluster.apply(shop.namespace, {
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: { name: "shop" },
    spec: {
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "shop" },
      minReplicas: 1,
      maxReplicas: 10,
    },
  });
  return {
    clock: systemClock,
    settle: 0,
    patience: 40_000,
    provider: shop.slots,
    revisions: [await shop.revision("v1"), await shop.revision("v2")] as const,
    neverReady: await shop.revision("teal.test/never-ready:v3"),
    crash: async (slot) => {
      const pods = await cluster.get(shop.namespace, "pods", "-l", `teal.dev/slot=${slot}`);
      killProgram(pods.items[0].metadata.name);
    },
    cutOff: async () => {
      proxy.rate(1, [{ is: "reset", when: "before" }]);
      proxy.cut("reset");
    },
    end: async () => {
      await shop.end();
      await proxy.stop();
    },
  };
});
