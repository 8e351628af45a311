import { spawn } from "node:child_process";

/** So much of a command's output is kept, from its beginning. */
const OUTPUT_LIMIT = 64 * 1024;
/** A child that outlives the command and holds its output open is given so long to finish. */
const LINGER = 250;

export interface Ran {
  /** Null when it was killed, or could not be started: then `output` says why. */
  readonly exit: number | null;
  readonly output: string;
}

/**
 * Runs a command in a process group of its own and waits for its end. When the signal aborts, or when children hold on
 * after the command ended, the whole group is killed. Output and errors come in the order they were written.
 * @param command a shell line, or a program with its arguments.
 */
export function runCommand(
  command: readonly string[] | string,
  where: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
  signal: AbortSignal,
): Promise<Ran> {
  const [program = "", ...args] = typeof command === "string" ? ["/bin/sh", "-c", command] : command;
  return new Promise((resolve) => {
    if (signal.aborted) return resolve({ exit: null, output: "" });
    const child = spawn(program, args, {
      cwd: where.cwd,
      env: { ...where.env },
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const chunks: Buffer[] = [];
    let size = 0;
    const keep = (chunk: Buffer) => {
      if (size < OUTPUT_LIMIT) chunks.push(chunk.subarray(0, OUTPUT_LIMIT - size));
      size += chunk.length;
    };
    const kill = () => {
      if (child.pid !== undefined) killGroup(child.pid);
    };
    let linger: NodeJS.Timeout | undefined;
    const settle = (exit: number | null, output = Buffer.concat(chunks).toString("utf8")) => {
      clearTimeout(linger);
      signal.removeEventListener("abort", kill);
      resolve({ exit, output });
    };
    signal.addEventListener("abort", kill, { once: true });
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.on("error", (error) => settle(null, error.message));
    child.on("exit", () => {
      linger = setTimeout(() => {
        // "close" has not come: a member of the group still holds the pipe, so the number is not somebody else's yet.
        kill();
        child.stdout.destroy();
        child.stderr.destroy();
      }, LINGER);
    });
    child.on("close", (code) => settle(code));
  });
}

function killGroup(group: number): void {
  try {
    process.kill(-group, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
