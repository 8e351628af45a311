import { resume } from "../../api/steering.ts";
import { careUntilDue } from "../caretaker.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { DEPLOY_EXITS } from "../finish.ts";
import { moving } from "../moving.ts";
import { withSession } from "../session.ts";
import { flag, type Invocation } from "../spec.ts";

export function run(invocation: Invocation): Promise<ExitCode> {
  return withSession(invocation, (session) => {
    if (flag(invocation, "whenDue")) return careUntilDue(session);
    const how = {
      exits: DEPLOY_EXITS,
      none: EXIT.done,
      stay: flag(invocation, "stay"),
      detach: flag(invocation, "detach") ? ("now" as const) : undefined,
    };
    const acceptDrift = flag(invocation, "acceptDrift");
    return moving(session, how, (options) => resume(session.connection, { ...options, acceptDrift }));
  });
}
