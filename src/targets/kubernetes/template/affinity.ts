import type { Slot } from "../../../core/units.ts";
import type { Labels, LabelSelector, PodSpec } from "../api/objects.ts";
import { LABELS } from "../names.ts";
import type { RenderedRevision } from "./rendered.ts";
import { slotValue } from "./distinguish.ts";
import { keysOf, selects } from "./selectors.ts";

/*
 * Rules of placement name pods by labels. A rule that means "my own pods" (spread them, keep them off one node) would
 * mean the template's own pods and those of both slots, or none of them, since a slot's pods differ in one label. It
 * is to mean the pods of its slot: were a candidate to keep off the nodes of what serves, a cluster with one node per
 * replica had no room for it.
 */

type Tree = Readonly<Record<string, unknown>>;
type Own = Pick<RenderedRevision, "own" | "distinguish" | "template" | "service">;

/** The pod's specification with each rule about the template's own pods narrowed to those of `slot`. */
export function narrowToSlot(spec: PodSpec, of: Own, slot: Slot): PodSpec {
  const narrow = (rule: unknown) => narrowRule(rule, of, slot);
  return {
    ...spec,
    ...mapped(spec, "topologySpreadConstraints", (rules) => listed(rules, narrow)),
    ...mapped(spec, "affinity", (affinity) => ({
      ...affinity,
      ...mapped(affinity, "podAffinity", (terms) => narrowTerms(terms, narrow)),
      ...mapped(affinity, "podAntiAffinity", (terms) => narrowTerms(terms, narrow)),
    })),
  };
}

function narrowTerms(affinity: Tree, narrow: (rule: unknown) => unknown): Tree {
  return {
    ...affinity,
    ...mapped(affinity, "requiredDuringSchedulingIgnoredDuringExecution", (terms) => listed(terms, narrow)),
    ...mapped(affinity, "preferredDuringSchedulingIgnoredDuringExecution", (terms) =>
      listed(terms, (term) =>
        isTree(term) ? { ...term, ...mapped(term, "podAffinityTerm", narrow) } : term,
      ),
    ),
  };
}

/** One term or constraint; a rule for named other namespaces does not mean this template's pods. */
function narrowRule(rule: unknown, of: Own, slot: Slot): unknown {
  if (!isTree(rule) || rule["namespaces"] !== undefined || rule["namespaceSelector"] !== undefined)
    return rule;
  const selector = rule["labelSelector"];
  if (!isTree(selector) || !meansOwnPods(selector, of)) return rule;
  return { ...rule, labelSelector: narrowSelector(selector, of, slot) };
}

/**
 * It selects the template's pods, and by nothing but labels that the template's Deployment selects its pods by: a rule
 * about `tier: backend` is one about all backends, and stays.
 */
function meansOwnPods(selector: LabelSelector, { own, template }: Own): boolean {
  const keys = keysOf(selector);
  const identity = keysOf(own ?? {});
  return (
    keys.length > 0 &&
    keys.every((key) => identity.includes(key)) &&
    selects(selector, template.metadata?.labels ?? {})
  );
}

function narrowSelector(selector: LabelSelector, of: Own, slot: Slot): LabelSelector {
  const { key, value } = of.distinguish ?? {};
  const renamed = (text: string) => (text === value ? slotValue(text, slot) : text);
  const labels: Labels = selector.matchLabels ?? {};
  const expressions = selector.matchExpressions?.map((requirement) =>
    requirement.key === key && requirement.values !== undefined
      ? { ...requirement, values: requirement.values.map(renamed) }
      : requirement,
  );
  return {
    ...selector,
    matchLabels: {
      ...labels,
      ...(key !== undefined && labels[key] !== undefined ? { [key]: renamed(labels[key]) } : {}),
      [LABELS.service]: of.service,
      [LABELS.slot]: slot,
    },
    ...(expressions === undefined ? {} : { matchExpressions: expressions }),
  };
}

/** `{ [key]: change(value) }` where the object has an object or a list there, else nothing. */
function mapped(of: Tree, key: string, change: (value: Tree) => unknown): Tree {
  const value = of[key];
  return isTree(value) ? { [key]: change(value) } : {};
}

function listed(value: unknown, change: (item: unknown) => unknown): unknown {
  return Array.isArray(value) ? value.map(change) : value;
}

function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null;
}
