import { execFile } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { isIP } from "node:net";
import { endianness } from "node:os";

/** Does a process of the group listen on the port? `unknown` when the system does not let us see. */
export type Ownership =
  | { readonly is: "yes" }
  /** Who listens instead, as far as it can be seen; empty when nobody listens any more. */
  | { readonly is: "no"; readonly pids: readonly number[] }
  | { readonly is: "unknown"; readonly why: string };

/**
 * Pids of the processes that hold the socket listening on a TCP port of this machine; several when it is inherited.
 * @param host narrows down to the sockets that answer at this address (a wildcard counts where no closer one is).
 * @returns empty when nobody listens, `unknown` when somebody does whom we may not see or the system cannot tell.
 */
export async function listenerOf(port: number, host?: string): Promise<number[] | "unknown"> {
  if (process.platform !== "linux") return listenersByLsof(port);
  const inodes = listeningInodes(port, host);
  if (inodes.size === 0) return [];
  const holders = processes().filter((pid) => holds(pid, inodes) === "yes");
  return holders.length === 0 ? "unknown" : holders;
}

/** Whether the living process `pid` belongs to the process group `group`. */
export async function inGroup(pid: number, group: number): Promise<boolean> {
  return process.platform === "linux" ? groupOf(pid) === group : (await groupByPs(pid)) === group;
}

/** Whether the port at this address is served by the process group. */
export async function ownsPort(group: number, port: number, host: string): Promise<Ownership> {
  return process.platform === "linux" ? ownsByProc(group, port, host) : ownsByLsof(group, port);
}

/**
 * By group, the process found listening last. Looked at first and never believed unseen: replicas are asked all day,
 * and going through every process of the machine takes milliseconds.
 */
const lastOwner = new Map<number, number>();

/** Looks at the group's own processes first: few, and readable, where those of the whole machine are neither. */
async function ownsByProc(group: number, port: number, host: string): Promise<Ownership> {
  const inodes = listeningInodes(port, host);
  if (inodes.size === 0) return { is: "no", pids: [] };
  const last = lastOwner.get(group);
  if (last !== undefined && groupOf(last) === group && holds(last, inodes) === "yes") return { is: "yes" };
  const members = processes().filter((pid) => groupOf(pid) === group);
  const owner = members.find((pid) => holds(pid, inodes) === "yes");
  if (owner !== undefined) {
    if (lastOwner.size >= 1_000) lastOwner.clear();
    lastOwner.set(group, owner);
    return { is: "yes" };
  }
  if (members.some((pid) => holds(pid, inodes) === "hidden")) {
    return { is: "unknown", why: `open files of process group ${group} are not readable` };
  }
  const pids = await listenerOf(port, host);
  return { is: "no", pids: pids === "unknown" ? [] : pids };
}

export async function ownsByLsof(group: number, port: number): Promise<Ownership> {
  const pids = await listenersByLsof(port);
  if (pids === "unknown") return { is: "unknown", why: `lsof cannot tell who listens on port ${port}` };
  for (const pid of pids) if ((await groupByPs(pid)) === group) return { is: "yes" };
  return { is: "no", pids };
}

/** Where there is no /proc. lsof shows only what the user may see and fails alike for "nobody" and "not allowed". */
export async function listenersByLsof(port: number): Promise<number[] | "unknown"> {
  const output = await run("lsof", ["-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-t"]);
  const pids = (output ?? "")
    .split("\n")
    .filter((line) => line !== "")
    .map(Number);
  return pids.length === 0 ? "unknown" : pids;
}

export async function groupByPs(pid: number): Promise<number | undefined> {
  const output = (await run("ps", ["-o", "pgid=", "-p", String(pid)]))?.trim();
  return output === undefined || output === "" ? undefined : Number(output);
}

function run(command: string, args: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(command, args, { timeout: 1_500, killSignal: "SIGKILL" }, (error, stdout) =>
      resolve(error === null ? stdout : undefined),
    );
  });
}

function processes(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/u.test(name))
    .map(Number);
}

function groupOf(pid: number): number | undefined {
  try {
    // Field 5 of /proc/<pid>/stat, counted after the last ")": the command name may contain anything. See proc(5).
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[2]);
  } catch {
    return undefined;
  }
}

