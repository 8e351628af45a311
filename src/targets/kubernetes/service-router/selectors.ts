import { allTo, NOBODY, type Weights } from "../../../core/routing.ts";
import { SLOTS, version, type Slot, type Version } from "../../../core/units.ts";
import type { Deployment, Labels, Service } from "../api/objects.ts";
import { ANNOTATIONS, LABELS, poolLabels, slotLabels } from "../names.ts";

/**
 * What a Service's selector says about traffic. A Service reaches every pod that has all labels of its selector, so
 * the slots that get traffic are computed from the selector and the labels of the slots' pods, never remembered.
 */

/** One slot, as far as a Service is concerned. */
export interface SlotPods {
  /** The selector with which a Service reaches exactly this slot. */
  readonly selector: Labels;
  /** Labels that every pod of the slot has. */
  readonly labels: Labels;
  /** There is no Deployment that says how it is reached: the slot never ran, or somebody took its marks away. */
  readonly unknown?: true;
}

export type BothSlots = Readonly<Record<Slot, SlotPods>>;

/**
 * Both slots from their Deployments. An adopted one says by an annotation how it is reached. A slot without a
 * Deployment is known by the labels it is going to have.
 */
export function slotsOf(service: string, deployments: readonly Deployment[]): BothSlots {
  const one = (slot: Slot): SlotPods => {
    const own = slotLabels(service, slot);
    const deployment = deployments.find(({ metadata: { labels = {} } }) =>
      Object.entries(own).every(([key, value]) => labels[key] === value),
    );
    if (deployment === undefined) return { selector: own, labels: own, unknown: true };
    return {
      selector: annotatedSelector(deployment) ?? own,
      labels: deployment.spec.template.metadata?.labels ?? {},
    };
  };
  return { blue: one("blue"), green: one("green") };
}

function annotatedSelector(deployment: Deployment): Labels | undefined {
  const text = deployment.metadata.annotations?.[ANNOTATIONS.selector];
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isLabels(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isLabels(value: unknown): value is Labels {
  return (
    typeof value === "object" &&
    value !== null &&
    Object.keys(value).length > 0 &&
    Object.values(value).every((each) => typeof each === "string")
  );
}

/** An empty selector is no selector: such a Service reaches nobody by itself. */
export function reaches(selector: Labels | undefined, labels: Labels): boolean {
  const wanted = Object.entries(selector ?? {});
  return wanted.length > 0 && wanted.every(([key, value]) => labels[key] === value);
}

/** Who gets traffic by this selector. One that reaches neither slot, whoever else it reaches, is nobody's. */
export function weightsOf(selector: Labels | undefined, slots: BothSlots): Weights {
  const reached = SLOTS.filter((slot) => reaches(selector, slots[slot].labels));
  if (reached.length === 2) return "pool";
  return reached[0] === undefined ? NOBODY : allTo(reached[0]);
}

/**
 * Reaches no pod at all: no slot is called so. Kubernetes has no other way to say "nobody" that stays under Teal's
 * control: without a selector, the endpoints that are there would stay.
 */
export function nobodySelector(service: string): Labels {
  return { [LABELS.service]: service, [LABELS.slot]: "nobody" };
}

/** The selector for a division of traffic, or why this Service cannot divide it so. */
export function selectorFor(
  to: Weights,
  service: string,
  slots: BothSlots,
):
  | { readonly is: "selector"; readonly selector: Labels }
  | { readonly is: "impossible"; readonly why: string } {
  if (to === "pool") {
    const pool = poolLabels(service);
    const outside = SLOTS.find((slot) => !reaches(pool, slots[slot].labels));
    if (outside === undefined) return { is: "selector", selector: pool };
    const why = `the pods of ${outside} lack the label ${LABELS.service}=${service} (an adopted Deployment keeps its own labels), so no selector reaches both slots`;
    return { is: "impossible", why };
  }
  if (to.blue === 0 && to.green === 0) return { is: "selector", selector: nobodySelector(service) };
  const whole = SLOTS.find((slot) => to[slot] === 100);
  if (whole === undefined || to.blue + to.green !== 100) {
    const why = `a Service sends all traffic to one slot or to the pool of both, not blue ${to.blue} % and green ${to.green} %`;
    return { is: "impossible", why };
  }
  const { selector, unknown } = slots[whole];
  if (unknown) {
    const why = `there is no Deployment with the labels ${textOf(slotLabels(service, whole))}: a selector for ${whole} would reach nobody`;
    return { is: "impossible", why };
  }
  const seenAs = weightsOf(selector, slots);
  if (seenAs !== "pool" && seenAs[whole] === 100) return { is: "selector", selector };
  const said = SLOTS.filter((slot) => reaches(selector, slots[slot].labels)).join(" and ") || "neither slot";
  return {
    is: "impossible",
    why: `the selector of ${whole} (${textOf(selector)}) reaches ${said}, by the labels of the Deployments' pods`,
  };
}

export function sameSelector(a: Labels | undefined, b: Labels | undefined): boolean {
  return textOf(a) === textOf(b);
}

/** `teal.dev/service=shop,teal.dev/slot=blue`, keys in order; `none` for a Service without a selector. */
export function textOf(selector: Labels | undefined): string {
  const pairs = Object.entries(selector ?? {}).map(([key, value]) => `${key}=${value}`);
  return pairs.length === 0 ? "none" : pairs.toSorted().join(",");
}

/** What a shift is decided on: the epoch and the selector. Other changes of the Service do not matter to it. */
export function versionOf(service: Service): Version {
  const epoch = service.metadata.annotations?.[ANNOTATIONS.epoch] ?? "-";
  return version(`epoch ${epoch}, ${textOf(service.spec.selector)}`);
}

/** Field managers other than `manager` that last set the selector: they may well set it again. */
export function selectorOwners(service: Service, manager: string): readonly string[] {
  const owners = (service.metadata.managedFields ?? []).filter((entry) => {
    const spec = entry.fieldsV1?.["f:spec"];
    return typeof spec === "object" && spec !== null && "f:selector" in spec && entry.manager !== manager;
  });
  return [...new Set(owners.map((entry) => entry.manager))];
}
