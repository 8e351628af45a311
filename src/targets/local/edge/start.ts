import { spawn } from "node:child_process";
import { lookup } from "node:dns/promises";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readJson, writeDurably } from "../files.ts";
import { identify, isAlive, type ProcessIdentity } from "../identity.ts";
import type { Layout } from "../layout.ts";
import { programFile } from "../programs.ts";
import type { EdgeMethods, ServiceFile } from "../protocol.ts";
import { RpcClient } from "../rpc.ts";

export type EdgeHello = EdgeMethods["hello"][1];

/** The edge could not be brought up. `code` is one of `docs/errors.md`, `evidence` the end of its log. */
export class EdgeError extends Error {
  override readonly name = "EdgeError";
  readonly code: string;
  readonly evidence: readonly string[];
  constructor(code: string, message: string, evidence: readonly string[] = []) {
    super(message);
    this.code = code;
    this.evidence = evidence;
  }
}

const READY_MS = 10_000;
const LOOK_MS = 20;
const STOP_MS = 15_000;

/**
 * Makes the holder and its edge run. One that runs already is left alone. Otherwise binds the addresses of
 * `service.json`, hands the sockets to a detached holder and waits until the edge answers.
 *
 * @throws EdgeError TEAL-E105 (address in use), E106 (cannot bind), E107 (the edge does not answer), or what the edge
 * says itself: E102 (route record corrupt), E103 (trusted proxies), E104 (no service.json)
 */
export async function startHolder(layout: Layout): Promise<EdgeHello> {
  const from = logSize(layout);
  if (holderOf(layout) === undefined && !(await healing(layout))) {
    const service = readJson<ServiceFile>(layout.serviceFile);
    if (service === undefined)
      throw new EdgeError("TEAL-E104", `${layout.serviceFile} is missing: nothing to serve`);
    const sockets = await bind([service.listen, service.preview]);
    // From here to `close` nothing may be awaited: this process listens, and would accept at the next turn of its loop.
    try {
      spawnHolder(layout, sockets.map(descriptor));
    } finally {
      for (const socket of sockets) socket.close();
    }
  }
  return answering(layout, from);
}

/** An edge whose holder was killed makes itself a new one: true when that is so, once it is done. */
async function healing(layout: Layout): Promise<boolean> {
  const client = new RpcClient(layout.edgeSocket);
  try {
    await client.call("hello", {}, 1_000);
  } catch {
    return holderOf(layout) !== undefined;
  } finally {
    client.close();
  }
  const deadline = performance.now() + READY_MS;
  while (holderOf(layout) === undefined && performance.now() < deadline) await sleep(LOOK_MS);
  return holderOf(layout) !== undefined;
}

/** The living holder of this service, if there is one. */
export function holderOf(layout: Layout): ProcessIdentity | undefined {
  const identity = readJson<ProcessIdentity>(layout.holderPid);
  return identity !== undefined && isAlive(identity) ? identity : undefined;
}

/** Replaces the running edge by one of this program's version without losing a request; resolves when it serves. */
export async function upgradeEdge(layout: Layout): Promise<EdgeHello> {
  const holder = holderOf(layout);
  if (holder === undefined) return startHolder(layout);
  const from = logSize(layout);
  const before = await answering(layout, from);
  writeEntry(layout);
  process.kill(holder.pid, "SIGHUP");
  return answering(layout, from, (hello) => hello.epoch !== before.epoch);
}

/** Ends the edge and the holder; requests in flight get a moment to finish. Resolves when both are gone. */
export async function stopHolder(layout: Layout): Promise<void> {
  const holder = holderOf(layout);
  if (holder === undefined) return;
  process.kill(holder.pid, "SIGTERM");
  const deadline = performance.now() + STOP_MS;
  while (isAlive(holder)) {
    if (performance.now() > deadline)
      throw new EdgeError(
        "TEAL-E108",
        `holder ${holder.pid} did not end within ${STOP_MS / 1000} s`,
        logTail(layout),
      );
    await sleep(LOOK_MS);
  }
}

