import { spawn } from "node:child_process";
import http from "node:http";
import { text } from "node:stream/consumers";
import type { Cluster } from "../cluster.ts";

/**
 * Requests of users through a gateway, each over a connection of its own, from the users' network. Run as a program,
 * this file is those users: it prints what they were answered.
 */

export interface Asking {
  readonly url: string;
  readonly count: number;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answered {
  readonly status: number;
  readonly body: string;
}

const AT_ONCE = 8;
const AT_MOST_MS = 300_000;

/** Answers in the order in which they came. */
export async function askMany(cluster: Cluster, asking: Asking): Promise<readonly Answered[]> {
  const command = cluster.asClient([process.execPath, import.meta.filename, JSON.stringify(asking)]);
  const [program = "", ...args] = command;
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], timeout: AT_MOST_MS });
  const [output, complaint] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (output === "") throw new Error(`${asking.url}: ${complaint}`);
  return JSON.parse(output) as readonly Answered[];
}

/**
 * Users that ask all the time while `work` is done: at least one was answered before it begins, and at least one asks
 * after it ended.
 */
export async function askDuring(
  cluster: Cluster,
  url: string,
  work: () => Promise<void>,
): Promise<readonly Answered[]> {
  const asking: Asking = { url, count: Infinity };
  const command = cluster.asClient([process.execPath, import.meta.filename, JSON.stringify(asking)]);
  const [program = "", ...args] = command;
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], timeout: AT_MOST_MS });
  const [output, complaint] = [text(child.stdout), text(child.stderr)];
  await new Promise<void>((resolve, reject) => {
    child.stdout.once("data", resolve);
    child.once("exit", () => reject(new Error(`the users of ${url} ended before they were answered`)));
  });
  try {
    await work();
  } finally {
    child.stdin.end();
  }
  const [, answers] = (await output).split("\n");
  if (answers === undefined || answers === "") throw new Error(`${url}: ${await complaint}`);
  return JSON.parse(answers) as readonly Answered[];
}

/** How many answers began with each word: the revisions of the test images say theirs first. */
export function countByWord(answers: readonly Answered[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { status, body } of answers) {
    const word = status === 200 ? (body.split(" ")[0] ?? "") : String(status);
    counts[word] = (counts[word] ?? 0) + 1;
  }
  return counts;
}

/** One request of whoever runs this, over a connection of its own. */
export function askOnce({ url, headers = {} }: Omit<Asking, "count">): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { headers, agent: false, timeout: 10_000 }, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
    });
    request.once("timeout", () => request.destroy(new Error(`no answer from ${url} in 10 s`)));
    request.once("error", reject);
  });
}

if (process.argv[1] === import.meta.filename) {
  // JSON has no Infinity: without a count it goes on until standard input ends.
  const asking = JSON.parse(process.argv[2] ?? "") as Asking & { count: number | null };
  const answers: Answered[] = [];
  let left = asking.count ?? Infinity;
  const one = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      answers.push(await askOnce(asking));
    }
  };
  if (asking.count === null) {
    answers.push(await askOnce(asking));
    process.stdout.write("answered\n");
    process.stdin.resume().once("end", () => (left = AT_ONCE));
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, left) }, one));
  process.stdout.write(JSON.stringify(answers));
}
