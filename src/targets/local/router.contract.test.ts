import { setTimeout as sleep } from "node:timers/promises";
import { routerContract } from "../../../test/contract/router.ts";
import { instant, millis } from "../../core/units.ts";
import type { Clock } from "../../ports/clock.ts";
import { stopHolder } from "./edge/start.ts";
import { listenSlot } from "./edge/testing-slot.ts";
import { memberOf, TestEdge } from "./edge/testing.ts";

const clock: Clock = {
  now: () => instant(Date.now()),
  monotonic: () => millis(performance.now()),
  sleep: (ms) => sleep(ms),
};

routerContract(
  "local",
  async () => {
    const edge = await new TestEdge().start();
    const slots = [await listenSlot("blue"), await listenSlot("green")];
    for (const slot of slots) await edge.members(slot.name as "blue" | "green", memberOf(slot));
    return {
      clock,
      settle: 0,
      patience: 5_000,
      router: edge.router,
      cutOff: () => stopHolder(edge.layout),
      traffic: async () => {
        for (let request = 0; request < 10; request++) await (await fetch(`${edge.url}/who`)).text();
      },
      end: async () => {
        await edge.stop();
        for (const slot of slots) slot.close();
      },
    };
  },
  { skip: { "a pool lets both slots share the traffic": "the edge routes by weights only" } },
);
