import type { Action, Listener } from "@aws-sdk/client-elastic-load-balancing-v2";
import type { Cause, Slot } from "../../../core/units.ts";
import type { By, Write } from "../../../ports/write.ts";
import { notDone, notWritten } from "../api/answers.ts";
import type { AwsApi, CallBy } from "../api/api.ts";
import type { Found } from "../found.ts";
import { callOf, LATE } from "../router/calls.ts";
import { forwardsOnlyTo, forwardTo } from "./header-rule.ts";
import { noListener, unrestorable } from "./words.ts";

export interface TestListener {
  /** The listener as it is; its default actions are what has to be put back. */
  read(call: CallBy): Promise<Listener | Cause>;
  /** Points its default rule to the slot. */
  lead(slot: Slot, by: By): Promise<Write<undefined>>;
  /** Puts its default actions back, as they were kept. */
  restore(original: string, by: By): Promise<Write<undefined>>;
}

/** @param name `shop-alb:8443`, a bare port, or an ARN. It belongs to the load balancer of the service. */
export function createTestListener(
  api: AwsApi,
  name: string,
  found: (signal: AbortSignal) => Promise<Found | Cause>,
): TestListener {
  async function read(call: CallBy): Promise<Listener | Cause> {
    const known = await found(call.signal);
    if ("code" in known) return known;
    const [rule] = known.rules;
    if (rule === undefined) throw new Error("a service without a rule is never found");
    const { loadBalancer } = rule.listener;
    const answer = await api.elb.listeners({ loadBalancer: loadBalancer.arn }, call);
    if (answer.is === "failed") return answer.cause;
    const port = Number(name.split(":").at(-1));
    const listener = answer.value.find((each) =>
      name.startsWith("arn:") ? each.ListenerArn === name : each.Port === port,
    );
    return listener ?? noListener(name, loadBalancer.name);
  }

  async function write(actions: Action[], by: By): Promise<Write<undefined>> {
    const call = callOf(by, "write");
    if (call === undefined) return { is: "rejected", cause: LATE };
    const listener = await read(call);
    if ("code" in listener) return notDone(listener);
    const answer = await api.elb.modifyListener(listener.ListenerArn ?? "", actions, call);
    return answer.is === "failed" ? notWritten(answer) : { is: "applied", seen: undefined };
  }

  return {
    read,
    async lead(slot, by) {
      const call = callOf(by, "write");
      if (call === undefined) return { is: "rejected", cause: LATE };
      const known = await found(call.signal);
      if ("code" in known) return notDone(known);
      const { arn } = known.slots[slot].targetGroup;
      const listener = await read(call);
      if ("code" in listener) return notDone(listener);
      if (forwardsOnlyTo(listener.DefaultActions ?? []) === arn) return { is: "unchanged", seen: undefined };
      return write([forwardTo(arn)], by);
    },
    async restore(original, by) {
      const actions = actionsIn(original);
      return actions === undefined ? { is: "rejected", cause: unrestorable(original) } : write(actions, by);
    },
  };
}

function actionsIn(original: string): Action[] | undefined {
  try {
    const actions: unknown = JSON.parse(original);
    return Array.isArray(actions) ? actions.map(restorable) : undefined;
  } catch {
    return undefined;
  }
}

/** In the form in which AWS takes back what it answered: one list of target groups, a client secret that it keeps. */
function restorable(action: Action): Action {
  const { TargetGroupArn, ...rest } = action;
  const { AuthenticateOidcConfig: oidc } = action;
  if (oidc !== undefined)
    return { ...action, AuthenticateOidcConfig: { ...oidc, UseExistingClientSecret: true } };
  return rest.ForwardConfig === undefined ? action : rest;
}
