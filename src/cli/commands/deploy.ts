import { deploy, deployRevision, type Moved } from "../../api/deploying.ts";
import type { ExitCode } from "../exit.ts";
import { EXIT } from "../exit.ts";
import { DEPLOY_EXITS } from "../finish.ts";
import { moving } from "../moving.ts";
import { readPlan } from "../plan-file.ts";
import { withSession } from "../session.ts";
import { flag, text, type Invocation } from "../spec.ts";
import { wantedOf } from "./wanted.ts";

export function run(invocation: Invocation): Promise<ExitCode> {
  return withSession(invocation, async (session) => {
    const how = {
      exits: DEPLOY_EXITS,
      none: EXIT.done,
      fromNow: true,
      detach: flag(invocation, "detach") ? ("whenOpen" as const) : undefined,
      stay: flag(invocation, "stay"),
    };
    const wanted = wantedOf(invocation);
    const file = text(invocation, "plan");
    if (file === undefined)
      return moving(session, how, (options) => deploy(session.connection, wanted, options));
    const read = await readPlan(file, session.connection.key);
    if (read.is === "wrong") {
      session.out.problem(read.cause, { exit: EXIT.usage, next: "make the plan: teal plan --out FILE" });
      return session.out.result({ command: "deploy", exit: EXIT.usage, is: "refused", cause: read.cause });
    }
    const { request } = read.plan;
    return moving(session, how, async (options): Promise<Moved> => {
      const recalled = await session.connection.target.recall(request.revision, options.signal);
      if (recalled.is === "refused") return recalled;
      const { force, replicas, strategy } = request;
      const again = { ...wanted, force, replicas, strategy: strategy.kind };
      return deployRevision(session.connection, recalled.revision, again, options, read.plan);
    });
  });
}
