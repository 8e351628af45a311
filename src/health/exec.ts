import type { Check } from "../core/checks.ts";
import type { Reach } from "../ports/slots.ts";
import type { Limit, Outcome } from "./outcome.ts";

/** After the limit, so long for the target to kill the command before the answer is given without it. */
const KILL_TIME = 1_000;

/** Runs the check's command beside the replica, in its environment, and compares the exit code. */
export async function askExec(
  exec: (Check & { ask: "exec" })["exec"],
  reach: Reach,
  limit: Limit,
): Promise<Outcome> {
  if (reach.exec === undefined)
    return { is: "unknown", why: "this target cannot run a command beside a replica" };
  const running = reach.exec(exec.command, limit.signal).then(
    (ran) => (limit.signal.aborted ? limit.reason() : compare(exec.expectExit, ran)),
    (error: unknown): Outcome =>
      limit.signal.aborted
        ? limit.reason()
        : { is: "unknown", why: `the command could not be run: ${String(error)}` },
  );
  return Promise.race([running, afterLimit(limit, running)]);
}

export function expectedExit(exit: number): string {
  return `exit ${exit}`;
}

function compare(expected: number, ran: { readonly exit: number | null; readonly output: string }): Outcome {
  const output = ran.output.trim() === "" ? {} : { excerpt: ran.output };
  const actual = ran.exit === null ? "killed or not started" : `exit ${ran.exit}`;
  return ran.exit === expected
    ? { is: "pass", actual, ...output }
    : { is: "fail", expected: expectedExit(expected), actual, ...output };
}

/** The limit's own answer for a connector that does not heed its signal. */
function afterLimit(limit: Limit, running: Promise<unknown>): Promise<Outcome> {
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const wait = () => {
      timer = setTimeout(() => resolve(limit.reason()), KILL_TIME);
    };
    if (limit.signal.aborted) wait();
    else limit.signal.addEventListener("abort", wait, { once: true });
    void running.finally(() => {
      clearTimeout(timer);
      limit.signal.removeEventListener("abort", wait);
    });
  });
}
