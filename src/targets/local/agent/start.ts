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
/** An agent that was started by somebody else a moment ago is waited for so long (ms); one that hangs is replaced. */
const ANSWER_AT_MOST = 3_000;
/** An agent that was told to stop is gone within so long (ms), or it is killed. Its replicas go on either way. */
const STOP_AT_MOST = 5_000;
/** The agent's log is put aside at this size when an agent starts. */
const LOG_BYTES = 5 * 1024 * 1024;

export type Ensured =
  | { readonly is: "running" | "started" | "restarted"; readonly hello: AgentMethods["hello"][1] }
  | {
      readonly is: "failed";
      readonly code: string;
      readonly message: string;
      readonly evidence: readonly string[];
    };

/**
 * Makes sure that an agent of this version runs the service as `service` says. Writes `service.json`; an agent of
 * another version, or one that was started with other settings, is replaced: replicas and edge go on meanwhile.
 */
export async function ensureAgent(layout: Layout, service: ServiceFile): Promise<Ensured> {
  mkdirSync(layout.root, { recursive: true, mode: 0o700 });
  const before = readJson<ServiceFile>(layout.serviceFile);
  const { lives, hello: running } = await findAgent(layout);
  const sameVersion = running === undefined || running.version === packageVersion();
  const same = isDeepStrictEqual(before, service);
  if (running !== undefined && same && sameVersion) return { is: "running", hello: running };
  if (before !== undefined && addressMoved(before, service) && holderOf(layout) !== undefined)
    return held(before, service);
  if (!same) writeDurably(layout.serviceFile, `${JSON.stringify(service, null, 2)}\n`);
  // Only the one that was found: another that was started since is as good as ours.
  if (lives !== undefined) await stop(lives);
  const edgeOutdated =
    holderOf(layout) !== undefined && !(sameVersion && isDeepStrictEqual(before?.edge, service.edge));
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
  const agent = livingAgent(layout);
  if (agent !== undefined) await stop(agent);
}

async function stop(agent: ProcessIdentity): Promise<void> {
  process.kill(agent.pid, "SIGTERM");
  const deadline = performance.now() + STOP_AT_MOST;
  while (isAlive(agent)) {
    if (performance.now() > deadline) process.kill(agent.pid, "SIGKILL");
    await sleep(10);
  }
}

/** The agent that lives, and what it says. Others may be starting it right now: ending it for its silence would fail them. */
async function findAgent(
  layout: Layout,
): Promise<{ lives: ProcessIdentity | undefined; hello: AgentMethods["hello"][1] | undefined }> {
  const deadline = performance.now() + ANSWER_AT_MOST;
  for (;;) {
    const lives = livingAgent(layout);
    const hello = await agentHello(layout);
    if (hello !== undefined) return { lives: livingAgent(layout), hello };
    if (lives === undefined || performance.now() > deadline) return { lives, hello };
    await sleep(10);
  }
}

function livingAgent(layout: Layout): ProcessIdentity | undefined {
  const agent = readJson<ProcessIdentity>(layout.agentPid);
  return agent !== undefined && isAlive(agent) ? agent : undefined;
}

/** Starts one and waits until it answers, or another one that was started at the same time and came first. */
async function startAgent(
  layout: Layout,
  service: ServiceFile,
): Promise<AgentMethods["hello"][1] | undefined> {
  const deadline = performance.now() + START_AT_MOST;
  let ended = spawnAgent(layout, service);
  while (performance.now() < deadline) {
    const how = ended();
    const hello = await agentHello(layout);
    if (hello !== undefined || how === "failed") return hello;
    // The one that came first may have been about to end.
    if (how === "another runs" && livingAgent(layout) === undefined) ended = spawnAgent(layout, service);
    await sleep(10);
  }
  return undefined;
}

/** @returns tells how it ended, once it has: without an error it does so where another agent runs. */
function spawnAgent(layout: Layout, service: ServiceFile): () => "another runs" | "failed" | undefined {
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
  let ended: "another runs" | "failed" | undefined;
  child.once("exit", (code) => (ended = code === 0 ? "another runs" : "failed"));
  child.once("error", () => (ended = "failed"));
  child.unref();
  return () => ended;
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
