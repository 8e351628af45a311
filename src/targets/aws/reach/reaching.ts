import type { Borrowed } from "../../../core/observed.ts";
import { SLOTS, type Cause, type Slot } from "../../../core/units.ts";
import type { Way } from "../../../ports/exchange.ts";
import type { By, Write } from "../../../ports/write.ts";
import type { AwsApi, CallBy } from "../api/api.ts";
import type { Found, FoundRule } from "../found.ts";
import type { AwsSettings } from "../settings.ts";
import { createHeaderRules, forwardsOnlyTo } from "./header-rule.ts";
import { createTestListener } from "./test-listener.ts";
import { loadBalancerWay, type Entrance } from "./way.ts";
import { noRule, notEverywhere, notLeading } from "./words.ts";

/** How probes get to the instances of the slot that gets no traffic, as configured. */
export interface Leading {
  /** `undefined`: straight to the instances' private addresses. */
  readonly way: ((slot: Slot) => Way) | undefined;
  /** What a deployment has to put back when it is over; or why that cannot be read, which is not nothing. */
  lends(slot: Slot, signal: AbortSignal): Promise<readonly Borrowed[] | Cause>;
  /** Lets probes in to the slot. */
  lead(slot: Slot, by: By): Promise<Write<undefined>>;
  /** Before the slot is emptied; nothing where nobody but Teal can have come in. */
  leave(slot: Slot, by: By): Promise<Write<undefined>>;
  /** `undefined`: it was borrowed from somebody else. */
  restore(borrowed: Borrowed, by: By): Promise<Write<undefined> | undefined>;
  /** Where probes would go in now, as far as it is there. */
  entrance(slot: Slot, call: CallBy): Promise<Entrance | Cause>;
}

export interface LeadingParts {
  readonly addresses: (dnsName: string, signal: AbortSignal) => Promise<readonly string[] | Cause>;
  /** A header value that cannot be guessed. */
  readonly random?: () => string;
}

type Find = (signal: AbortSignal) => Promise<Found | Cause>;

const NOTHING_TO_DO: Write<undefined> = { is: "unchanged", seen: undefined };

export function createLeading(api: AwsApi, settings: AwsSettings, found: Find, parts: LeadingParts): Leading {
  const { reach } = settings;
  switch (reach.by) {
    case "headerRule":
      return byHeader(api, { ...settings, reach }, found, parts);
    case "testListener":
      return byListener(api, { ...settings, name: reach.listener }, found, parts);
    case "address":
      return BY_ADDRESS;
    default: {
      const never: never = reach;
      return never;
    }
  }
}

const BY_ADDRESS: Leading = {
  way: undefined,
  lends: () => Promise.resolve([]),
  lead: () => Promise.resolve(NOTHING_TO_DO),
  leave: () => Promise.resolve(NOTHING_TO_DO),
  restore: () => Promise.resolve(undefined),
  entrance: () =>
    Promise.resolve({ code: "TEAL-A322", message: "probes go straight to the instances' addresses" }),
};

const HEADER_RULE = "headerRule";
const TEST_LISTENER = "testListener";

function byHeader(
  api: AwsApi,
  settings: Parameters<typeof createHeaderRules>[1] & Pick<AwsSettings, "propagation">,
  found: Find,
  { addresses, random = () => crypto.randomUUID() }: LeadingParts,
): Leading {
  const rules = createHeaderRules(api, settings, found, random);
  const settled = new Settled(settings.propagation);
  const entrance = async (slot: Slot, call: CallBy): Promise<Entrance | Cause> => {
    const led = await rules.find(slot, call);
    if (led === "none") return noRule(settings.reach.header);
    if ("code" in led) return led;
    const early = settled.tooEarly(slot, led.value);
    if (early !== undefined) return early;
    return entranceOf(led.rule, addresses, call.signal, { [led.header.toLowerCase()]: led.value });
  };
  const changed = async (write: Promise<Write<undefined>>) => {
    settled.forget();
    return write;
  };
  return {
    way: (slot) => remembering((signal) => entrance(slot, { signal, purse: "look" }), settled),
    // Lent before it is there: what a crash leaves behind is then known to whoever takes over.
    lends: (slot) =>
      Promise.resolve([{ slot, what: HEADER_RULE, original: JSON.stringify({ rule: "none" }) }]),
    lead: (slot, by) => rules.lead(slot, by),
    leave: (slot, by) => changed(rules.remove(slot, by)),
    restore: ({ slot, what }, by) =>
      what === HEADER_RULE ? changed(rules.remove(slot, by)) : Promise.resolve(undefined),
    entrance,
  };
}

