import { slotProviderContract } from "../../../../test/contract/slots.ts";
import { systemClock } from "../../../state/system-clock.ts";
import { slotsShop } from "./test-support.ts";

/** Auto Scaling groups whose instances are processes, behind a load balancer that checks their health. */
slotProviderContract(
  "aws",
  async () => {
    const shop = await slotsShop();
    return {
      clock: systemClock,
      settle: 0,
      patience: 15_000,
      provider: shop.slots,
      revisions: [await shop.revision("r1"), await shop.revision("r2")] as const,
      neverReady: await shop.revision("sick", { health: "sick" }),
      cutOff: () => {
        shop.simulator.fault({ action: "*", kind: "reset", chance: 1 });
        return Promise.resolve();
      },
      end: () => shop.end(),
    };
  },
  {
    skip: {
      "a crashed replica comes back as a new incarnation and tells how the last one ended":
        "an Auto Scaling group does not restart instances, it launches others; see stuck.test.ts for what it tells",
    },
  },
);
