import { readJson } from "../../src/targets/local/files.ts";
import { isAlive, type ProcessIdentity } from "../../src/targets/local/identity.ts";
import { spec, testService, until } from "../../src/targets/local/agent/test-support.ts";
import { createLocalSlots } from "../../src/targets/local/slots.ts";
import { systemClock } from "../../src/state/system-clock.ts";
import { slotProviderContract, type SlotsFixture } from "./slots.ts";

/** A real agent with real processes. */
async function make(): Promise<SlotsFixture> {
  const service = testService();
  const revisions = [spec(service.release("v1")), spec(service.release("v2"))] as const;
  const neverReady = spec(
    service.release("never", {
      command: `touch sick; (sleep 1; kill -9 0) & ${process.execPath} server.mjs`,
    }),
  );
  await service.agent();
  const provider = createLocalSlots(service.layout);
  return {
    clock: systemClock,
    settle: 0,
    patience: 15_000,
    provider,
    revisions,
    neverReady,
    crash: async (slot) => {
      const [replica] = (await service.call("reach", { slot })).replicas;
      if (replica === undefined) throw new Error(`${slot} has no replica to crash`);
      process.kill(-replica.group, "SIGKILL");
    },
    cutOff: async () => {
      const agent = readJson<ProcessIdentity>(service.layout.agentPid);
      if (agent !== undefined) process.kill(agent.pid, "SIGKILL");
      await until(
        "the agent is gone",
        () => agent !== undefined && isAlive(agent),
        (alive) => !alive,
      );
    },
    end: async () => {
      provider.close();
      await service.end();
    },
  };
}

slotProviderContract("local", make, {
  skip: {
    "what is lent is held once the slot is changed, and restored exactly and once":
      "nothing else scales or suspends a local slot, so there is nothing to borrow",
  },
});
