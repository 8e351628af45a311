import type { Evidence, Read } from "../../../core/observed.ts";
import { soleSlot, type Weights } from "../../../core/routing.ts";
import { instant, otherSlot, type Cause, type Slot } from "../../../core/units.ts";
import type { AwsSettings } from "../settings.ts";
import { type Counters, flatness } from "./counters.ts";
import { Following } from "./following.ts";
import { identify, type Identified } from "./identity.ts";
import { questionFor } from "./question.ts";
import type { RuleReader } from "./reading.ts";
import { sameShares } from "./shares.ts";
import type { RoutingView } from "./view.ts";
import { describeShares, possible } from "./words.ts";

export interface SamplingParts {
  /** Addresses of the load balancer's nodes, by its DNS name. */
  readonly addresses?: (dnsName: string, signal: AbortSignal) => Promise<readonly string[] | Cause>;
  /** How an answer tells which revision gave it. */
  readonly identity?: {
    readonly header: string;
    /** Asked where the rule has no path of its own. */
    readonly path: string;
    revision(slot: Slot, signal: AbortSignal): Promise<string | undefined>;
  };
}

/** Counts are looked at no earlier than this (ms) after the change: CloudWatch has nothing before. */
const COUNTS_AFTER = 120_000;

/**
 * One look at whether traffic follows: what the rules say, who answers at every address, what CloudWatch counted, and
 * else that the configured time has passed: AWS names no bound and tells nobody when its nodes follow a change.
 */
export function createSampler(
  settings: Pick<AwsSettings, "propagation">,
  reader: RuleReader,
  counters: Counters,
  { addresses, identity, now }: SamplingParts & { readonly now: () => number },
): (to: Weights, signal: AbortSignal) => Promise<Read<Evidence>> {
  const following = new Following(now);

  async function identified(view: RoutingView, to: Slot, signal: AbortSignal): Promise<Identified> {
    if (identity === undefined)
      return cannot("health.identity names no header, so that answers do not tell the revision");
    if (addresses === undefined) return cannot("the addresses of the load balancer are not known");
    const [wanted, other] = await Promise.all([
      identity.revision(to, signal),
      identity.revision(otherSlot(to), signal),
    ]);
    if (wanted === undefined) return cannot(`the revision of ${to} is not known`);
    if (wanted === other) return cannot(`both slots have ${wanted}, so that answers do not tell them apart`);
    const asked = [];
    for (const rule of view.rules) {
      const question = questionFor(rule, identity.path);
      if ("why" in question) return cannot(question.why);
      const nodes = await addresses(rule.found.listener.loadBalancer.dnsName, signal);
      if ("code" in nodes) return cannot(nodes.message);
      asked.push({ question, addresses: nodes });
    }
    return identify(asked, { header: identity.header, revision: wanted, other }, signal);
  }

  return async (to, signal) => {
    const read = await reader.read({ signal, purse: "switch" });
    if (read.is === "unreadable") return read;
    const { view, at } = read;
    const seen = (value: Evidence): Read<Evidence> => ({ is: "seen", value, version: view.version, at });
    const shares = possible(to);
    if ("code" in shares) return seen({ strength: "ack", moved: false, detail: shares.message });
    const astray = view.rules.find(({ division }) => !sameShares(division.shares, shares));
    if (astray !== undefined) {
      following.reset();
      const detail = `${astray.found.name} says ${describeShares(astray.division.shares)}`;
      return seen({ strength: "ack", moved: false, detail });
    }
    const since = following.since(view.version);
    const sole = soleSlot(shares);
    const who =
      sole === undefined
        ? cannot("answers tell only whole shifts, not shares")
        : await identified(view, sole, signal);
    if (who.is === "told") return seen(who.evidence);
    if (since.ms >= COUNTS_AFTER && sole !== undefined) {
      const flat = await counts(since.at, since.now, signal);
      if (flat.is === "flat")
        return seen({ strength: "counters", moved: true, detail: flat.detail, missing: who.missing });
      return seen(declared(since.ms, `${who.missing}; ${flat.missing}`));
    }
    const soon =
      sole === undefined
        ? ""
        : "; CloudWatch counts by the minute and tells it a minute later, too late to wait for";
    return seen(declared(since.ms, `${who.missing}${soon}`));

    async function counts(from: typeof since.at, until: typeof since.now, end: AbortSignal) {
      const found = await reader.found(end);
      if ("code" in found) return { is: "not shown", missing: found.message } as const;
      const call = { signal: end, purse: "look" } as const;
      const [blue, green] = await Promise.all([
        counters.perMinute(found, "blue", from, call),
        counters.perMinute(found, "green", from, call),
      ]);
      if ("code" in blue) return { is: "not shown", missing: blue.message } as const;
      if ("code" in green) return { is: "not shown", missing: green.message } as const;
      const settled = instant(from + settings.propagation);
      return flatness(shares as Exclude<typeof shares, Cause>, { blue, green }, settled, until);
    }
  };

  function declared(ms: number, missing: string): Evidence {
    const moved = ms >= settings.propagation;
    const bound = `every node of the load balancer follows within ${settings.propagation} ms (configured)`;
    return moved
      ? {
          strength: "declared",
          moved,
          detail: `acknowledged ${Math.round(ms)} ms ago, and ${bound}`,
          missing,
        }
      : { strength: "ack", moved, detail: `acknowledged; waiting: ${bound}`, missing };
  }
}

function cannot(missing: string): Identified {
  return { is: "cannot", missing };
}
