import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { holderOf, upgradeEdge } from "../holder.ts";
import { readJson, writeDurably } from "../files.ts";
import { isAlive, type ProcessIdentity } from "../identity.ts";
import type { Layout } from "../layout.ts";
import { programFile } from "../programs.ts";
import type { AgentMethods, ServiceFile } from "../protocol.ts";
import { RpcClient, RpcError } from "../rpc.ts";
import { inheritedEnvironment } from "../shim/environment.ts";
import { packageVersion } from "../version.ts";

/** An agent answers within so long (ms) after its start, or it did not start. */
const START_AT_MOST = 10_000;
/** An agent that was told to stop is gone within so long (ms), or it is killed. Its replicas go on either way. */
const STOP_AT_MOST = 5_000;
/** The agent's log is put aside at this size when an agent starts. */
const LOG_BYTES = 5 * 1024 * 1024;

export type Ensured =
  | { readonly is: "running" | "started" | "restarted"; readonly hello: AgentMethods["hello"][1] }
  | { readonly is: "failed"; readonly code: string; readonly message: string; readonly evidence: readonly string[] };

/**
 * Makes sure that an agent of this version runs the service as `service` says. Writes `service.json`; an agent of
 * another version, or one that was started with other settings, is replaced: replicas and edge go on meanwhile.
 */
export async function ensureAgent(layout: Layout, service: ServiceFile): Promise<Ensured> {
  mkdirSync(layout.root, { recursive: true, mode: 0o700 });
  const before = readJson<ServiceFile>(layout.serviceFile);
  const running = await agentHello(layout);
  const sameVersion = running === undefined || running.version === packageVersion();
  const same = isDeepStrictEqual(before, service);
  if (running !== undefined && same && sameVersion) return { is: "running", hello: running };
  if (before !== undefined && addressMoved(before, service) && holderOf(layout) !== undefined) return held(before, service);
  if (!same) writeDurably(layout.serviceFile, `${JSON.stringify(service, null, 2)}\n`);
  await stopAgent(layout);
  const edgeOutdated = holderOf(layout) !== undefined && !(sameVersion && isDeepStrictEqual(before?.edge, service.edge));
  const hello = await startAgent(layout, service);
  if (hello === undefined) return notStarted(layout);
  if (edgeOutdated) await upgradeEdge(layout);
  return { is: running === undefined ? "started" : "restarted", hello };
}

/** What the running agent says of itself; undefined when none answers. */
export async function agentHello(layout: Layout): Promise<AgentMethods["hello"][1] | undefined> {
  const client = new RpcClient(layout.agentSocket);
  try {
    return await client.call<AgentMethods["hello"][1]>("hello", {}, 2_000);
  } catch (error) {
    if (error instanceof RpcError) return undefined;
    throw error;
  } finally {
    client.close();
  }
}

/** Ends the agent, not the replicas. Resolves when its process is gone. */
export async function stopAgent(layout: Layout): Promise<void> {
  const agent = readJson<ProcessIdentity>(layout.agentPid);
  if (agent === undefined || !isAlive(agent)) return;
  process.kill(agent.pid, "SIGTERM");
  const deadline = performance.now() + STOP_AT_MOST;
  while (isAlive(agent)) {
    if (performance.now() > deadline) process.kill(agent.pid, "SIGKILL");
    await sleep(10);
  }
}

async function startAgent(layout: Layout, service: ServiceFile): Promise<AgentMethods["hello"][1] | undefined> {
  const log = openLog(layout.agentLog);
  // layout.root is `<state directory>/<service>.<environment>`.
  const args = [programFile("agent"), dirname(layout.root), service.service, service.environment];
  const child = spawn(process.execPath, args, {
    detached: true, // outlives this command and its terminal
    cwd: layout.root,
    env: inheritedEnvironment(process.env),
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  let ended = false;
  child.once("exit", () => (ended = true));
  child.once("error", () => (ended = true));
  child.unref();
  const deadline = performance.now() + START_AT_MOST;
  while (performance.now() < deadline) {
    const over = ended;
    const hello = await agentHello(layout);
    // Ours may have found another one that was started at the same time; that one answers too.
    if (hello !== undefined || over) return hello;
    await sleep(10);
  }
  return undefined;
}

function addressMoved(before: ServiceFile, service: ServiceFile): boolean {
  return before.listen !== service.listen || before.preview !== service.preview;
}

/** The sockets stay open as long as the holder lives, so that nobody is refused; other ones need another holder. */
function held(before: ServiceFile, service: ServiceFile): Ensured {
  return {
    is: "failed",
    code: "TEAL-L207",
    message:
      `the service listens on ${before.listen} (preview ${before.preview}); changing that to ${service.listen} (preview ` +
      `${service.preview}) closes the address users are on. Stop the service first, or put the address back`,
    evidence: [],
  };
}

function openLog(path: string): number {
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > LOG_BYTES) renameSync(path, `${path}.1`);
  return openSync(path, "a", 0o600);
}

function notStarted(layout: Layout): Ensured {
  const lines = readFileSync(layout.agentLog, "utf8").trimEnd().split("\n");
  return {
    is: "failed",
    code: "TEAL-L203",
    message: `the agent did not start. Its log is ${layout.agentLog}`,
    evidence: lines.slice(-10),
  };
}