/** Hands the descriptors of two listening sockets to a holder that outlives this process. */
export function spawnHolder(layout: Layout, sockets: readonly number[]): void {
  mkdirSync(layout.root, { recursive: true, mode: 0o700 });
  const log = openSync(layout.edgeLog, "a", 0o600);
  try {
    const holder = spawn(process.execPath, [programFile("holder"), layout.root, writeEntry(layout)], {
      cwd: layout.root,
      detached: true,
      stdio: ["ignore", log, log, ...sockets],
    });
    holder.on("error", () => undefined).unref(); // shows as a missing pid
    const identity = identify(holder.pid ?? 0);
    if (identity === undefined) throw new EdgeError("TEAL-E107", "the holder ended at once", logTail(layout));
    writeDurably(layout.holderPid, `${JSON.stringify(identity)}\n`);
  } finally {
    closeSync(log);
  }
}

/** Node shows the descriptor of a server's handle, yet documents it for streams only. */
function descriptor(server: Server): number {
  const fd = (server as Server & { readonly _handle?: { readonly fd?: number } })._handle?.fd;
  if (fd === undefined || fd < 0)
    throw new Error("this Node does not tell the descriptor of a listening socket");
  return fd;
}

/** Which edge the holder starts next: a file, since the program may move when it is upgraded. */
function writeEntry(layout: Layout): string {
  const file = join(layout.root, "edge.entry");
  writeFileSync(file, `${programFile("edge")}\n`, { mode: 0o600 });
  return file;
}

/** Binds all addresses or none. Resolves in the same turn of the event loop in which they began to listen. */
async function bind(listen: readonly string[]): Promise<readonly Server[]> {
  const addresses = await Promise.all(listen.map(resolveAddress));
  const servers = addresses.map(() => createServer());
  const bound = await Promise.allSettled(
    servers.map((server, index) => listening(server, addresses[index] as Address)),
  );
  const failed = bound.findIndex((result) => result.status === "rejected");
  if (failed === -1) return servers;
  for (const server of servers) server.close();
  const error = (bound[failed] as PromiseRejectedResult).reason as NodeJS.ErrnoException;
  const address = listen[failed] as string;
  if (error.code === "EADDRINUSE") {
    throw new EdgeError(
      "TEAL-E105",
      `${address} is in use by another process; stop it or choose another address in teal.yaml`,
    );
  }
  throw new EdgeError("TEAL-E106", `cannot listen on ${address}: ${error.message}`);
}

interface Address {
  readonly host: string;
  readonly port: number;
}

/** `host:port`, `[v6]:port`. Names are resolved here: listening on a name would take further turns of the event loop. */
async function resolveAddress(address: string): Promise<Address> {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d+)$/.exec(address);
  if (match === null) throw new EdgeError("TEAL-E106", `${JSON.stringify(address)} is not host:port`);
  const name = match[1] ?? match[2] ?? "";
  try {
    return { host: (await lookup(name === "" ? "0.0.0.0" : name)).address, port: Number(match[3]) };
  } catch (error) {
    throw new EdgeError("TEAL-E106", `cannot listen on ${address}: ${(error as Error).message}`);
  }
}

function listening(server: Server, { host, port }: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, exclusive: true }, resolve);
  });
}

/** Resolves once an edge that `fits` answers. What its log says since `from` (bytes) about not being able to start is thrown. */
async function answering(
  layout: Layout,
  from: number,
  fits: (hello: EdgeHello) => boolean = () => true,
): Promise<EdgeHello> {
  const deadline = performance.now() + READY_MS;
  const client = new RpcClient(layout.edgeSocket);
  try {
    for (;;) {
      const hello = await client.call<EdgeHello>("hello", {}, 1_000).catch(() => undefined);
      if (hello !== undefined && fits(hello)) return hello;
      const said = /^(TEAL-E\d+) (.*)$/m.exec(logFrom(layout, from));
      if (said !== null) throw new EdgeError(said[1] as string, said[2] as string);
      if (performance.now() > deadline || holderOf(layout) === undefined) {
        throw new EdgeError(
          "TEAL-E107",
          `the edge does not answer on ${layout.edgeSocket}; its log: ${layout.edgeLog}`,
          logTail(layout),
        );
      }
      await sleep(LOOK_MS);
    }
  } finally {
    client.close();
  }
}

function logFrom(layout: Layout, from: number): string {
  return existsSync(layout.edgeLog) ? readFileSync(layout.edgeLog).toString("utf8", from) : "";
}

function logSize(layout: Layout): number {
  return statSync(layout.edgeLog, { throwIfNoEntry: false })?.size ?? 0;
}

function logTail(layout: Layout): readonly string[] {
  return logFrom(layout, 0).trimEnd().split("\n").slice(-5);
}
