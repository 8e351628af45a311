import { unlock } from "../../api/unlocking.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { openDeployment, serves } from "../finish.ts";
import { confirmed } from "../prompt.ts";
import { withSession, type Session } from "../session.ts";
import { text, type Invocation } from "../spec.ts";

export function run(invocation: Invocation): Promise<ExitCode> {
  return withSession(invocation, async (session) => {
    const { connection, out, suffix } = session;
    const reason = text(invocation, "reason");
    if (reason === undefined)
      return wrong(
        session,
        "unlock needs its reason, which is journaled",
        `teal unlock --reason TEXT${suffix}`,
      );
    const lease = await connection.store.lease(connection.key);
    const holder = lease.is === "lease" && !lease.lease.released ? lease.lease.holder : undefined;
    const current = await openDeployment(session);
    const open = typeof current === "string" ? undefined : current;
    if (holder !== undefined) {
      const what =
        open === undefined
          ? ""
          : ` of r${open.number} (${open.deployment.plan.candidate.revision.id} on ${open.deployment.plan.candidate.slot})`;
      const alive = connection.isGone(holder) === "alive" ? " It is alive and advances it." : "";
      const answer = await confirmed(
        `Take the lease${what} away from ${holder.name}?${alive}`,
        invocation.globals.yes,
      );
      if (answer !== "yes")
        return wrong(
          session,
          answer === "no"
            ? "not confirmed; nothing was changed"
            : "this has to be confirmed, and there is no terminal to ask at",
          "add --yes",
        );
    }
    const unlocked = await unlock(connection, reason);
    if (unlocked.is === "failed") {
      out.problem(unlocked.cause, {
        exit: EXIT.human,
        serves: await serves(session),
        next: `teal status${suffix}`,
      });
      return out.result({ command: "unlock", exit: EXIT.human, is: "failed", cause: unlocked.cause });
    }
    const next = open === undefined ? "" : ` Next: teal resume${suffix}, or teal abort${suffix}`;
    out.text([
      unlocked.is === "free"
        ? `Nobody holds the lease.${next}`
        : `The lease was taken from ${unlocked.from} and is free.${next}`,
    ]);
    return out.result({ command: "unlock", exit: EXIT.done, ...unlocked });
  });
}

function wrong({ out }: Session, message: string, next: string): ExitCode {
  const cause = { code: "TEAL-X011", message };
  out.problem(cause, { exit: EXIT.usage, next });
  return out.result({ command: "unlock", exit: EXIT.usage, is: "refused", cause });
}
