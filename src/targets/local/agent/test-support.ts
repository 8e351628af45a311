import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { SlotSpec } from "../../../core/calls.ts";
import type { CheckPlan } from "../../../core/checks.ts";
import { millis, type Revision } from "../../../core/units.ts";
import { readJson } from "../files.ts";
import { isAlive, type ProcessIdentity } from "../identity.ts";
import { layout as layoutOf, type Layout } from "../layout.ts";
import type { AgentMethods, ReleaseFile, ServiceFile } from "../protocol.ts";
import { releaseFolder } from "../release-folder.ts";
import { RpcClient } from "../rpc.ts";
import { ensureAgent } from "./start.ts";

/** Real services for tests: a state directory of its own, real releases, a real agent; everything ended afterwards. */

/** Answers with who it is; `/hold` when somebody asks for `/finish` or after SIGTERM (with NAIVE set, that cuts it off); `/health` 503 while a file `sick` lies in its folder. */
export const SERVER = `
import { createServer } from "node:http";
import { existsSync } from "node:fs";
const me = { slot: process.env.TEAL_SLOT, revision: process.env.TEAL_REVISION, replica: process.env.TEAL_REPLICA, incarnation: process.env.TEAL_INCARNATION, pid: process.pid };
const held = [];
const finish = () => { for (const one of held.splice(0)) one.end(JSON.stringify(me)); };
const server = createServer((request, response) => {
  if (request.url === "/health") { response.statusCode = existsSync("sick") ? 503 : 200; return response.end("health"); }
  if (request.url === "/crash") process.exit(7);
  if (request.url === "/hold") return held.push(response);
  if (request.url === "/held") return response.end(String(held.length));
  if (request.url === "/finish") finish();
  response.end(JSON.stringify(me));
});
server.listen(Number(process.env.PORT), "127.0.0.1", () => console.log("listening as", me.replica));
if (!process.env.NAIVE) process.on("SIGTERM", () => { server.close(() => process.exit(0)); setTimeout(finish, 100); });
`;

export const READY_CHECKS: CheckPlan = {
  checks: [
    {
      name: "ready",
      kind: "ready",
      timeout: millis(2_000),
      ask: "http",
      http: { method: "GET", path: "/health", headers: {}, status: [[200, 299]], followRedirects: 0 },
    },
  ],
  window: { of: 3, passes: 2, consecutive: 1, interval: millis(50), jitter: 0, deadline: millis(10_000) },
  minHealthy: "all",
  identity: { by: "process" },
};

export function serviceFile(change: Partial<ServiceFile["replicas"]> = {}): ServiceFile {
  return {
    service: "shop",
    environment: "test",
    listen: "127.0.0.1:0",
    preview: "127.0.0.1:0",
    edge: {
      streams: { policy: "reconnect", after: 0, over: 0 },
      queue: { timeout: 5_000, limit: 1_000 },
      responseTimeout: 10_000,
      trustedProxies: [],
    },
    replicas: {
      backoff: 50,
      backoffCap: 400,
      crashLoop: { exits: 3, within: 60_000 },
      stopGrace: 3_000,
      drainCap: 5_000,
      log: { maxBytes: 1_000_000, keep: 2 },
      ...change,
    },
  };
}

export interface TestService {
  readonly layout: Layout;
  readonly service: ServiceFile;
  /** Calls the agent. */
  call<M extends keyof AgentMethods>(method: M, params: AgentMethods[M][0]): Promise<AgentMethods[M][1]>;
  /** Writes a complete release; without a command it runs `SERVER`. */
  release(id: string, of?: Partial<ReleaseFile> & { files?: Record<string, string> }): Revision;
  /** Starts the agent where none runs. */
  agent(): Promise<AgentMethods["hello"][1]>;
  /** Ends everything and removes the folder. */
  end(): Promise<void>;
}

export function testService(change: Partial<ServiceFile["replicas"]> = {}): TestService {
  const stateDir = mkdtempSync(join(tmpdir(), "teal-agent-"));
  const service = serviceFile(change);
  const layout = layoutOf(stateDir, service.service, service.environment);
  const client = new RpcClient(layout.agentSocket);
  const of: TestService = {
    layout,
    service,
    call: (method, params) => client.call(method, params, 20_000),
    release: (id, { files = {}, ...of } = {}) => writeRelease(layout, id, files, of),
    agent: async () => {
      const ensured = await ensureAgent(layout, service);
      if (ensured.is === "failed") throw new Error([ensured.message, ...ensured.evidence].join("\n"));
      return ensured.hello;
    },
    end: async () => {
      await of.agent();
      const agent = readJson<ProcessIdentity>(layout.agentPid);
      await of.call("stop", { everything: true });
      client.close();
      await until(
        "the agent is gone",
        () => agent !== undefined && isAlive(agent),
        (alive) => !alive,
      );
      rmSync(stateDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    },
  };
  return of;
}

function writeRelease(
  layout: Layout,
  id: string,
  files: Record<string, string>,
  of: Partial<ReleaseFile>,
): Revision {
  const revision = { id, config: "0123456789abcdef" };
  const folder = releaseFolder(layout, revision);
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries({ "server.mjs": SERVER, ...files }))
    writeFileSync(join(folder, name), text);
  const release: ReleaseFile = {
    revision,
    command: `${process.execPath} server.mjs`,
    cwd: ".",
    env: {},
    origin: "test",
    complete: true,
    ...of,
  };
  writeFileSync(join(folder, "release.json"), JSON.stringify(release), { mode: 0o600 });
  return revision;
}

export function spec(revision: Revision, replicas = 1, checks = READY_CHECKS): SlotSpec {
  return { revision, replicas, checks };
}

/** Asks again until the answer is as `fits` says; fails after `atMost` ms with the last answer. */
export async function until<T>(
  what: string,
  ask: () => T | Promise<T>,
  fits: (answer: T) => boolean,
  atMost = 25_000,
): Promise<T> {
  const deadline = performance.now() + atMost;
  for (;;) {
    const answer = await ask();
    if (fits(answer)) return answer;
    if (performance.now() > deadline)
      throw new Error(`not within ${atMost} ms: ${what}; last: ${JSON.stringify(answer)}`);
    await sleep(10);
  }
}

export function textOf(path: string): string {
  return readFileSync(path, "utf8");
}
