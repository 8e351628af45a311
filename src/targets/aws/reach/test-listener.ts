import type { Action, Listener } from "@aws-sdk/client-elastic-load-balancing-v2";
import { SLOTS, type Cause, type Slot } from "../../../core/units.ts";
import type { By, Write } from "../../../ports/write.ts";
import { notDone, notWritten } from "../api/answers.ts";
import type { AwsApi, CallBy } from "../api/api.ts";
import type { Found } from "../found.ts";
import { callOf, LATE } from "../router/calls.ts";
import { forwardsOnlyTo, forwardTo } from "./header-rule.ts";
import { noListener, notLent, unrestorable } from "./words.ts";

export interface TestListener {
  /** The listener as it is; its default actions are what has to be put back. */
  read(call: CallBy): Promise<Listener | Cause>;
  /** The same as text for `restore`. Nothing is written over that was not lent before. */
  lend(call: CallBy): Promise<string | Cause>;
  /** Points its default rule to the slot; rejected where what it did until now was not lent. */
  lead(slot: Slot, by: By): Promise<Write<undefined>>;
  /** Puts its default actions back, as they were kept, unless somebody else changed them meanwhile. */
  restore(original: string, by: By): Promise<Write<undefined>>;
}

/** @param name `shop-alb:8443`, a bare port, or an ARN. It belongs to the load balancer of the service. */
export function createTestListener(
  api: Pick<AwsApi, "elb">,
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

  /** What was lent last: nothing else is written over. */
  let lent: string | undefined;

  /** The slots' target groups to which the listener does nothing but forward: what Teal lets it do. */
  function leadsTo({ DefaultActions = [] }: Listener, { slots }: Found): Slot | undefined {
    const only = forwardsOnlyTo(DefaultActions);
    return SLOTS.find((slot) => slots[slot].targetGroup.arn === only);
  }

  /** The listener and what it is compared with, for a write. */
  async function look(by: By): Promise<{ known: Found; listener: Listener; call: CallBy } | Cause> {
    const call = callOf(by, "write");
    if (call === undefined) return LATE;
    const known = await found(call.signal);
    if ("code" in known) return known;
    const listener = await read(call);
    return "code" in listener ? listener : { known, listener, call };
  }

  async function write({ ListenerArn = "" }: Listener, actions: Action[], call: CallBy) {
    const answer = await api.elb.modifyListener(ListenerArn, actions, call);
    return answer.is === "failed" ? notWritten(answer) : DONE;
  }

  return {
    read,
    async lend(call) {
      const listener = await read(call);
      lent = "code" in listener ? undefined : actionsOf(listener);
      return "code" in listener ? listener : actionsOf(listener);
    },
    async lead(slot, by) {
      const seen = await look(by);
      if ("code" in seen) return notDone(seen);
      const { known, listener, call } = seen;
      const leads = leadsTo(listener, known);
      if (leads === slot) return NOTHING_TO_DO;
      const isKept = lent !== undefined && (leads !== undefined || lent === actionsOf(listener));
      if (!isKept) return notDone(notLent(name));
      return write(listener, [forwardTo(known.slots[slot].targetGroup.arn)], call);
    },
    async restore(original, by) {
      const actions = actionsIn(original);
      if (actions === undefined) return { is: "rejected", cause: unrestorable(original) };
      const seen = await look(by);
      if ("code" in seen) return notDone(seen);
      const { known, listener, call } = seen;
      // What Teal would not have it do was set by somebody meanwhile, and stays.
      const isOurs = leadsTo(listener, known) !== undefined;
      if (!isOurs || actionsOf(listener) === original) return NOTHING_TO_DO;
      return write(listener, actions, call);
    },
  };
}

const DONE: Write<undefined> = { is: "applied", seen: undefined };
const NOTHING_TO_DO: Write<undefined> = { is: "unchanged", seen: undefined };

function actionsOf({ DefaultActions = [] }: Listener): string {
  return JSON.stringify(DefaultActions);
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
