import { routerContract } from "../../../../test/contract/router.ts";
import type { TrafficRouter } from "../../../ports/router.ts";
import { systemClock } from "../../../state/system-clock.ts";
import { askNode } from "../reach/ask.ts";
import { openStage, REVISIONS, type Stage } from "./test-support.ts";

const NEVER = new AbortController().signal;
const NO_POOL = {
  "a pool lets both slots share the traffic": "a load balancer divides by weights, not by readiness",
};

routerContract("a rule, and answers that tell the revision", () => fixture(["host"], true), {
  skip: {
    ...NO_POOL,
    "a slot without traffic is given no new requests":
      "CloudWatch tells a minute late what was asked of the slot to find out whether traffic moved",
  },
});

routerContract(
  "a default rule and another one, by counts and time",
  () => fixture(["default", "path"], false),
  {
    skip: NO_POOL,
  },
);

async function fixture(rules: readonly ("host" | "default" | "path")[], identified: boolean) {
  const stage = await openStage({ rules, speed: 200, throttling: "off", propagation: [0, 2_000] });
  const identity = {
    header: "x-revision",
    path: "/",
    revision: (slot: "blue" | "green") => Promise.resolve(REVISIONS[slot]),
  };
  const cut = { is: false };
  return {
    clock: systemClock,
    settle: 0,
    patience: 20_000,
    router: bounded(stage.another(identified ? { identity, addresses: stage.addresses } : {}), cut),
    cutOff: async () => {
      cut.is = true;
      await stage.small.plane.stop();
    },
    traffic: () => ask(stage),
    end: () => stage.stop(),
  };
}

async function ask(stage: Stage): Promise<void> {
  const [address = ""] = await stage.addresses();
  const question = {
    port: 8000,
    tls: false,
    host: "shop.example",
    method: "GET",
    path: "/api/",
    headers: {},
  };
  for (let count = 0; count < 3; count++) await askNode(address, question, NEVER);
  // CloudWatch tells what a minute counted a minute after its end.
  await stage.world.clock.sleep(150_000);
}

/** Nobody waits for an account that cannot be reached as long as a call may take: whoever calls has a bound. */
function bounded(router: TrafficRouter, cut: { readonly is: boolean }): TrafficRouter {
  const end = (signal: AbortSignal) =>
    cut.is ? AbortSignal.any([signal, AbortSignal.timeout(300)]) : signal;
  return {
    ...router,
    observe: (signal) => router.observe(end(signal)),
    sample: (to, signal) => router.sample(to, end(signal)),
    residual: (slot, signal) => router.residual(slot, end(signal)),
    shift: (to, expect, by) => router.shift(to, expect, { ...by, signal: end(by.signal) }),
  };
}
