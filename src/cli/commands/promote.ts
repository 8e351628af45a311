import { promote } from "../../api/steering.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { DEPLOY_EXITS } from "../finish.ts";
import { moving } from "../moving.ts";
import { withSession } from "../session.ts";
import type { Invocation } from "../spec.ts";

export function run(invocation: Invocation): Promise<ExitCode> {
  return withSession(invocation, (session) =>
    moving(session, { exits: DEPLOY_EXITS, none: EXIT.refused, fromNow: true }, (options) =>
      promote(session.connection, options),
    ),
  );
}
