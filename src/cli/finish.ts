import type { Moved } from "../api/deploying.ts";
import { observeNow } from "../api/planning.ts";
import { fold, type Deployment } from "../core/deployment.ts";
import type { Outcome } from "../core/state.ts";
import { assertNever } from "../core/units.ts";
import { servesNow } from "../engine/closing.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import type { Session } from "./session.ts";
import { saying } from "./terminal.ts";
import { formatUntil } from "./times.ts";
import { servesInWords } from "./view/words.ts";

/** The exit status of a command that makes a revision live, by how the deployment ended. */
export const DEPLOY_EXITS = {
  done: EXIT.done,
  unchanged: EXIT.done,
  refused: EXIT.refused,
  reverted: EXIT.reverted,
  undecided: EXIT.human,
} as const satisfies Record<Outcome, ExitCode>;

/** The same where going back is what was asked for. */
export const BACK_EXITS = { ...DEPLOY_EXITS, reverted: EXIT.done } as const satisfies Record<
  Outcome,
  ExitCode
>;

export interface Ending {
  readonly exits: Readonly<Record<Outcome, ExitCode>>;
  /** The exit status when nothing is open. */
  readonly none: ExitCode;
}

/** Says how a command that moved a deployment ended, as far as the view has not, and gives the exit status. */
export async function finish(session: Session, moved: Moved, ending: Ending): Promise<ExitCode> {
  const { out, invocation } = session;
  const result = { command: invocation.command, ...(await describe(session, moved, ending)) };
  return out.result(result);
}

interface Described {
  readonly exit: ExitCode;
  readonly [field: string]: unknown;
}

async function describe(session: Session, moved: Moved, ending: Ending): Promise<Described> {
  const { out, suffix } = session;
  switch (moved.is) {
    case "ended":
      return {
        exit: exitOf(moved.deployment, ending),
        is: "ended",
        ...summary(moved.deployment, moved.number),
        ...closedPart(moved),
      };
    case "warm":
      return { exit: EXIT.done, is: "warm", ...summary(moved.deployment, moved.number), until: moved.until };
    case "waiting":
      if (isLeft(moved.deployment)) await sayLeft(session, moved);
      else
        out.line(
          saying(
            "result",
            `r${moved.number} waits until ${formatUntil(moved.until, Date.now())}. ${await serves(session)}`,
          ),
        );
      return {
        exit: EXIT.waiting,
        is: "waiting",
        ...summary(moved.deployment, moved.number),
        until: moved.until,
      };
    case "unchanged":
      out.line(
        saying(
          "result",
          `${moved.revision.id} is live on ${moved.slot} already. Nothing to do; to start it afresh: --again`,
        ),
      );
      return { exit: EXIT.done, is: "unchanged", slot: moved.slot, revision: moved.revision };
    case "refused":
      return problem(session, moved.cause, EXIT.refused, "refused", moved.next);
    case "failed":
      return problem(session, moved.cause, EXIT.human, "failed", "teal status");
    case "busy": {
      const alone = moved.abandoned ? ", and nobody advances it" : "";
      const cause = {
        code: "TEAL-X007",
        message: `another deployment holds the service: ${moved.by}${alone}`,
      };
      if (moved.abandoned)
        return problem(session, cause, EXIT.busy, "busy", `teal resume${suffix}, or teal abort${suffix}`);
      return problem(
        session,
        cause,
        EXIT.busy,
        "busy",
        `teal status --watch${suffix}, or wait for it with --wait-lock 10m`,
      );
    }
    case "none": {
      if (ending.none === EXIT.done)
        out.line(saying("result", `Nothing is under way. ${await serves(session)}`));
      const cause = { code: "TEAL-X008", message: "no deployment is open" };
      if (ending.none !== EXIT.done) return problem(session, cause, ending.none, "none", "teal status");
      return { exit: ending.none, is: "none" };
    }
    case "detached":
      return { exit: EXIT.interrupted, is: "detached" };
    default:
      return assertNever(moved);
  }
}

function isLeft({ state }: Deployment): boolean {
  return state.is === "waiting" && state.for === "history";
}

/** Whoever leaves a bake alone is told what that means. */
async function sayLeft(
  session: Session,
  { number, until }: Extract<Moved, { is: "waiting" }>,
): Promise<void> {
  const { out, suffix } = session;
  const when = formatUntil(until, Date.now());
  out.line(saying("result", `r${number} has all the traffic; nobody watches it. ${await serves(session)}`));
  out.line(
    saying(
      "result",
      `No automatic revert until teal resume${suffix}, which judges the bake from ${when} on.`,
    ),
  );
}

function exitOf(deployment: Deployment, ending: Ending): ExitCode {
  return deployment.state.is === "finished" ? ending.exits[deployment.state.outcome] : EXIT.human;
}

/** What a deployment is, small enough for a result line. */
export function summary(deployment: Deployment, number: number) {
  const { plan, state, cause } = deployment;
  return {
    deployment: deployment.id,
    number,
    revision: plan.candidate.revision,
    slot: plan.candidate.slot,
    strategy: plan.request.strategy.kind,
    state: state.is,
    ...(state.is === "finished" ? { outcome: state.outcome } : {}),
    ...(cause === undefined ? {} : { cause }),
  };
}

function closedPart({ events }: Extract<Moved, { is: "ended" }>) {
  const closed = events.at(-1);
  return closed?.kind === "closed"
    ? { serves: closed.serves, ...(closed.cause === undefined ? {} : { cause: closed.cause }) }
    : {};
}

async function problem(
  session: Session,
  cause: Parameters<Session["out"]["problem"]>[0],
  exit: ExitCode,
  is: string,
  advice: string,
): Promise<Described> {
  // Advice that is a command and nothing else means this very service.
  const next = /^teal [^,.:]+$/u.test(advice) ? advice + session.suffix : advice;
  session.out.problem(cause, { exit, next, serves: await serves(session) });
  return { exit, is, cause, next };
}

/** Who serves now, looked at now. */
export async function serves({ connection }: Session): Promise<string> {
  return servesInWords(servesNow(await observeNow(connection, AbortSignal.timeout(5_000))));
}

/** The open deployment, `none`, or that it cannot be known now. */
export async function openDeployment({
  connection,
}: Session): Promise<{ readonly deployment: Deployment; readonly number: number } | "none" | "unreadable"> {
  const current = await connection.store.current(connection.key);
  if (current.is === "unavailable") return "unreadable";
  return current.is === "open"
    ? { deployment: fold(current.journal.events), number: current.number }
    : "none";
}
