import { afterAll, expect, test } from "vitest";
import { measureSwitching } from "../../bench/kubernetes/switching.ts";
import { TEAL } from "../../bench/commands.ts";
import { sharedCluster } from "../cluster/cluster.ts";

/* What `npm run bench:kubernetes` does a hundred times: there and back under users, nodes hearing late. */

const cluster = await sharedCluster();
afterAll(() => cluster.stop());

test("five cutovers and five rollbacks under users of every kind fail nobody and cut nobody off", async () => {
  const ground = { cluster, cli: TEAL.source };
  const switching = await measureSwitching(ground, { count: 5, lanes: 1, rate: 150, atMost: 500_000 });
  expect(switching).toMatchObject({ cutovers: 5, rollbacks: 5 });
  const { kinds, revisions, failed, cut, examples } = switching.seen;
  expect({ failed, cut, examples }).toEqual({ failed: 0, cut: 0, examples: [] });
  expect(Object.keys(kinds).toSorted()).toEqual(["fresh", "kept", "slow", "websocket"]);
  // Every candidate had users.
  expect(Object.keys(revisions).toSorted()).toEqual(["c0", "c1", "c2", "c3", "c4", "v0"]);
}, 600_000);
