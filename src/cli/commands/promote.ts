import { promote } from "../../api/steering.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { DEPLOY_EXITS } from "../finish.ts";
import { moving, type Moving } from "../moving.ts";
import { withSession } from "../session.ts";
import { flag, type Invocation } from "../spec.ts";

export function run(invocation: Invocation): Promise<ExitCode> {
  return withSession(invocation, (session) =>
    moving(session, howTo(invocation), (options) => promote(session.connection, options)),
  );
}

function howTo(invocation: Invocation): Moving {
  const detach = flag(invocation, "detach") ? "now" : undefined;
  return { exits: DEPLOY_EXITS, none: EXIT.refused, fromNow: true, detach };
}
