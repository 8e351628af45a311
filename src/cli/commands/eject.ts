import { eject, type Ejected } from "../../api/ejecting.ts";
import type { KubernetesConnection } from "../../api/kubernetes.ts";
import type { Cause } from "../../core/units.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { serves } from "../finish.ts";
import { confirmed } from "../prompt.ts";
import { withSession, type Session } from "../session.ts";
import type { Invocation } from "../spec.ts";

/** Everything together, a slow start of the plain Deployment and a long drain included (ms). */
const AT_MOST = 60 * 60_000;
const LOOK_AT_MOST = 30_000;

const ELSEWHERE = {
  local: { does: "on one machine `teal agent stop --all` ends it", next: "teal agent stop --all" },
  aws: {
    does: "on AWS nothing has to be: groups, target groups and rules are yours, and Teal's tags change nothing",
    next: "remove the weights of the slot without traffic from the rule, by Terraform or by hand",
  },
} as const;

/** Gives a service back as it would be without Teal. */
export function run(invocation: Invocation): Promise<ExitCode> {
  return withSession(invocation, async (session) => {
    const { connection, out } = session;
    if (connection.target.kind !== "kubernetes") {
      const { does, next } = ELSEWHERE[connection.target.kind];
      const message = `only a service in a cluster can be given back; ${does}`;
      return refused(session, { code: "TEAL-X020", message }, next, EXIT.usage);
    }
    const { target } = connection;
    const found = await target.belongings(undefined, AbortSignal.timeout(LOOK_AT_MOST));
    if (found.is === "unreadable")
      return refused(session, found.cause, `teal status${session.suffix}`, EXIT.refused);
    const list = found.belongings.remove.map(({ kind, object }) => `  ${kind} ${object.metadata.name}`);
    out.text(["Users are moved to a plain Deployment first. Then these go:", ...list]);
    const question = `Leave Teal? ${await serves(session)}`;
    const answer = await confirmed(question, invocation.globals.yes);
    if (answer !== "yes") {
      const message =
        answer === "no"
          ? "not confirmed; nothing was changed"
          : "this has to be confirmed, and there is no terminal to ask at";
      return refused(session, { code: "TEAL-X011", message }, "teal eject --yes", EXIT.usage);
    }
    const ejected = await eject(connection as KubernetesConnection, {
      signal: AbortSignal.timeout(AT_MOST),
      progress: (line) => out.note(line),
    });
    return told(session, ejected);
  });
}

async function told(session: Session, ejected: Ejected): Promise<ExitCode> {
  const { out, suffix } = session;
  switch (ejected.is) {
    case "ejected": {
      const { deployment, removed } = ejected;
      out.text([
        `Users reach deployment/${deployment}; nothing of Teal is left (${removed.length} objects removed).`,
      ]);
      return out.result({ command: "eject", exit: EXIT.done, ...ejected });
    }
    case "busy": {
      const cause = { code: "TEAL-K537", message: `${ejected.by} holds the service` };
      return refused(session, cause, `teal status${suffix}`, EXIT.busy);
    }
    case "refused":
      return refused(session, ejected.cause, ejected.next, EXIT.refused);
    default:
      return ejected satisfies never;
  }
}

async function refused(session: Session, cause: Cause, next: string, exit: ExitCode): Promise<ExitCode> {
  session.out.problem(cause, {
    exit,
    next,
    ...(exit === EXIT.usage ? {} : { serves: await serves(session) }),
  });
  return session.out.result({ command: "eject", exit, is: "refused", cause, next });
}
