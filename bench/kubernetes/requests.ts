import { setTimeout as sleep } from "node:timers/promises";
import type { JournalEvent } from "../../src/core/journal.ts";
import { deploy } from "../../src/api/deploying.ts";
import { startFaultProxy } from "../../test/cluster/fault-proxy.ts";
import { until } from "../../test/e2e/processes.ts";
import { type Ground, Shop } from "./shop.ts";

type Counts = Readonly<Record<string, number>>;

export interface Requests {
  /** Of one `teal deploy` of two replicas beside two, watched for 2 s, with the checks' own pace: `{ "patch services": 3 }`. */
  readonly deployment: Counts;
  readonly rollback: Counts;
  readonly status: Counts;
  /** While a previous slot is kept warm, of the process that looks after it. */
  readonly warm: Counts;
  /** Of a process that stays at a gate, whose watches were open before. */
  readonly gate: Counts;
  /** Whole seconds. */
  readonly idleFor: number;
}

/** Every request goes through a proxy that counts. */
export async function countRequests(ground: Ground, idleFor: number): Promise<Requests> {
  const proxy = await startFaultProxy({ upstream: ground.cluster.kubeconfig });
  const { kubeconfig } = proxy;
  const shop = await Shop.open(ground, {
    strategy: "{ blueGreen: { bake: 2s, keepWarm: 10m, drain: 500ms } }",
    health: "{ ready: /health }",
    kubeconfig,
  });
  const counted = async (...words: readonly string[]): Promise<Counts> => {
    proxy.forgetCounts();
    await shop.teal(...words);
    return proxy.counts();
  };
  try {
    await shop.teal("deploy", "v0", "--yes", "-q");
    const deployment = await counted("deploy", "v1", "--yes", "-q");
    const idle = async (): Promise<Counts> => {
      // What has just begun to wait still asks something.
      await sleep(2_000);
      proxy.forgetCounts();
      await sleep(idleFor * 1_000);
      return proxy.counts();
    };
    const warm = await idle();
    const status = await counted("status");
    const rollback = await counted("rollback", "--yes", "-q");
    await sleep(1_000);
    const gate = "{ blueGreen: { gate: approval, bake: 500ms, keepWarm: 0s, drain: 500ms } }";
    shop.configure({ strategy: gate, health: "{ ready: /health }", kubeconfig });
    const connection = await shop.connect();
    const leave = new AbortController();
    const moving = deploy(connection, { revision: "v2" }, { signal: leave.signal, stay: true });
    await until("the gate", async () => isAtGate(await shop.journal(connection), "v2"), 60_000);
    const atGate = await idle();
    leave.abort();
    await moving;
    return { deployment, rollback, status, warm, gate: atGate, idleFor };
  } finally {
    await shop.end();
    await proxy.stop();
  }
}

function isAtGate(events: readonly JournalEvent[], revision: string): boolean {
  const [opened] = events;
  const ours = opened?.kind === "opened" && opened.plan.candidate.revision.id === revision;
  return ours && events.some((event) => event.kind === "verdict" && event.hold?.for === "gate");
}
