import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Weights } from "../../../core/routing.ts";
import { fence, instant, intentId, type Slot } from "../../../core/units.ts";
import type { By } from "../../../ports/write.ts";
import { identify } from "../identity.ts";
import { type Layout, layout } from "../layout.ts";
import type { EdgeMethods, Member, ServiceFile } from "../protocol.ts";
import { createLocalRouter, type LocalRouter } from "../router.ts";
import { RpcClient } from "../rpc.ts";
import { type EdgeHello, startHolder, stopHolder } from "./start.ts";

export type Policy = ServiceFile["edge"];

const POLICY: Policy = {
  streams: { policy: "reconnect", after: 0, over: 50 },
  queue: { timeout: 2_000, limit: 1_000 },
  responseTimeout: 5_000,
  trustedProxies: [],
};

/** A real holder and edge in a folder of their own. */
export class TestEdge {
  readonly layout: Layout;
  readonly router: LocalRouter;
  readonly #folder: string;
  readonly #rpc: RpcClient;
  hello!: EdgeHello;
  #intents = 0;

  constructor(policy: Partial<Policy> = {}) {
    this.#folder = mkdtempSync(join(tmpdir(), "teal-edge-"));
    this.layout = layout(this.#folder, "shop", "test");
    mkdirSync(this.layout.root);
    const service = {
      service: "shop",
      environment: "test",
      listen: "127.0.0.1:0",
      preview: "127.0.0.1:0",
      edge: { ...POLICY, ...policy },
    };
    writeFileSync(this.layout.serviceFile, JSON.stringify(service));
    this.router = createLocalRouter(this.layout);
    this.#rpc = new RpcClient(this.layout.edgeSocket);
  }

  async start(): Promise<this> {
    this.hello = await startHolder(this.layout);
    return this;
  }

  get port(): number {
    return Number(this.hello.public.split(":").at(-1));
  }

  get url(): string {
    return `http://${this.hello.public}`;
  }

  get preview(): string {
    return `http://${this.hello.preview}`;
  }

  get log(): string {
    return readFileSync(this.layout.edgeLog, "utf8");
  }

  by(number = 1): By {
    const intent = intentId(`intent-${++this.#intents}`);
    return {
      intent,
      fence: fence(number),
      deadline: instant(Date.now() + 10_000),
      signal: new AbortController().signal,
    };
  }

  ask<M extends keyof EdgeMethods>(method: M, params: EdgeMethods[M][0]): Promise<EdgeMethods[M][1]> {
    return this.#rpc.call(method, params);
  }

  async members(slot: Slot, ...members: readonly Member[]): Promise<void> {
    await this.ask("members", { slot, members });
  }

  async shift(to: Weights): Promise<void> {
    const written = await this.router.shift(to, "any", this.by());
    if (written.is !== "applied" && written.is !== "unchanged")
      throw new Error(`shift: ${JSON.stringify(written)}`);
  }

  /** The process that serves now. */
  async pid(): Promise<number> {
    return (await this.ask("hello", {})).pid;
  }

  async stop(): Promise<void> {
    this.router.close();
    this.#rpc.close();
    await stopHolder(this.layout);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

export function memberOf(slot: { name: string; port: number }, pid = process.pid): Member {
  const identity = identify(pid);
  if (identity === undefined) throw new Error(`no process ${pid}`);
  return {
    replica: slot.name,
    incarnation: `${slot.name}-${pid}`,
    host: "127.0.0.1",
    port: slot.port,
    process: identity,
    revision: `r-${slot.name}`,
  };
}

/** A slot's application in a process of its own, to be killed. */
export async function spawnSlot(
  name: string,
  port = 0,
): Promise<{ name: string; port: number; child: ChildProcess; member: Member }> {
  const file = join(import.meta.dirname, "testing-slot.ts");
  const child = spawn(process.execPath, [file, name, String(port)], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const slot = { name, port: Number(line.toString()) };
  return { ...slot, child, member: memberOf(slot, child.pid) };
}

export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

/** Waits for a state, with a bound. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  atMost = 10_000,
): Promise<void> {
  const deadline = performance.now() + atMost;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within ${atMost} ms: ${what}`);
    await sleep(5);
  }
}
