import type { Shares } from "../../../core/routing.ts";
import { soleSlot } from "../../../core/routing.ts";
import { type Slot, SLOTS } from "../../../core/units.ts";
import type { Testers } from "../settings.ts";
import type { BackendRef, RouteFilter, RouteRule } from "./http-route.ts";
import { type Backends, isManaged, isOriginal, isOurs, isTestersRule, slotOf, TESTERS } from "./refs.ts";
import { sharesOf, weightsFor } from "./shares.ts";
import { testersMatches } from "./testers.ts";

/** Everything that decides what a route is to look like. */
export interface Wish {
  readonly to: Shares;
  /** The slot that testers and mirrored requests reach before users do; absent: none. */
  readonly exposed?: Slot;
  readonly testers?: Testers;
  readonly mirror?: boolean;
}

export type Rewritten =
  | { readonly is: "rules"; readonly rules: readonly RouteRule[] }
  /** The weights of that rule (its place in the list) cannot express the shares beside a foreign reference. */
  | { readonly is: "inexact"; readonly rule: number };

/**
 * The complete list of rules that a wish means. Only these differ from what is there: weights of the references to
 * the slots' Services (the original Service's gives way to them when it reaches no slot), the mirror filter to a slot,
 * and the testers' rules, which come first. Every other rule and field is the same object as before, hence the same bytes.
 */
export function rewrite(rules: readonly RouteRule[], wish: Wish, backends: Backends): Rewritten {
  const next: RouteRule[] = [];
  const testers: RouteRule[] = [];
  for (const [index, rule] of rules.entries()) {
    if (isTestersRule(rule)) continue;
    if (!isManaged(rule, backends) || staysForeign(rule, wish, backends)) {
      next.push(rule);
      continue;
    }
    const weights = weightsFor(wish.to, rule, backends);
    if (weights === undefined) return { is: "inexact", rule: index };
    const bare = withRefs(withoutMirror(rule, backends), weights, backends);
    next.push(mirrored(bare, wish, backends));
    testers.push(...testersRule(bare, wish, backends, testers.length + 1));
  }
  return { is: "rules", rules: [...testers, ...next] };
}

/** To nobody: a rule that reaches no slot yet gives none of them anything already, and its users are not ours. */
function staysForeign(rule: RouteRule, { to }: Wish, backends: Backends): boolean {
  if (to.blue + to.green > 0) return false;
  return !(rule.backendRefs ?? []).some((ref) => slotOf(ref, backends) !== undefined);
}

/** The slot that the rules expose to testers or mirror to. */
export function exposedIn(rules: readonly RouteRule[], backends: Backends): Slot | undefined {
  for (const rule of rules) {
    const refs = isTestersRule(rule)
      ? (rule.backendRefs ?? [])
      : (rule.filters ?? []).flatMap((filter) => filter.requestMirror?.backendRef ?? []);
    const slot = refs.map((ref) => slotOf(ref, backends)).find((found) => found !== undefined);
    if (slot !== undefined) return slot;
  }
  return undefined;
}

/** The same rules without those of testers and without mirrors to a slot. */
export function hidden(rules: readonly RouteRule[], backends: Backends): readonly RouteRule[] {
  return rules.filter((rule) => !isTestersRule(rule)).map((rule) => withoutMirror(rule, backends));
}

/**
 * Which slot a shift leaves exposed. With all traffic on one slot the question is settled: it is the candidate, or the
 * candidate was given up. Between that it stays whichever it is; unknown, it is the one that gets less so far.
 */
export function exposedAfter(
  to: Shares,
  recorded: Slot | undefined,
  rules: readonly RouteRule[],
  backends: Backends,
): Slot | undefined {
  if (soleSlot(to) !== undefined || to.blue + to.green === 0) return undefined;
  if (recorded !== undefined) return recorded;
  if (to.blue !== to.green) return to.blue < to.green ? "blue" : "green";
  const managed = rules.find((rule) => isManaged(rule, backends));
  return managed !== undefined && sharesOf(managed, backends).blue < to.blue ? "blue" : "green";
}

function withRefs(rule: RouteRule, weights: Shares, backends: Backends): RouteRule {
  const refs = rule.backendRefs ?? [];
  const last = refs.findLast((ref) => isOurs(ref, backends));
  const has = (slot: Slot) => refs.some((ref) => slotOf(ref, backends) === slot);
  // A slot that never ran has no Service, and a gateway resolves references whatever their weights are.
  const added = SLOTS.filter((slot) => weights[slot] > 0 && !has(slot)).map((slot) => ({
    ...refOf(rule, slot, backends),
    weight: weights[slot],
  }));
  const seen = new Set<Slot>();
  const backendRefs = refs.flatMap((ref) => {
    const slot = slotOf(ref, backends);
    const after = ref === last ? added : [];
    if (slot === undefined) return isOriginal(ref, backends) ? after : [ref, ...after];
    // Of several references to one slot (they may differ in filters) the first has its whole weight.
    const weight = seen.has(slot) ? 0 : weights[slot];
    seen.add(slot);
    return [{ ...ref, weight }, ...after];
  });
  return { ...rule, backendRefs };
}

/** The rule's reference to a slot; if it has none, one like it has to another of ours, with its port and filters. */
function refOf(rule: RouteRule, slot: Slot, backends: Backends): BackendRef {
  const ours = (rule.backendRefs ?? []).filter((ref) => isOurs(ref, backends));
  const own = ours.find((ref) => slotOf(ref, backends) === slot);
  return own ?? { ...(ours[0] as BackendRef), name: backends.slots[slot] };
}

function isOurMirror(filter: RouteFilter, backends: Backends): boolean {
  const ref = filter.requestMirror?.backendRef;
  return filter.type === "RequestMirror" && ref !== undefined && slotOf(ref, backends) !== undefined;
}

function withoutMirror(rule: RouteRule, backends: Backends): RouteRule {
  if (!(rule.filters ?? []).some((filter) => isOurMirror(filter, backends))) return rule;
  const { filters, ...rest } = rule;
  const kept = (filters ?? []).filter((filter) => !isOurMirror(filter, backends));
  return kept.length === 0 ? rest : { ...rest, filters: kept };
}

/** Copies of the users' requests, only while the candidate gets none of its own: each request reaches it once. */
function mirrored(rule: RouteRule, { to, exposed, mirror }: Wish, backends: Backends): RouteRule {
  if (mirror !== true || exposed === undefined || to[exposed] > 0) return rule;
  const { weight: _, filters: _filters, ...ref } = refOf(rule, exposed, backends);
  const filter: RouteFilter = { type: "RequestMirror", requestMirror: { backendRef: ref } };
  return { ...rule, filters: [...(rule.filters ?? []), filter] };
}

function testersRule(
  rule: RouteRule,
  { exposed, testers }: Wish,
  backends: Backends,
  number: number,
): readonly RouteRule[] {
  if (exposed === undefined || testers === undefined) return [];
  const matches = testersMatches(rule, testers);
  if (matches.length === 0) return [];
  const backendRefs = [{ ...refOf(rule, exposed, backends), weight: 1 }];
  return [{ ...rule, name: `${TESTERS}${number}`, matches, backendRefs }];
}
