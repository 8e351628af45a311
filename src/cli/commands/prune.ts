import type { KubernetesConnection } from "../../api/kubernetes.ts";
import type { LocalConnection } from "../../api/local.ts";
import type { Cause, Revision } from "../../core/units.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { openDeployment, serves } from "../finish.ts";
import { confirmed } from "../prompt.ts";
import { withSession, type Session } from "../session.ts";
import type { Invocation } from "../spec.ts";

/** Releases of so many deployments stay: those a rollback is likely to ask for. */
const KEPT = 10;
/** Removing some hundred objects from a cluster takes seconds (ms). */
const PRUNE_AT_MOST = 120_000;

export function run(invocation: Invocation): Promise<ExitCode> {
  return withSession(invocation, async (session) => {
    const { connection, out, suffix } = session;
    const { target } = connection;
    if (target.kind === "aws") {
      out.text([
        "Nothing to remove: versions of launch templates cost nothing, and a rollback starts them again.",
      ]);
      return out.result({ command: "prune", exit: EXIT.done, removed: [] });
    }
    const keep = await needed(session);
    if (keep === undefined) {
      const cause = {
        code: "TEAL-X015",
        message: "the journal cannot be read, so it is not known which releases are needed",
      };
      out.problem(cause, { exit: EXIT.refused, next: `teal status${suffix}` });
      return out.result({ command: "prune", exit: EXIT.refused, is: "refused", cause });
    }
    const question = `Remove every release that no slot and none of the last ${KEPT} deployments needs? ${await serves(session)}`;
    const answer = await confirmed(question, invocation.globals.yes);
    if (answer !== "yes") {
      const message =
        answer === "no"
          ? "not confirmed; nothing was removed"
          : "removing releases has to be confirmed, and there is no terminal to ask at";
      const cause = { code: "TEAL-X011", message };
      out.problem(cause, { exit: EXIT.usage, next: `teal prune --yes${suffix}` });
      return out.result({ command: "prune", exit: EXIT.usage, is: "refused", cause });
    }
    const pruned = await prune(target, keep);
    if (pruned.is === "refused") {
      out.problem(pruned.cause, { exit: EXIT.human, next: `teal prune${suffix}` });
      return out.result({ command: "prune", exit: EXIT.human, is: "failed", cause: pruned.cause });
    }
    const { removed } = pruned;
    out.text([removed.length === 0 ? "Nothing to remove." : `Removed: ${removed.join(", ")}`]);
    return out.result({ command: "prune", exit: EXIT.done, removed });
  });
}

type Pruned =
  | { readonly is: "pruned"; readonly removed: readonly string[] }
  | { readonly is: "refused"; readonly cause: Cause };

async function prune(
  target: (LocalConnection | KubernetesConnection)["target"],
  keep: readonly Revision[],
): Promise<Pruned> {
  return target.kind === "local"
    ? { is: "pruned", removed: await target.prune(keep) }
    : target.prune(keep, AbortSignal.timeout(PRUNE_AT_MOST));
}

async function needed(session: Session): Promise<readonly Revision[] | undefined> {
  const { store, key } = session.connection;
  const history = await store.history(key, KEPT);
  if (history.is === "unavailable") return undefined;
  const open = await openDeployment(session);
  if (open === "unreadable") return undefined;
  const plan = open === "none" ? undefined : open.deployment.plan;
  const before =
    plan === undefined
      ? []
      : [plan.candidate.revision, plan.baseline.slots.blue.revision, plan.baseline.slots.green.revision];
  return [
    ...history.rows.map(({ revision: id, config }) => ({ id, config })),
    ...before.filter((each) => each !== undefined),
  ];
}
