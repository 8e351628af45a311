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

/**
 * Joins the users' network, which `users` holds, to every node. A new connection of a user takes the next node, as
 * behind a balancer in front of the nodes; its packets stay on that way.
 */
export async function joinUsers(users: number, nodes: readonly number[]): Promise<void> {
  for (const [at, node] of nodes.entries()) {
    const index = at + 1;
    const gateway = `10.200.${index}.1`;
    await ip([
      `link add name node${index} netns ${users} type veth peer name users netns ${node}`,
      `route add 10.200.${index}.0/30 via ${nodeAddress(index)}`,
    ]);
    await ip([`address add ${gateway}/30 dev users`, `link set users up`], node);
    await ip(
      [
        `address add 10.200.${index}.2/30 dev node${index}`,
        `link set node${index} up`,
        `route add default via ${gateway} table ${index}`,
        `rule add fwmark ${index} lookup ${index}`,
        // Any way will do until the connection has its mark.
        `route replace default via ${gateway}`,
      ],
      users,
    );
  }
  const enter = ["nsenter", "--target", String(users), "--net", "--"] as const;
  const lenient =
    "ip link set lo up; for each in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > $each; done";
  await run([...enter, "sh", "-ec", lenient]);
  await run([...enter, "nft", "-f", "-"], takeTurns(nodes.length));
}

/** The mark of a connection chooses its way out, and the way its address. */
function takeTurns(nodes: number): string {
  return `
    table ip users {
      chain turns {
        type route hook output priority mangle;
        oifname lo accept
        ct state new ct mark set numgen inc mod ${nodes} offset 1
        meta mark set ct mark
      }
      chain addresses {
        type nat hook postrouting priority srcnat;
        oifname "node*" masquerade
      }
    }`;
}
