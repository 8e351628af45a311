import { readdirSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Residual } from "../../../core/observed.ts";
import type { Slot } from "../../../core/units.ts";
import { RpcClient, type RpcError } from "../rpc.ts";
import type { Edge } from "./edge.ts";

/** Whose work is asked for: the slot's, one replica's, or one life's of it. */
export interface Of {
  readonly slot: Slot;
  readonly replica?: string;
  readonly incarnation?: string;
}

const ASK_MS = 1_000;
const LOOK_MS = 10;

/** What this edge still works on for a slot or a replica. */
export function ownResidual(edge: Edge, { slot, replica, incarnation }: Of): Required<Residual> {
  const asked = edge.members
    .everyone(slot)
    .filter(
      ({ member }) =>
        (replica === undefined || member.replica === replica) &&
        (incarnation === undefined || member.incarnation === incarnation),
    );
  const inFlight = asked.reduce((sum, upstream) => sum + upstream.inFlight, 0);
  const started = asked.reduce((sum, upstream) => sum + upstream.started, 0);
  return { inFlight, newRequests: replica === undefined ? edge.counters[slot].started : started };
}

/** Where an edge that drains answers its successor, beside the control socket and no longer than its path allows. */
export function drainSocket(edgeSocket: string, pid: number | string): string {
  return join(dirname(edgeSocket), `${basename(edgeSocket).slice(0, -"edge.sock".length)}e${pid}.sock`);
}

/**
 * Asks every edge that still drains. A replica may only stop when they, too, have nothing in flight for it.
 * @throws when one lives and does not answer: then nobody knows.
 */
export async function askDraining(
  edgeSocket: string,
  method: "residual" | "release",
  of: Of,
): Promise<number> {
  const pattern = /e(\d+)\.sock$/;
  const sockets = readdirSync(dirname(edgeSocket)).flatMap((name) => {
    const pid = pattern.exec(name)?.[1];
    const socket = drainSocket(edgeSocket, pid ?? "");
    return basename(socket) === name ? [socket] : [];
  });
  const counts = await Promise.all(sockets.map((socket) => askOne(socket, method, of)));
  return counts.reduce((sum, count) => sum + count, 0);
}

async function askOne(socket: string, method: string, of: Of): Promise<number> {
  const client = new RpcClient(socket);
  const deadline = performance.now() + ASK_MS;
  try {
    for (;;) {
      try {
        return (await client.call<Residual>(method, of, ASK_MS)).inFlight ?? 0;
      } catch (error) {
        if (!(error as RpcError).sent) break;
        if (performance.now() > deadline) throw error;
        // It may have ended just now; then nobody listens any more.
        await sleep(LOOK_MS);
      }
    }
  } finally {
    client.close();
  }
  rmSync(socket, { force: true });
  return 0;
}
