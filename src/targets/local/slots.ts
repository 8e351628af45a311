import type { SlotSpec } from "../../core/calls.ts";
import type { Borrowed, Read, SlotState } from "../../core/observed.ts";
import { fence, version, type Cause, type Fence, type Instant, type Slot } from "../../core/units.ts";
import type { Reach, SlotProvider } from "../../ports/slots.ts";
import type { By, Expect, Write } from "../../ports/write.ts";
import { runBeside, tailLog } from "./beside.ts";
import { readJson } from "./files.ts";
import type { Layout } from "./layout.ts";
import type { AgentMethods, WireReach, WireWrite } from "./protocol.ts";
import { RpcClient, RpcError } from "./rpc.ts";

/** The agent answers from memory and one small durable write: slower (ms) means that it hangs. */
const ANSWER_AT_MOST = 5_000;

/** Makes the agent run before it is asked. `absent`: there is none, and reading needs none. */
export type AgentReady = (need: "read" | "write") => Promise<"running" | "absent" | Cause>;

/** The slots of a service on this machine, by its agent. */
export function createLocalSlots(layout: Layout, ready?: AgentReady): SlotProvider & { close(): void } {
  return new LocalSlots(layout, ready ?? (() => Promise.resolve("running")));
}

/** The agent as far as its `slots.json` tells, when it does not run. */
interface Resting {
  readonly fence: number;
  readonly slots: Readonly<Record<Slot, { readonly version: number; readonly want?: SlotSpec }>>;
}

class LocalSlots implements SlotProvider {
  readonly fencing = "atomic";
  readonly #layout: Layout;
  readonly #ready: AgentReady;
  readonly #client: RpcClient;

  constructor(layout: Layout, ready: AgentReady) {
    this.#layout = layout;
    this.#ready = ready;
    this.#client = new RpcClient(layout.agentSocket);
  }

  async observe(slot: Slot, signal: AbortSignal): Promise<Read<SlotState>> {
    const ready = await this.#ready("read");
    if (ready === "absent") return this.#resting(slot);
    if (ready !== "running") return { is: "unreadable", cause: ready };
    try {
      const seen = await this.#client.call<AgentMethods["observe"][1]>(
        "observe",
        { slot },
        ANSWER_AT_MOST,
        signal,
      );
      return { is: "seen", value: seen.value, version: version(seen.version), at: now() };
    } catch (error) {
      return { is: "unreadable", cause: silence(error, this.#layout) };
    }
  }

  async claim(by: By): Promise<Write<Fence>> {
    const answer = await this.#write<number>("claim", { fence: by.fence }, by);
    return "seen" in answer ? { ...answer, seen: fence(answer.seen) } : answer;
  }

  ensure(slot: Slot, want: SlotSpec, expect: Expect, by: By): Promise<Write<SlotState>> {
    return this.#write("ensure", { slot, want, expect, fence: by.fence, intent: by.intent }, by);
  }

  retire(slot: Slot, keep: number, expect: Expect, by: By): Promise<Write<SlotState>> {
    return this.#write("retire", { slot, keep, expect, fence: by.fence, intent: by.intent }, by);
  }

  /** Nothing on this target is ever borrowed, so everything is as it was. */
  async restore(borrowed: Borrowed, by: By): Promise<Write<SlotState>> {
    const seen = await this.observe(borrowed.slot, by.signal);
    return seen.is === "seen" ? { is: "unchanged", seen: seen.value } : { is: "rejected", cause: seen.cause };
  }

  async reach(slot: Slot, signal: AbortSignal): Promise<Read<readonly Reach[]>> {
    const ready = await this.#ready("read");
    if (ready === "absent") return { is: "seen", value: [], version: version("0"), at: now() };
    if (ready !== "running") return { is: "unreadable", cause: ready };
    try {
      const { replicas } = await this.#client.call<AgentMethods["reach"][1]>(
        "reach",
        { slot },
        ANSWER_AT_MOST,
        signal,
      );
      const incarnations = replicas.map((replica) => replica.incarnation).join(" ");
      return {
        is: "seen",
        value: replicas.map((replica) => toReach(slot, replica)),
        version: version(incarnations),
        at: now(),
      };
    } catch (error) {
      return { is: "unreadable", cause: silence(error, this.#layout) };
    }
  }

  close(): void {
    this.#client.close();
  }

  async #write<T>(method: keyof AgentMethods, params: unknown, by: By): Promise<Write<T>> {
    const ready = await this.#ready("write");
    if (ready !== "running")
      return { is: "rejected", cause: ready === "absent" ? noAgent(this.#layout) : ready };
    const left = by.deadline - now();
    if (left <= 0 || by.signal.aborted) return { is: "rejected", cause: late(method) };
    try {
      return fromWire(
        await this.#client.call<WireWrite<T>>(method, params, Math.min(left, ANSWER_AT_MOST), by.signal),
      );
    } catch (error) {
      const cause = silence(error, this.#layout);
      return error instanceof RpcError && !error.sent ? { is: "rejected", cause } : { is: "unknown", cause };
    }
  }

  /** Without an agent nothing is supervised; what the slot was told last stands in its record. */
  #resting(slot: Slot): Read<SlotState> {
    const record = readJson<Resting>(this.#layout.slotsFile)?.slots[slot];
    const { want } = record ?? {};
    const value = {
      slot,
      ...(want === undefined ? {} : { revision: want.revision }),
      wanted: want?.replicas ?? 0,
      settled: (want?.replicas ?? 0) === 0,
      replicas: [],
    };
    return { is: "seen", value, version: version(String(record?.version ?? 0)), at: now() };
  }
}

function fromWire<T>(wire: WireWrite<T>): Write<T> {
  switch (wire.is) {
    case "applied":
    case "unchanged":
    case "conflict":
      return { is: wire.is, seen: wire.seen };
    case "fenced":
      return { is: "fenced", by: fence(wire.by) };
    case "rejected": {
      const { code, message, evidence } = wire;
      return { is: "rejected", cause: { code, message, ...(evidence === undefined ? {} : { evidence }) } };
    }
    default:
      return wire satisfies never;
  }
}

function toReach(slot: Slot, wire: WireReach): Reach {
  const { replica, incarnation, ended, host, port, group, release, log } = wire;
  return {
    replica,
    incarnation,
    ...(ended && { ended }),
    host,
    port,
    group,
    exec: (command, signal) => runBeside(release, { slot, replica, incarnation, port }, command, signal),
    tail: (lines) => Promise.resolve(tailLog(log, lines)),
  };
}

function silence(error: unknown, layout: Layout): Cause {
  return {
    code: "TEAL-L203",
    message: `the agent did not answer: ${(error as Error).message}. Its log is ${layout.agentLog}`,
  };
}

function noAgent(layout: Layout): Cause {
  return { code: "TEAL-L203", message: `no agent runs for ${layout.root}` };
}

function late(method: string): Cause {
  return { code: "TEAL-L208", message: `${method} was not sent: its deadline had passed` };
}

function now(): Instant {
  return Date.now() as Instant;
}
