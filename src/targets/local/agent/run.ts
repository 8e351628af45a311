import { rmSync } from "node:fs";
import { join } from "node:path";
import { createProbe } from "../../../health/probe.ts";
import { readJson, writeDurably } from "../files.ts";
import { identify } from "../identity.ts";
import type { Layout } from "../layout.ts";
import type { AgentMethods, ServiceFile } from "../protocol.ts";
import { serveRpc, type Handlers } from "../rpc.ts";
import { createLookup } from "../secrets.ts";
import { startHolder, stopHolder } from "../holder.ts";
import { Agent } from "./agent.ts";
import { lockAlone } from "./lock.ts";
import { packageVersion } from "../version.ts";

export type Ran = "stopped" | "another runs";

/**
 * Runs the agent of a service in this process until it is told to stop (method `stop`, SIGTERM, SIGINT).
 * Needs `service.json`. Does nothing when another process already is this service's agent.
 */
export async function runAgent(layout: Layout, say: (line: string) => void): Promise<Ran> {
  // Looked at before anything is made: the folder of a service that is gone must not come back by a late start.
  const service = readJson<ServiceFile>(layout.serviceFile);
  if (service === undefined) throw new Error(`TEAL-L203 no ${layout.serviceFile}: deploy the service first`);
  const unlock = lockAlone(join(layout.root, "agent.lock"));
  if (unlock === undefined) return "another runs";
  try {
    await serve(layout, service, say);
  } finally {
    unlock();
  }
  return "stopped";
}

async function serve(layout: Layout, service: ServiceFile, say: (line: string) => void): Promise<void> {
  const stopped = Promise.withResolvers<void>();
  const agent = new Agent({
    layout,
    service,
    version: packageVersion(),
    probe: createProbe({ unseal: createLookup(layout) }),
    startEdge: () => startHolder(layout),
    stopEdge: () => stopHolder(layout),
    say,
  });
  writeDurably(layout.agentPid, JSON.stringify(identify(process.pid)));
  agent.start();
  const server = await serveRpc(layout.agentSocket, handlers(agent, stopped.resolve));
  process.once("SIGTERM", stopped.resolve).once("SIGINT", stopped.resolve);
  say(`agent of ${service.service} (${service.environment}) looks after both slots`);
  await stopped.promise;
  server.close();
  await agent.close();
  rmSync(layout.agentPid, { force: true });
  rmSync(layout.agentSocket, { force: true });
  say("agent stopped; replicas go on");
}

function handlers(agent: Agent, stop: () => void): Handlers {
  const methods: {
    [M in keyof AgentMethods]: (
      params: AgentMethods[M][0],
    ) => AgentMethods[M][1] | Promise<AgentMethods[M][1]>;
  } = {
    hello: () => agent.hello(),
    edge: () => agent.startEdge(),
    observe: (params) => agent.observe(params),
    claim: (params) => agent.claim(params),
    ensure: (params) => agent.ensure(params),
    retire: (params) => agent.retire(params),
    reach: (params) => agent.reach(params),
    stop: async ({ everything }) => {
      if (everything) await agent.stopEverything();
      setImmediate(stop); // after the answer was written
      return { stopped: true };
    },
  };
  return methods;
}
