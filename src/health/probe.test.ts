import { millis, instant } from "../core/units.ts";
import { probeContract } from "../../test/contract/probe.ts";
import { createProbe } from "./probe.ts";
import { freePort, httpCheck, reachOf, serveHttp } from "./testing.ts";

probeContract(
  "over HTTP",
  async () => {
    const { port } = await serveHttp((request, response) =>
      response.writeHead(request.url === "/up" ? 200 : 503).end(),
    );
    return {
      clock: {
        now: () => instant(Date.now()),
        monotonic: () => millis(performance.now()),
        sleep: () => Promise.resolve(),
      },
      settle: 0,
      patience: 1_000,
      end: () => Promise.resolve(),
      probe: createProbe(),
      revision: { id: "v2", config: "c" },
      identity: { by: "address" },
      reach: reachOf(port),
      passes: httpCheck({ path: "/up" }),
      fails: httpCheck({ path: "/down" }),
      gone: reachOf(await freePort(), { replica: "green-2" }),
    };
  },
  {
    skip: {
      "a check that cannot be asked is unknown, not failed":
        "on one machine a connection that fails is the replica's failure",
    },
  },
);
