import { fold } from "../core/deployment.ts";
import { instant, intentId, millis, type Cause } from "../core/units.ts";
import { acquire } from "../engine/lease.ts";
import type { By } from "../ports/write.ts";
import { blocked } from "./preflight.ts";
import { newDeploymentId } from "./connection.ts";
import type { KubernetesConnection } from "./kubernetes.ts";

export type Ejected =
  /** Users reach this Deployment; names of what is gone. */
  | { readonly is: "ejected"; readonly deployment: string; readonly removed: readonly string[] }
  | { readonly is: "refused"; readonly cause: Cause; readonly next: string }
  | { readonly is: "busy"; readonly by: string };

/** The plain Deployment is ready within so long, or its cause is told. */
const READY_WITHIN = millis(10 * 60_000);
/** One claim (ms). */
const CLAIM_WITHIN = 20_000;

/**
 * Gives a service back as a plain Deployment and Service: users are moved to it as at a cutover, then everything of
 * Teal is removed. Whatever run was cut off, another one goes on.
 */
export async function eject(
  connection: KubernetesConnection,
  options: { readonly signal: AbortSignal; readonly progress?: (line: string) => void },
): Promise<Ejected> {
  const { store, key, holder, clock, isGone, target, wishes } = connection;
  const hindered = (await openOne(connection)) ?? (await forbidden(connection, options.signal));
  if (hindered !== undefined) return hindered;
  const acquired = await acquire({
    store,
    key,
    holder,
    clock,
    isGone,
    waitAtMost: millis(0),
    signal: options.signal,
  });
  if (acquired.is === "busy") return { is: "busy", by: acquired.lease.holder.name };
  if (acquired.is === "unavailable") return { is: "refused", cause: acquired.cause, next: "teal status" };
  const { lease } = acquired;
  const signal = AbortSignal.any([options.signal, lease.lost]);
  try {
    // Opening takes no lease: one may have been opened since.
    const opened = await openOne(connection);
    if (opened !== undefined) return opened;
    const intent = intentId(`eject-${newDeploymentId()}`);
    const by: By = { intent, fence: lease.fence, deadline: instant(clock.now() + CLAIM_WITHIN), signal };
    const shutOut = await claimBoth(connection, by);
    if (shutOut !== undefined) return shutOut;
    const handed = await target.handOver(
      {
        fence: lease.fence,
        intent,
        drainCap: wishes.strategyFor().drainCap,
        readyWithin: READY_WITHIN,
        progress: options.progress ?? (() => {}),
      },
      signal,
    );
    if (handed.is === "refused") return handed;
    // Held until the last, so that no deployment that was opened meanwhile moves users to what is being removed.
    return await cleared(connection, handed.deployment, signal);
  } finally {
    await lease.release().catch(() => undefined);
  }
}

async function openOne({ store, key }: KubernetesConnection): Promise<Ejected | undefined> {
  const current = await store.current(key);
  if (current.is === "none") return undefined;
  if (current.is === "unavailable") return { is: "refused", cause: current.cause, next: "teal status" };
  const warm = fold(current.journal.events).state.is === "warm";
  const message = `r${current.number} is open${warm ? ": the previous slot is kept warm" : ""}`;
  const next = warm ? "teal promote, then teal eject" : "let it end, or teal abort; then teal eject";
  return { is: "refused", cause: { code: "TEAL-K535", message }, next };
}

/** A right that is missing is found before users are moved, not when they are. */
async function forbidden(
  { target: { api } }: KubernetesConnection,
  signal: AbortSignal,
): Promise<Ejected | undefined> {
  const [{ missingRights }, { LEAVING }] = await Promise.all([
    import("../targets/kubernetes/preflight/rights.ts"),
    import("../targets/kubernetes/eject/objects.ts"),
  ]);
  const missing = blocked(await missingRights(api, LEAVING, { signal }));
  return missing === undefined ? undefined : { is: "refused", ...missing };
}

async function claimBoth({ target }: KubernetesConnection, by: By): Promise<Ejected | undefined> {
  for (const port of [target.slots, target.router]) {
    const claimed = await port.claim(by);
    if (claimed.is === "fenced") return { is: "busy", by: `fence ${claimed.by}` };
    if ("cause" in claimed) return { is: "refused", cause: claimed.cause, next: "teal eject once more" };
  }
  return undefined;
}

async function cleared(
  { target }: KubernetesConnection,
  deployment: string,
  signal: AbortSignal,
): Promise<Ejected> {
  const next = "users are served by the plain Deployment; teal eject once more removes the rest";
  const found = await target.belongings(deployment, signal);
  if (found.is === "unreadable") return { is: "refused", cause: found.cause, next };
  const { giveUp } = await import("../targets/kubernetes/eject/objects.ts");
  const failed = await giveUp(target.api, found.belongings, { signal });
  if (failed !== undefined) return { is: "refused", cause: failed, next };
  const removed = found.belongings.remove.map(({ kind, object }) => `${kind} ${object.metadata.name}`);
  return { is: "ejected", deployment, removed };
}
