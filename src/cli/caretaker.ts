import { moveOn } from "../api/deploying.ts";
import { currentStep, fold } from "../core/deployment.ts";
import type { Step } from "../core/plan.ts";
import { millis, type Instant } from "../core/units.ts";
import { becomeCaretaker, isCaretaker } from "./background.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import type { Session } from "./session.ts";

/** Longest sleep between two looks at the journal, in ms: a wait may have been answered meanwhile. */
const LOOK = 5_000;

/**
 * Sleeps until the open wait is over and then advances the deployment, again and again until nothing is open. It
 * leaves alone what another process advances. Says nothing when there is nothing to do.
 */
export async function careUntilDue(session: Session): Promise<ExitCode> {
  const resign = becomeCaretaker(session);
  if (resign === undefined) return EXIT.done;
  const ended = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.once(signal, () => ended.abort());
  await care(session, ended.signal);
  if (!isCaretaker(session)) return EXIT.done;
  resign();
  // A deployment that came to its wait just now may have seen this process alive, and started none.
  return ended.signal.aborted || (await dueAt(session)) === undefined ? EXIT.done : careUntilDue(session);
}

async function care(session: Session, signal: AbortSignal): Promise<void> {
  const { connection, out } = session;
  while (!signal.aborted && isCaretaker(session)) {
    const due = await dueAt(session);
    if (due === undefined) return;
    const left = due - connection.clock.now();
    if (left > 0) {
      await connection.clock.sleep(millis(Math.min(left, LOOK)), signal);
      continue;
    }
    const moved = await moveOn(connection, { signal, stay: true });
    out.note(`${new Date().toISOString()} advanced: ${moved.is}`);
    // Somebody else is at it, or it cannot be advanced now.
    if (moved.is === "busy" || moved.is === "failed" || moved.is === "refused")
      await connection.clock.sleep(millis(LOOK), signal);
  }
}

/**
 * When the open deployment has to be looked after; undefined when there is nothing to look after: none is open, or one
 * was interrupted and a person decides how it goes on.
 */
async function dueAt({ connection }: Session): Promise<Instant | undefined> {
  const current = await connection.store.current(connection.key);
  if (current.is === "none") return undefined;
  const soon = (connection.clock.now() + LOOK) as Instant;
  if (current.is === "unavailable") return soon;
  const deployment = fold(current.journal.events);
  const { state } = deployment;
  if (state.is === "waiting" && opensByItself(currentStep(deployment))) return connection.clock.now();
  if (state.is === "warm" || state.is === "waiting") return state.until;
  const lease = await connection.store.lease(connection.key);
  const held =
    lease.is === "lease" && !lease.lease.released && connection.isGone(lease.lease.holder) !== "gone";
  return held ? soon : undefined;
}

/** A time window opens before its gate's deadline: somebody has to be there then. */
function opensByItself(step: Step | undefined): boolean {
  return step?.do === "gate" && step.gate.gate === "schedule";
}
