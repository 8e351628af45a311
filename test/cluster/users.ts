import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { Load, type Answered } from "../../examples/load.ts";
import type { Cluster } from "./cluster.ts";

/**
 * Users of a Service, in the users' network of a cluster. Run as a program, this file is those users: it asks until its
 * standard input ends, and prints what they saw.
 */

export interface UsersOptions {
  /** `http://<cluster address of a Service>` */
  readonly url: string;
  /** Requests per second; three of five are over kept connections, one over a fresh one, one sends a body. */
  readonly rate: number;
  /** On one node instead of all in turn. */
  readonly node?: string;
}

export interface Users {
  /** Resolves when the first of them was answered, or told that nobody does. */
  readonly begun: Promise<void>;
  /** Ends the requests, and answers with all of them. */
  stop(): Promise<readonly Answered[]>;
}

/** Longer than any test: they ask until they are told to stop, or whoever started them is gone. */
const AT_MOST_MS = 900_000;
const STOP_MS = 40_000;
const PATHS = { "keep-alive": "/", fresh: "/", checkout: "/digest" };

export function startUsers(cluster: Cluster, { url, rate, node }: UsersOptions): Users {
  const command = cluster.asClient([process.execPath, import.meta.filename, url, String(rate)], node);
  const [program = "", ...args] = command;
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
  const output = text(child.stdout);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", resolve);
  });
  const begun = new Promise<void>((resolve, reject) => {
    child.stdout.once("data", () => resolve());
    ended.then((status) => reject(new Error(`the users of ${url} ended with ${status}`)), reject);
  });
  // Not everybody waits for it; stop() tells as well.
  begun.catch(() => undefined);
  return {
    begun,
    async stop() {
      child.stdin.end();
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
      const status = await ended.finally(() => clearTimeout(timer));
      if (status !== 0) throw new Error(`the users of ${url} ended with ${status}`);
      return JSON.parse((await output).split("\n").at(-1) ?? "") as readonly Answered[];
    },
  };
}

/** One GET of a user: what was answered. */
export async function ask(cluster: Cluster, url: string, node?: string): Promise<string> {
  const script = "const answer = await fetch(process.argv[1]); process.stdout.write(await answer.text())";
  const [program = "", ...args] = cluster.asClient([process.execPath, "-e", script, url], node);
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], timeout: 15_000 });
  const [answer, complaint] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (answer === "") throw new Error(`${url}: ${complaint}`);
  return answer;
}

if (process.argv[1] === import.meta.filename) {
  const [url = "", rate] = process.argv.slice(2);
  const options = { url, rate: Number(rate), streams: 0, atMost: AT_MOST_MS, paths: PATHS };
  const load = new Load({ ...options, versionHeader: "x-revision" });
  const told = text(process.stdin);
  let isTold = false;
  void told.then(() => (isTold = true));
  while (load.answers.length === 0 && !isTold) await sleep(5);
  process.stdout.write("begun\n");
  await told;
  process.stdout.write(JSON.stringify(await load.stop()));
}
