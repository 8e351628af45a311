import { spawn } from "node:child_process";
import { readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { API, nodeAddress } from "./place.ts";

const COMMAND_MS = 15_000;

/** Runs a program with `input`, and throws with what it complains of. */
export function run(command: readonly [string, ...string[]], input = ""): Promise<void> {
  const [program, ...args] = command;
  const child = spawn(program, args, { stdio: ["pipe", "ignore", "pipe"], timeout: COMMAND_MS });
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (part: string) => (complaint += part));
  child.stdin.on("error", () => undefined); // said by its exit status
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      if (code === 0) resolve();
      else
        reject(new Error(`${command.join(" ")} ended with ${code ?? signal}: ${complaint.trim()}\n${input}`));
    });
  });
}

/** `ip` commands, one a line, in the network of the process `pid` or in ours. */
export function ip(lines: readonly string[], pid?: number): Promise<void> {
  const input = `${lines.join("\n")}\n`;
  if (pid === undefined) return run(["ip", "-batch", "-"], input);
  return run(["nsenter", "--target", String(pid), "--net", "--", "ip", "-batch", "-"], input);
}

/** The middle of the cluster: the API server's address, and the way from node to node. */
export async function prepareMiddle(): Promise<void> {
  writeFileSync("/proc/sys/net/ipv4/ip_forward", "1");
  await ip([`link set lo up`, `address replace ${API.address}/32 dev lo`]);
}

/** Joins a node's network, which `pid` holds, to the middle: its addresses and pods are reached over one link. */
export async function joinNode(index: number, pid: number): Promise<void> {
  const middle = `10.100.${index}.1`;
  const link = `node${index}`;
  await ip([
    `link add name ${link} type veth peer name middle netns ${pid}`,
    `address add ${middle}/30 dev ${link}`,
    `link set ${link} up`,
    `route add 10.244.${index}.0/24 via ${nodeAddress(index)}`,
  ]);
  await ip(
    [
      `link set lo up`,
      `address add ${nodeAddress(index)}/30 dev middle`,
      // The way out of every pod; pods ask for it on links of their own.
      `address add 10.244.${index}.1/32 dev lo`,
      `link set middle up`,
      `route add default via ${middle}`,
    ],
    pid,
  );
}

/** The process below `unshare` of this pid (or that process itself) once it has a network of its own. */
export function holderOf(unshare: number): number | undefined {
  try {
    const children = readFileSync(`/proc/${unshare}/task/${unshare}/children`, "utf8").trim();
    const pid = Number(children.split(" ")[0] || unshare);
    const network = (of: number | "self"): string => readlinkSync(`/proc/${of}/ns/net`);
    return network(pid) === network("self") ? undefined : pid;
  } catch {
    return undefined; // not there yet
  }
}
