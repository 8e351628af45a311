import type { Moved, MoveOptions } from "../api/deploying.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import { ensureCaretaker, resumeInBackground } from "./background.ts";
import { finish, openDeployment, serves, type Ending } from "./finish.ts";
import { Interrupts } from "./interrupts.ts";
import { Screen } from "./screen.ts";
import type { Session } from "./session.ts";
import { saying } from "./terminal.ts";

export interface Moving extends Ending {
  /** Only what happens from now on is told. */
  readonly fromNow?: boolean;
  /**
   * Leave the bake alone where it can be judged later; elsewhere go on in the background, `now` or as soon as the
   * deployment is open.
   */
  readonly detach?: "now" | "whenOpen" | undefined;
  /** Stay attached through gates and other waits. */
  readonly stay?: boolean;
}

/** Runs what moves a deployment: shows it, listens to Ctrl-C, and leaves nothing unattended behind. */
export async function moving(
  session: Session,
  how: Moving,
  act: (options: MoveOptions) => Promise<Moved>,
): Promise<ExitCode> {
  const { out, invocation } = session;
  const leaves = how.detach !== undefined && canLeave(session);
  if (how.detach !== undefined && isStranding(session)) return finish(session, STRANDED, how);
  const screen = new Screen(session, {
    exits: how.exits,
    ...(how.fromNow === undefined ? {} : { fromNow: how.fromNow }),
  });
  const interrupts = new Interrupts(session);
  await screen.start();
  if (how.detach === "now" && !leaves) interrupts.detach("asked");
  let moved: Moved;
  try {
    moved = await unlessInterrupted(interrupts.signal, () =>
      act({
        signal: interrupts.signal,
        stay: how.stay ?? false,
        leave: leaves,
        ...(invocation.globals.waitLock === undefined ? {} : { waitLock: invocation.globals.waitLock }),
        progress: (line) => out.note(line),
        planned: () => {
          if (how.detach !== undefined && !leaves) interrupts.detach("asked");
        },
      }),
    );
  } finally {
    interrupts.stop();
    await screen.finish();
  }
  // What was left to the metrics' history needs nobody, and the machine of a pipeline goes away.
  if (!leaves && needsCare(moved)) ensureCaretaker(session);
  return moved.is === "detached" ? detached(session, interrupts) : finish(session, moved, how);
}

/** A bake needs nobody beside it where its metrics can be asked afterwards, by whoever finds its journal. */
export function canLeave(session: Session): boolean {
  return keepsHistory(session) && session.config.target.aws?.state !== undefined;
}

function keepsHistory({ connection }: Session): boolean {
  return connection.target.metrics?.history !== undefined;
}

/**
 * The machine of a pipeline goes away with its job, and the background process and the only journal with it, while the
 * deployment holds capacity elsewhere. `CI` is set by GitHub Actions, GitLab and others:
 * https://docs.github.com/en/actions/reference/workflows-and-actions/variables
 */
function isStranding(session: Session): boolean {
  const inPipeline = !["", "0", "false"].includes(process.env["CI"] ?? "");
  return inPipeline && keepsHistory(session) && !canLeave(session);
}

const STRANDED: Moved = {
  is: "refused",
  cause: {
    code: "TEAL-X022",
    message:
      "--detach in a pipeline (CI is set) without shared state: the journal is on this machine, and nobody could go on",
  },
  next: "set state: s3://BUCKET/PREFIX under target.aws in teal.yaml, or leave --detach out",
};

function needsCare(moved: Moved): boolean {
  if (moved.is !== "waiting") return moved.is === "warm";
  const { state } = moved.deployment;
  return !(state.is === "waiting" && state.for === "history");
}

/** What was given up because a person or a signal said so (a build, a question) is not refused, and no bug. */
async function unlessInterrupted(signal: AbortSignal, act: () => Promise<Moved>): Promise<Moved> {
  try {
    const moved = await act();
    return signal.aborted && (moved.is === "refused" || moved.is === "failed")
      ? { is: "detached", number: 0 }
      : moved;
  } catch (error) {
    if (!signal.aborted) throw error;
    return { is: "detached", number: 0 };
  }
}

/** This process let go. Whoever asked for it gets a background process; whoever interrupted it is told how to go on. */
async function detached(session: Session, interrupts: Interrupts): Promise<ExitCode> {
  const { out, suffix, invocation } = session;
  const open = await openDeployment(session);
  const { command } = invocation;
  if (open === "none" || open === "unreadable") {
    const what =
      open === "none"
        ? "Interrupted; no deployment is open."
        : "Interrupted; the journal cannot be read, so a deployment may be open.";
    out.line(saying("result", `${what} ${await serves(session)}`));
    return out.result({ command, exit: EXIT.interrupted, is: "interrupted" });
  }
  const common = { command, deployment: open.deployment.id, number: open.number };
  if (interrupts.why === "asked") {
    const { log } = resumeInBackground(session);
    out.line(saying("result", `r${open.number} goes on in the background. ${await serves(session)}`));
    out.line(saying("plain", `Next: teal status --watch${suffix}. Its log: ${log}`));
    return out.result({ ...common, exit: EXIT.waiting, is: "detached", log });
  }
  const why = interrupts.why === "timeout" ? "The time given by --timeout is over" : "Interrupted";
  out.line(saying("result", `${why}; r${open.number} is open and can be resumed. ${await serves(session)}`));
  out.line(saying("plain", `Next: teal resume${suffix}, or teal abort${suffix}`));
  const exit = interrupts.why === "timeout" ? EXIT.waiting : EXIT.interrupted;
  return out.result({ ...common, exit, is: "detached", next: `teal resume${suffix}` });
}
