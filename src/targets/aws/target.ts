import { millis, type Cause, type Millis, type Slot } from "../../core/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { SlotProvider } from "../../ports/slots.ts";
import type { Prepared } from "../../ports/target.ts";
import type { By } from "../../ports/write.ts";
import type { AwsApi } from "./api/api.ts";
import { addressesFrom } from "./api/resolve.ts";
import type { AwsTarget } from "./aws-target.ts";
import { createFence } from "./fence.ts";
import { forgetting } from "./forgetting.ts";
import type { Found, FoundRouting } from "./found.ts";
import { createLook } from "./look.ts";
import { inferFrom } from "./infer.ts";
import { createMetrics } from "./metrics.ts";
import { probing } from "./reach/probing.ts";
import { createLeading } from "./reach/reaching.ts";
import { createAwsRouter, type AwsRouter } from "./router/router.ts";
import { groupsOf } from "./router/view.ts";
import type { AwsSettings } from "./settings.ts";
import { createAwsSlots } from "./slots/slots.ts";

/** Looking costs tokens that every tool of the account shares; what the poller brings is looked at once it is there. */
const PACE = millis(1_000);

/**
 * How long instances take as long as nothing was measured (ms): a boot and a target group's first checks, and its
 * default deregistration delay. They order the strategies and their costs, they promise nothing.
 */
const ASSUMED = { ensure: 120_000, retire: 300_000, shift: 1_000 } as const;

export interface AwsTargetParts {
  readonly clock: Clock;
  /** Distance between two looks while a step waits; a second by default. */
  readonly pace?: Millis;
  /** This process, as `holderText` makes it: see `createFence`. */
  readonly holder?: string;
  /** Header by which answers tell their revision, and a path that every instance answers. */
  readonly identity?: { readonly header: string; readonly path: string };
}

/** The service as a target. Nothing is asked before a method needs it. */
export function createAwsTarget(asked: AwsApi, settings: AwsSettings, parts: AwsTargetParts): AwsTarget {
  const inferred = inferFrom(asked, settings);
  const api = forgetting(asked, () => inferred.forget());
  const sought = (signal: AbortSignal) => inferred.found({ signal, purse: "switch" });
  const found = async (signal: AbortSignal): Promise<Found | Cause> => {
    const answer = await sought(signal);
    return answer.is === "found" ? answer.found : answer.cause;
  };
  const routing = async (signal: AbortSignal): Promise<FoundRouting | Cause> => {
    const answer = await inferred.routing({ signal, purse: "switch" });
    return answer.is === "found" ? answer.found : answer.cause;
  };
  const fence = createFence(api, parts.holder);
  const look = createLook(parts.clock);
  const addresses = addressesFrom();
  const leading = createLeading(api, settings, found, { addresses });
  const lead = (slot: Slot, by: By) => leading.lead(slot, by);
  const provider = createAwsSlots(api, settings, found, { fence, look, lead });
  const revision = async (slot: Slot, signal: AbortSignal) => {
    const seen = await provider.observe(slot, signal);
    return seen.is === "seen" ? seen.value.revision?.id : undefined;
  };
  const identity = parts.identity === undefined ? {} : { identity: { ...parts.identity, revision } };
  const router = createAwsRouter(api, settings, routing, { fence, look, addresses, ...identity });
  const preparing = async (
    signal: AbortSignal,
    run: (found: Found) => Promise<Prepared>,
  ): Promise<Prepared> => {
    const answer = await sought(signal);
    if (answer.is === "found") return run(answer.found);
    const next = answer.is === "refused" ? answer.next : "remove the cause and run the command again";
    return { is: "refused", cause: answer.cause, next };
  };
  return {
    kind: "aws",
    place: `${settings.account}/${api.region}`,
    slots: probing(attached(provider, router), leading),
    router,
    metrics: createMetrics(api, found, () => parts.clock.now()),
    pace: parts.pace ?? PACE,
    changed: (signal) => look.changed(signal),
    counting: { unit: "instance", assumed: ASSUMED },
    prepare: (name, signal, progress) =>
      preparing(signal, async (known) =>
        (await import("./prepare.ts")).prepare({ api, settings, found: known }, name, signal, progress),
      ),
    recall: (revision, signal) =>
      preparing(signal, async (known) =>
        (await import("./prepare.ts")).recall({ api, settings, found: known }, revision, signal),
      ),
    preflight: async (plan, signal) => {
      const answer = await sought(signal);
      if (answer.is !== "found")
        return [
          {
            is: answer.is === "refused" ? "blocks" : "unproven",
            cause: answer.cause,
            ...(answer.is === "refused" ? { next: answer.next } : {}),
          },
        ];
      const { preflight } = await import("./preflight/preflight.ts");
      return preflight({ api, settings, found: answer.found, addresses, now: Date.now() }, plan, {
        signal,
        purse: "plan",
      });
    },
    preview: async () => undefined,
    found: sought,
    claimed: async (signal) => {
      const known = await routing(signal);
      if ("code" in known) return { is: "unavailable", cause: known };
      const tags = await fence.read(groupsOf(known), { signal, purse: "switch" });
      return "code" in tags ? { is: "unavailable", cause: tags } : tags.fence;
    },
    address: async (signal) => {
      const known = await routing(signal);
      return "code" in known ? undefined : addressOf(known);
    },
    close: async () => {
      look.close();
      await api.close();
    },
  };
}

/** Going back waits so long (ms) at most for rules that it need not change. */
const COMPLETE_BACK_WITHIN = 1_500;

/** A target group that no rule names is not health checked: the candidate's is named, at weight 0, before it starts. */
function attached(slots: SlotProvider, router: AwsRouter): SlotProvider {
  return {
    fencing: slots.fencing,
    // The same tags: they need no Auto Scaling group.
    claim: (by) => router.claim(by),
    observe: (slot: Slot, signal) => slots.observe(slot, signal),
    retire: (slot, keep, expect, by) => slots.retire(slot, keep, expect, by),
    restore: (borrowed, by) => slots.restore(borrowed, by),
    reach: (slot, signal) => slots.reach(slot, signal),
    ensure: async (slot, want, expect, by) => {
      if (by.back === true) {
        // What served before is in the rules already; where they cannot be read, it grows all the same.
        const signal = AbortSignal.any([by.signal, AbortSignal.timeout(COMPLETE_BACK_WITHIN)]);
        const [grown] = await Promise.all([
          slots.ensure(slot, want, expect, by),
          router.complete({ ...by, signal }),
        ]);
        return grown;
      }
      const named = await router.complete(by);
      if (named.is === "conflict") return { is: "rejected", cause: OVERTAKEN };
      if (named.is === "rejected" || named.is === "unknown" || named.is === "fenced") return named;
      return slots.ensure(slot, want, expect, by);
    },
  };
}

const OVERTAKEN: Cause = {
  code: "TEAL-A357",
  message: "the rules were changed by somebody else in this moment",
};

/** `https://shop.example/shop`, without the wildcards of the rule's conditions. */
function addressOf({ rules: [rule] }: FoundRouting): string | undefined {
  if (rule === undefined) return undefined;
  const { protocol, port, loadBalancer } = rule.listener;
  const host = rule.hosts.find((each) => !/[*?]/.test(each)) ?? loadBalancer.dnsName;
  const scheme = protocol.toLowerCase();
  const usual = port === (scheme === "https" ? 443 : 80) ? "" : `:${port}`;
  const path = rule.paths[0]?.replace(/[*?].*$/, "") ?? "";
  return `${scheme}://${host}${usual}${path === "/" ? "" : path}`;
}
