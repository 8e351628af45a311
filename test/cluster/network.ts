import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { API } from "./place.ts";

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
  const enter = pid === undefined ? [] : ["nsenter", "--target", String(pid), "--net", "--"];
  const [program = "ip", ...args] = [...enter, "ip", "-batch", "-"];
  return run([program, ...args], `${lines.join("\n")}\n`);
}

/** The middle of the cluster: the API server's address, and the way from node to node. */
export async function prepareMiddle(): Promise<void> {
  writeFileSync("/proc/sys/net/ipv4/ip_forward", "1");
  await ip([`link set lo up`, `address replace ${API.address}/32 dev lo`]);
}
