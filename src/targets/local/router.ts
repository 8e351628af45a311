import { setTimeout as sleep } from "node:timers/promises";
import type { Evidence, Read, Residual, Routing, Traffic } from "../../core/observed.ts";
import { type Cause, fence, type Fence, instant, millis, type Slot, version } from "../../core/units.ts";
import type { MetricSource, TrafficRouter } from "../../ports/router.ts";
import type { By, Write } from "../../ports/write.ts";
import type { Layout } from "./layout.ts";
import type { EdgeMethods, WireWrite } from "./protocol.ts";
import { RpcClient, RpcError } from "./rpc.ts";

/** A look at the edge is a few kilobytes over a local socket; slower means that it hangs. */
const READ_MS = 2_000;
/** A write includes two fsyncs, which a busy disk can delay. */
const WRITE_MS = 5_000;

/** An edge that crashed, or hands over to another one, listens again within this time. */
const ABSENT_MS = 1_000;
const LOOK_MS = 20;

export type LocalRouter = TrafficRouter & MetricSource & { close(): void };

/**
 * The edge of one service as a router. It fences atomically and follows a shift before it answers, hence
 * `propagation` 0. Nothing here starts the edge: `startHolder` does.
 */
export function createLocalRouter(layout: Layout): LocalRouter {
  const client = new RpcClient(layout.edgeSocket);

  /**
   * An edge that crashed or hands over is back in a moment, so that it is asked again: for a read always, for a
   * write only while nothing was sent.
   */
  async function call<M extends keyof EdgeMethods>(
    method: M,
    params: EdgeMethods[M][0],
    atMost: number,
    signal: AbortSignal,
    kind: "read" | "write",
  ): Promise<EdgeMethods[M][1]> {
    const deadline = performance.now() + Math.min(atMost, ABSENT_MS);
    for (;;) {
      if (signal.aborted) throw new RpcError(`${method}: given up`, false);
      try {
        return await client.call<EdgeMethods[M][1]>(method, params, atMost, signal);
      } catch (error) {
        const harmless = error instanceof RpcError && (kind === "read" || !error.sent);
        if (!harmless || performance.now() > deadline) throw error;
        await sleep(LOOK_MS);
      }
    }
  }

  async function read<M extends keyof EdgeMethods, T>(
    method: M,
    params: EdgeMethods[M][0],
    signal: AbortSignal,
    take: (answer: EdgeMethods[M][1]) => { value: T; version?: string },
  ): Promise<Read<T>> {
    try {
      const { value, version: at } = take(await call(method, params, READ_MS, signal, "read"));
      return { is: "seen", value, version: version(at ?? ""), at: instant(Date.now()) };
    } catch (error) {
      return { is: "unreadable", cause: unreachable(layout, error) };
    }
  }

  async function write<M extends "claim" | "shift", W, T>(
    method: M,
    params: EdgeMethods[M][0],
    by: By,
    take: (seen: W) => T,
  ): Promise<Write<T>> {
    const left = by.deadline - Date.now();
    if (left <= 0 || by.signal.aborted) {
      return {
        is: "rejected",
        cause: { code: "TEAL-E121", message: `${method}: the time for this call is over; nothing was sent` },
      };
    }
    try {
      return fromWire(
        (await call(method, params, Math.min(left, WRITE_MS), by.signal, "write")) as WireWrite<W>,
        take,
      );
    } catch (error) {
      const cause = unreachable(layout, error);
      return { is: error instanceof RpcError && error.sent ? "unknown" : "rejected", cause };
    }
  }

  return {
    fencing: "atomic",
    modes: ["switch", "weights"],
    propagation: millis(0),
    claim: (by) => write("claim", { fence: by.fence }, by, (seen: number): Fence => fence(seen)),
    shift: (to, expect, by) =>
      write("shift", { to, expect, fence: by.fence, intent: by.intent }, by, (seen: Routing) => seen),
    observe: (signal) => read("observe", {}, signal, (answer): { value: Routing; version: string } => answer),
    sample: (to, signal) => read("sample", { to }, signal, (value: Evidence) => ({ value })),
    residual: (slot: Slot, signal) => read("residual", { slot }, signal, (value: Residual) => ({ value })),
    traffic: (slot: Slot, signal) =>
      read("traffic", { slot }, signal, (value) => ({ value: withInfinity(value) })),
    close: () => client.close(),
  };
}

function fromWire<W, T>(answer: WireWrite<W>, take: (seen: W) => T): Write<T> {
  switch (answer.is) {
    case "applied":
    case "unchanged":
    case "conflict":
      return { is: answer.is, seen: take(answer.seen) };
    case "fenced":
      return { is: "fenced", by: fence(answer.by) };
    case "rejected": {
      const { code, message, evidence } = answer;
      return { is: "rejected", cause: { code, message, ...(evidence === undefined ? {} : { evidence }) } };
    }
  }
}

/** JSON has no Infinity: the last bucket arrives with `le: null`. */
function withInfinity(traffic: Traffic): Traffic {
  return { ...traffic, latency: traffic.latency.map(({ le, count }) => ({ le: le ?? Infinity, count })) };
}

function unreachable(layout: Layout, error: unknown): Cause {
  return {
    code: "TEAL-E120",
    message: `the edge does not answer on ${layout.edgeSocket}: ${(error as Error).message}; its log: ${layout.edgeLog}`,
  };
}
