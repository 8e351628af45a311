import { spawn } from "node:child_process";

export interface Ran {
  readonly exit: number | null;
  readonly output: string;
  /** Why it could not be started. */
  readonly error?: NodeJS.ErrnoException;
}

/**
 * Runs a program to its end, in a process group that ends with the signal.
 * @param each told of every line as it comes, of both outputs.
 */
export function run(
  program: string,
  args: readonly string[],
  options: {
    readonly cwd: string;
    readonly signal: AbortSignal;
    readonly env?: Readonly<Record<string, string>>;
    readonly each?: (line: string) => void;
  },
): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    let rest = "";
    const add = (chunk: string) => {
      output += chunk;
      if (options.each === undefined) return;
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) options.each(line);
    };
    child.stdout.setEncoding("utf8").on("data", add);
    child.stderr.setEncoding("utf8").on("data", add);
    const kill = () => {
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, "SIGKILL");
      } catch {
        // ended by itself
      }
    };
    options.signal.addEventListener("abort", kill, { once: true });
    if (options.signal.aborted) kill();
    const end = (ran: Ran) => {
      options.signal.removeEventListener("abort", kill);
      if (rest !== "") options.each?.(rest);
      resolve(ran);
    };
    child.once("error", (error) => end({ exit: null, output, error }));
    child.once("close", (exit) => end({ exit, output }));
  });
}
