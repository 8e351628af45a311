import { abort } from "../../api/steering.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { BACK_EXITS } from "../finish.ts";
import { moving } from "../moving.ts";
import { withSession } from "../session.ts";
import type { Invocation } from "../spec.ts";

export function run(invocation: Invocation): Promise<ExitCode> {
  return withSession(invocation, (session) =>
    moving(session, { exits: BACK_EXITS, none: EXIT.refused, fromNow: true }, (options) =>
      abort(session.connection, options),
    ),
  );
}