function holds(pid: number, inodes: ReadonlySet<string>): "yes" | "no" | "hidden" {
  let files: string[];
  try {
    files = readdirSync(`/proc/${pid}/fd`);
  } catch (error) {
    // Gone meanwhile, or somebody else's.
    return (error as NodeJS.ErrnoException).code === "EACCES" ? "hidden" : "no";
  }
  const held = files.some((file) => {
    try {
      return inodes.has(readlinkSync(`/proc/${pid}/fd/${file}`));
    } catch {
      return false;
    }
  });
  return held ? "yes" : "no";
}

/** The listening sockets that a connection to `host` reaches, as `/proc/<pid>/fd` names them: `socket:[12345]`. */
function listeningInodes(port: number, host: string | undefined): ReadonlySet<string> {
  const sockets = [...listeningSockets("/proc/net/tcp"), ...listeningSockets("/proc/net/tcp6")]
    .filter((socket) => socket.port === port)
    .map((socket) => ({ inode: socket.inode, closeness: closeness(socket.address, host) }));
  const closest = Math.max(...sockets.map((socket) => socket.closeness));
  return new Set(
    sockets
      .filter((socket) => socket.closeness === closest && closest > 0)
      .map((socket) => `socket:[${socket.inode}]`),
  );
}

/** The kernel prefers an exact address to a wildcard, and the wildcard of the same family. 0: never answers there. */
function closeness(address: string, host: string | undefined): number {
  if (host === undefined || isIP(host) === 0) return 1;
  const v4 = isIP(host) === 4;
  if (address === hexOf(host) || (v4 && address === hexOf(`::ffff:${host}`))) return 3;
  if (address === (v4 ? "00000000" : "0".repeat(32))) return 2;
  return v4 && address === "0".repeat(32) ? 1 : 0;
}

interface ListeningSocket {
  /** Hexadecimal, network byte order. */
  readonly address: string;
  readonly port: number;
  readonly inode: string;
}

/** Lines of /proc/net/tcp with state 0A (LISTEN); see proc_net_tcp in the kernel's documentation. */
function listeningSockets(file: string): ListeningSocket[] {
  let table: string;
  try {
    table = readFileSync(file, "latin1");
  } catch {
    return []; // a kernel without IPv6
  }
  return table
    .split("\n")
    .slice(1)
    .flatMap((line) => {
      const fields = line.trim().split(/\s+/u);
      const [address = "", port = ""] = (fields[1] ?? "").split(":");
      return fields[3] === "0A"
        ? [{ address: networkOrder(address), port: Number.parseInt(port, 16), inode: fields[9] ?? "" }]
        : [];
    });
}

/** The kernel prints each 32 bit word of an address in the machine's own byte order. */
function networkOrder(hex: string): string {
  const words = hex.match(/.{8}/gu) ?? [];
  const backwards = (word: string) => (word.match(/../gu) ?? []).toReversed().join("");
  return words
    .map((word) => (endianness() === "LE" ? backwards(word) : word))
    .join("")
    .toLowerCase();
}

/** An IP address as hexadecimal digits in network byte order. */
function hexOf(host: string): string {
  const byte = (value: string) => Number(value).toString(16).padStart(2, "0");
  if (isIP(host) === 4) return host.split(".").map(byte).join("");
  // A trailing dotted quad becomes two groups, then `::` is filled up to eight groups.
  const plain = (host.split("%")[0] ?? "").replace(
    /(\d+)\.(\d+)\.(\d+)\.(\d+)$/u,
    (_, ...quad: string[]) =>
      `${byte(quad[0] ?? "")}${byte(quad[1] ?? "")}:${byte(quad[2] ?? "")}${byte(quad[3] ?? "")}`,
  );
  const [head = "", tail] = plain.split("::");
  const groups = (part: string) =>
    part === "" ? [] : part.split(":").map((group) => group.padStart(4, "0"));
  const last = tail === undefined ? [] : groups(tail);
  const first = groups(head);
  return [...first, ...Array.from({ length: 8 - first.length - last.length }, () => "0000"), ...last]
    .join("")
    .toLowerCase();
}
