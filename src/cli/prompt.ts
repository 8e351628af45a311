import type { Terminal } from "./terminal.ts";

export interface KeyQuestion {
  /** The key that was pressed, `interrupt` for Ctrl-C, undefined when the question was closed. */
  readonly answer: Promise<string | undefined>;
  close(): void;
}

/** Asks for one key while everything else goes on. */
export function askKey(terminal: Terminal, text: string, keys: readonly string[]): KeyQuestion {
  const { stdin } = process;
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const end = (key: string | undefined) => {
    stdin.off("data", read);
    stdin.setRawMode(false);
    stdin.pause();
    resolve(key);
  };
  const read = (data: Buffer) => {
    const key = data.toString("utf8").toLowerCase();
    if (key === "\u0003") end("interrupt");
    else if (keys.includes(key)) end(key);
  };
  terminal.write(`${text}\n`);
  stdin.setRawMode(true);
  stdin.on("data", read);
  stdin.resume();
  return { answer: promise, close: () => end(undefined) };
}

/** A question that must be answered with yes. Without a terminal nobody is asked: `--yes` has to say it. */
export async function confirmed(question: string, yes: boolean): Promise<"yes" | "no" | "nobody to ask"> {
  if (yes) return "yes";
  if (!process.stdin.isTTY || !process.stdout.isTTY) return "nobody to ask";
  const { createInterface } = await import("node:readline/promises");
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/iu.test((await lines.question(`${question} [y/N] `)).trim()) ? "yes" : "no";
  } finally {
    lines.close();
  }
}
