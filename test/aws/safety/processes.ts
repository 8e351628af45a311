import { spawn } from "node:child_process";
import { join } from "node:path";
import type { Met } from "../../aws-sim/interception.ts";
import type { AwsStory } from "../story.ts";
import type { Ended, Errand } from "./engine.ts";

export type { Errand } from "./engine.ts";

/* Processes that deploy, of which every call is known; one can be killed around any of them. */

const PROGRAM = join(import.meta.dirname, "engine.ts");

/** Where a process dies: the call is counted among those that the process makes, from 1. */
export interface Death {
  readonly at: number;
  /** Before it is carried out (then it never is), or after, before the answer is heard. */
  readonly when: "before" | "after";
  /** Counts only these; all by default. */
  readonly counts?: (call: Met) => boolean;
}

export type Ran =
  | (Ended & { readonly is: "ended" })
  | { readonly is: "killed"; readonly at: Met }
  /** It ended otherwise than it should. */
  | { readonly is: "broken"; readonly told: string };

export interface Process {
  /** What it asked of AWS so far. */
  readonly calls: readonly Met[];
  readonly pid: number;
  /** Whose calls are its. */
  readonly arn: string;
  kill(signal?: NodeJS.Signals): void;
  /** Its credentials end now. */
  expire(): void;
  readonly ended: Promise<Ran>;
}

let processes = 0;

/** Starts a process with credentials of its own. */
export function start(
  story: AwsStory,
  errand: Pick<Errand, "does" | "machine" | "waitLock">,
  death?: Death,
): Process {
  const { simulator } = story;
  processes += 1;
  const arn = `arn:aws:iam::${simulator.account}:role/runner-${processes}`;
  const accessKeyId = `AKIARUNNER${processes}`;
  const principal = { accessKeyId, secretAccessKey: `secret-of-runner-${processes}`, arn };
  simulator.principal(principal);
  const { folder } = story;
  const whole: Errand = { ...errand, folder, stateDir: join(folder, "state"), speed: simulator.clock.speed };
  const child = spawn(process.execPath, [PROGRAM, JSON.stringify(whole)], {
    env: { ...process.env, ...simulator.environment(accessKeyId) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const calls: Met[] = [];
  let killedAt: Met | undefined;
  let counted = 0;
  const gone = new Promise<{ readonly code: number | null; readonly signal: string | null }>(
    (resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => resolve({ code, signal }));
    },
  );
  const strike = (when: Death["when"]) => async (call: Met) => {
    if (call.principal !== arn) return undefined;
    if (killedAt !== undefined) return "lost" as const;
    if (when === "before") {
      calls.push(call);
      if (death?.counts?.(call) ?? true) counted += 1;
    }
    const isIt = death?.when === when && counted === death.at && (death.counts?.(call) ?? true);
    if (!isIt) return undefined;
    killedAt = call;
    child.kill("SIGKILL");
    await gone;
    return "lost" as const;
  };
  const leave = simulator.intercept({ before: strike("before"), after: strike("after") });
  let out = "";
  let err = "";
  child.stdout.on("data", (part: Buffer) => (out += part.toString()));
  child.stderr.on("data", (part: Buffer) => (err += part.toString()));
  const ended = gone.then(({ code, signal }): Ran => {
    leave();
    if (killedAt !== undefined) return { is: "killed", at: killedAt };
    const last = out.trim().split("\n").at(-1) ?? "";
    if (code === 0 && last.startsWith("{")) return { is: "ended", ...(JSON.parse(last) as Ended) };
    return { is: "broken", told: `${code ?? signal}: ${out}${err}` };
  });
  return {
    calls,
    pid: child.pid ?? 0,
    arn,
    kill: (signal = "SIGKILL") => void child.kill(signal),
    expire: () => simulator.principal({ ...principal, expires: Date.now() - 1 }),
    ended,
  };
}