function byListener(
  api: AwsApi,
  { name, propagation }: Pick<AwsSettings, "propagation"> & { readonly name: string },
  found: Find,
  { addresses }: LeadingParts,
): Leading {
  const listener = createTestListener(api, name, found);
  const settled = new Settled(propagation);
  /** @param slot the one that the listener has to lead to by now; absent where only its port matters. */
  const entrance = async (slot: Slot | undefined, call: CallBy): Promise<Entrance | Cause> => {
    const [known, read] = await Promise.all([found(call.signal), listener.read(call)]);
    if ("code" in known) return known;
    if ("code" in read) return read;
    const [rule] = known.rules;
    if (rule === undefined) throw new Error("a service without a rule is never found");
    if (slot !== undefined) {
      const { arn } = known.slots[slot].targetGroup;
      if (forwardsOnlyTo(read.DefaultActions ?? []) !== arn) return notLeading(name, slot);
      const early = settled.tooEarly(slot, arn);
      if (early !== undefined) return early;
    }
    const at = { port: read.Port ?? 0, tls: read.Protocol === "HTTPS" };
    const through = await entranceOf(rule, addresses, call.signal, {});
    return "code" in through ? through : { ...through, ...at };
  };
  return {
    way: (slot) => remembering((signal) => entrance(slot, { signal, purse: "look" }), settled),
    // One listener for both slots: lent by one of them.
    lends: async (slot, signal) => {
      if (slot !== SLOTS[0]) return [];
      const original = await listener.lend({ signal, purse: "look" });
      return typeof original === "string" ? [{ slot, what: TEST_LISTENER, original }] : original;
    },
    lead: (slot, by) => listener.lead(slot, by),
    leave: () => Promise.resolve(NOTHING_TO_DO),
    restore: ({ what, original }, by) => {
      if (what !== TEST_LISTENER) return Promise.resolve(undefined);
      settled.forget();
      return listener.restore(original, by);
    },
    entrance: (_slot, call) => entrance(undefined, call),
  };
}

async function entranceOf(
  { listener, hosts }: FoundRule,
  addresses: LeadingParts["addresses"],
  signal: AbortSignal,
  headers: Readonly<Record<string, string>>,
): Promise<Entrance | Cause> {
  const { dnsName } = listener.loadBalancer;
  const nodes = await addresses(dnsName, signal);
  if ("code" in nodes) return nodes;
  const host = hosts.find((each) => !/[*?]/u.test(each)) ?? dnsName;
  return { addresses: nodes, port: listener.port, tls: listener.protocol === "HTTPS", host, headers };
}

/**
 * A node that has not heard of a new rule yet answers by the users' rules, so that a probe would be told of the live
 * slot. Nothing is asked before every node follows, counted from when this process first saw the rule.
 */
class Settled {
  readonly #propagation: number;
  readonly #seen = new Map<Slot, { readonly what: string; readonly at: number }>();
  #epoch = 0;

  constructor(propagation: number) {
    this.#propagation = propagation;
  }

  /** Changes with every `forget`. */
  get epoch(): number {
    return this.#epoch;
  }

  tooEarly(slot: Slot, what: string): Cause | undefined {
    const now = performance.now();
    const seen = this.#seen.get(slot);
    if (seen?.what !== what) this.#seen.set(slot, { what, at: now });
    const left = this.#propagation - (now - (seen?.what === what ? seen.at : now));
    return left <= 0 ? undefined : notEverywhere(left);
  }

  forget(): void {
    this.#epoch++;
    this.#seen.clear();
  }
}

/** So long (ms) an entrance that was found is used without looking again: somebody may remove a rule, addresses change. */
const FRESH = 10_000;
/** And so long (ms) what stood in the way is believed: every replica asks, and looking is paid for. */
const BELIEVED = 500;

function remembering(look: (signal: AbortSignal) => Promise<Entrance | Cause>, settled: Settled): Way {
  let kept: { readonly seen: Entrance | Cause; readonly until: number; readonly epoch: number } | undefined;
  return loadBalancerWay(async (signal) => {
    if (kept !== undefined && performance.now() < kept.until && kept.epoch === settled.epoch)
      return kept.seen;
    const { epoch } = settled;
    const seen = await look(signal);
    kept = { seen, until: performance.now() + ("code" in seen ? BELIEVED : FRESH), epoch };
    return seen;
  });
}
