import { spawn } from "node:child_process";
import { createRedactor } from "../../../core/redact.ts";
import { refused, type Refused } from "./refused.ts";

/** A program that prints manifests ends within so long (ms): `helm template` with remote charts takes seconds. */
const AT_MOST = 60_000;
/** What it may print (bytes). */
const LARGEST = 32 * 1024 * 1024;
/** Lines of its complaint that are quoted. */
const TAIL = 20;
/** Names of environment variables whose values are not to be shown. */
const SECRET_NAMES = /passw|secret|token|key|credential|auth/i;

export interface CommandOptions {
  readonly folder: string;
  readonly signal: AbortSignal;
  /** Values never to be shown, besides those of variables whose names say that they are secret. */
  readonly secrets?: readonly string[];
  /** Milliseconds; a minute by default. */
  readonly within?: number;
}

/** Runs a program (no shell) and answers what it printed. It ends with the deadline or the signal, with all it started. */
export async function printed(
  command: readonly string[],
  { folder, signal, secrets = [], within = AT_MOST }: CommandOptions,
): Promise<{ readonly is: "printed"; readonly text: string } | Refused> {
  const [program = "", ...args] = command;
  const deadline = AbortSignal.timeout(within);
  const ran = await run(program, args, folder, AbortSignal.any([signal, deadline]));
  if (ran.exit === 0 && ran.fault === undefined) return { is: "printed", text: ran.stdout };
  const hide = createRedactor([...secrets, ...secretValues(process.env)]);
  const how = signal.aborted
    ? "was interrupted"
    : deadline.aborted
      ? `did not end within ${within / 1000} s`
      : (ran.fault ?? `failed with exit code ${ran.exit}`);
  return refused(
    "TEAL-K274",
    `the template's command ${hide(command.join(" "))} ${how}`,
    `Run it in ${folder} and correct what it complains of.`,
    hide(ran.stderr).trimEnd().split("\n").slice(-TAIL),
  );
}

interface Ran {
  readonly exit: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly fault?: string;
}

function run(program: string, args: readonly string[], folder: string, signal: AbortSignal): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: folder,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let fault: string | undefined;
    const kill = () => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      } catch {
        // ended by itself
      }
      // What left the group may hold them open for ever.
      child.stdout.destroy();
      child.stderr.destroy();
    };
    const chunks: { readonly [stream in "stdout" | "stderr"]: Buffer[] } = { stdout: [], stderr: [] };
    let bytes = 0;
    for (const stream of ["stdout", "stderr"] as const)
      child[stream].on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes <= LARGEST) chunks[stream].push(chunk);
        else {
          fault ??= `printed more than ${LARGEST / 1024 / 1024} MiB`;
          kill();
        }
      });
    signal.addEventListener("abort", kill, { once: true });
    if (signal.aborted) kill();
    const end = (exit: number | null) => {
      signal.removeEventListener("abort", kill);
      const [stdout, stderr] = [chunks.stdout, chunks.stderr].map((all) =>
        Buffer.concat(all).toString("utf8"),
      );
      resolve({
        exit,
        stdout: stdout ?? "",
        stderr: stderr ?? "",
        ...(fault === undefined ? {} : { fault }),
      });
    };
    child.once("error", ({ message }) => {
      fault ??= `could not be started: ${message}`;
      end(null);
    });
    child.once("close", end);
  });
}

function secretValues(env: NodeJS.ProcessEnv): readonly string[] {
  return Object.entries(env).flatMap(([name, value]) =>
    value !== undefined && SECRET_NAMES.test(name) ? [value] : [],
  );
}
