import { SLOTS, type Slot } from "../../../core/units.ts";
import type { KubeObject, Labels, LabelSelector } from "../api/objects.ts";
import type { Distinguish } from "./rendered.ts";
import { keysOf, selects } from "./selectors.ts";
import { TemplateError } from "./refused.ts";

/*
 * A slot's pods carry the template's labels, and would be taken for the template's own by its ReplicaSets, its HPA and
 * its PDB: so one label gets another value. Whatever else selects by that label loses sight of the slots.
 */

/** Characters a label's value may have. */
const LONGEST = 63;

/** The value of the distinguishing label of a slot's pods: `shop-blue`. Cut where it would be too long for a label. */
export function slotValue(value: string, slot: Slot): string {
  const suffix = `-${slot}`;
  const kept = value.slice(0, LONGEST - suffix.length).replace(/[^A-Za-z0-9]+$/, "");
  const changed = `${kept}${suffix}`;
  return kept === "" || changed === value ? slot : changed;
}

/** An object of the namespace that looks at pods by their labels. */
export interface Selecting {
  /** `NetworkPolicy allow-shop`. */
  readonly who: string;
  /** Keys of its selector that the template's pods have. */
  readonly keys: readonly string[];
}

/** What in a namespace can select pods; a list that could not be read is left out. */
export interface Beside {
  readonly services?: readonly KubeObject[];
  readonly networkPolicies?: readonly KubeObject[];
  readonly disruptionBudgets?: readonly KubeObject[];
}

/**
 * Who selects the template's pods, and by which labels: Services, NetworkPolicies (also as peers of others) and PDBs.
 * An HPA counts the pods of its target's selector, so it is the template's own. What custom resources select
 * (ServiceMonitors, mesh policies) is out of reach.
 */
export function whoSelects(labels: Labels, beside: Beside): readonly Selecting[] {
  const found = [
    ...(beside.services ?? []).flatMap((object) => selecting("Service", object, [serviceSelector(object)])),
    ...(beside.disruptionBudgets ?? []).flatMap((object) =>
      selecting("PodDisruptionBudget", object, [at(object, "spec", "selector")]),
    ),
    ...(beside.networkPolicies ?? []).flatMap((object) =>
      selecting("NetworkPolicy", object, [at(object, "spec", "podSelector"), ...peersOf(object)]),
    ),
  ];
  return found.flatMap(({ who, selectors }) => {
    const keys = selectors
      .filter((selector) => selects(selector, labels))
      .flatMap(keysOf)
      .filter((key) => labels[key] !== undefined);
    return keys.length === 0 ? [] : [{ who, keys: [...new Set(keys)] }];
  });
}

/** Those of `others` that lose sight of a slot's pods when `key` has another value. */
export function usersOf(key: string, others: readonly Selecting[]): readonly string[] {
  return others.filter(({ keys }) => keys.includes(key)).map(({ who }) => who);
}

/**
 * The label in which a slot's pods differ: the one that is set, else of those that the template's selector selects by
 * the one that the fewest others use, the first by name of several. Slots then match none of `avoid` (the selectors of
 * the template and of other Deployments).
 */
export function chooseDistinguish(
  labels: Labels,
  own: LabelSelector,
  avoid: readonly LabelSelector[],
  others: readonly Selecting[],
  wanted: string | undefined,
): Distinguish {
  const candidates = wanted === undefined ? keysOf(own).filter((key) => labels[key] !== undefined) : [wanted];
  const usable = candidates.filter((key) =>
    separates({ key, value: labels[key] ?? "" }, labels, [own, ...avoid]),
  );
  const [key] = usable.toSorted(
    (a, b) => usersOf(a, others).length - usersOf(b, others).length || (a < b ? -1 : 1),
  );
  if (key !== undefined) return { key, value: labels[key] ?? "" };
  throw new TemplateError(
    "TEAL-K213",
    wanted === undefined
      ? `no label of the template's selector (${keysOf(own).join(", ")}) can keep a slot's pods apart from its own`
      : `with another value of "${wanted}", a Deployment of the namespace still selects a slot's pods`,
    wanted === undefined
      ? "Set `distinguish` to a label of the template's selector that has a value."
      : "Set `distinguish` to a label of the template's own selector.",
  );
}

/** Neither slot's pods are selected by any of these. */
function separates(by: Distinguish, labels: Labels, avoid: readonly LabelSelector[]): boolean {
  return SLOTS.every((slot) => {
    const changed = { ...labels, [by.key]: slotValue(by.value, slot) };
    return avoid.every((selector) => !selects(selector, changed));
  });
}

function selecting(kind: string, object: KubeObject, selectors: readonly unknown[]) {
  const real = selectors.filter((selector) => typeof selector === "object" && selector !== null);
  return [{ who: `${kind} ${object.metadata.name}`, selectors: real as readonly LabelSelector[] }];
}

/** A Service selects by a plain map; without one it selects nothing. */
function serviceSelector(object: KubeObject): LabelSelector | undefined {
  const selector = at(object, "spec", "selector") as Labels | undefined;
  return selector === undefined ? undefined : { matchLabels: selector };
}

function peersOf(policy: KubeObject): readonly unknown[] {
  const rules = [...listAt(policy, "spec", "ingress"), ...listAt(policy, "spec", "egress")];
  const peers = rules.flatMap((rule) => [...listAt(rule, "from"), ...listAt(rule, "to")]);
  // A peer in other namespaces is another's pod.
  return peers
    .filter((peer) => at(peer, "namespaceSelector") === undefined)
    .map((peer) => at(peer, "podSelector"));
}

function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === "object" && inner !== null
        ? (inner as Readonly<Record<string, unknown>>)[key]
        : undefined,
    value,
  );
}

function listAt(value: unknown, ...path: readonly string[]): readonly unknown[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? found : [];
}
