import type { Plan } from "../../../core/plan.ts";
import { SLOTS, type Slot } from "../../../core/units.ts";
import type { Finding } from "../../../ports/target.ts";
import type { Subnet } from "../api/api.ts";
import type { Found } from "../found.ts";

/** Targets that a load balancer takes (Quotas for your Application Load Balancers); the account may have more. */
const TARGETS = 1_000;
/** Addresses that one instance takes at least. */
const PER_INSTANCE = 1;

/** How many instances there will be more than now, at the most. */
export function additionalInstances({ baseline, candidate, request }: Plan): number {
  const { serving, slots } = baseline;
  const live = serving === "nobody" ? 0 : slots[serving].wanted;
  const size = serving === "nobody" ? request.replicas : Math.max(1, live);
  const there = slots[candidate.slot].wanted;
  switch (request.strategy.kind) {
    case "recreate":
      return Math.max(0, size - live - there);
    case "rolling":
      return Math.max(0, Math.min(request.strategy.batch, size) - there);
    case "blueGreen":
    case "canary":
      return Math.max(0, size - there);
    default:
      return request.strategy.kind satisfies never;
  }
}

export function roomFindings(
  targets: Readonly<Record<Slot, number>>,
  more: number,
  { slots }: Found,
): readonly Finding[] {
  const all = SLOTS.reduce((sum, slot) => sum + targets[slot], 0) + more;
  if (more === 0 || all <= TARGETS) return [];
  const names = SLOTS.map((slot) => slots[slot].targetGroup.name).join(" and ");
  const message = `with the candidate's ${more} instances there are ${all} targets in ${names}: by default a load balancer takes ${TARGETS}`;
  const next = "ask AWS for a higher quota (Service Quotas, L-53DA6B97), or deploy by rolling";
  return [{ is: "warns", cause: { code: "TEAL-A610", message }, next }];
}

export function subnetFindings(subnets: readonly Subnet[], more: number): readonly Finding[] {
  if (subnets.length === 0 || more === 0) return [];
  const free = subnets.reduce((sum, subnet) => sum + Math.floor(subnet.freeAddresses / PER_INSTANCE), 0);
  const empty = subnets.filter(({ freeAddresses }) => freeAddresses === 0).map(({ id }) => id);
  const next = "free addresses, or give the group larger subnets";
  if (free < more) {
    const message = `the candidate needs ${more} addresses, and its subnets have ${free} free (${subnets.map(({ id, freeAddresses }) => `${id} ${freeAddresses}`).join(", ")})`;
    return [{ is: "blocks", cause: { code: "TEAL-A611", message }, next }];
  }
  if (empty.length === 0) return [];
  const message = `no address is free in ${empty.join(", ")}: the candidate's instances all go to the other zones`;
  return [{ is: "warns", cause: { code: "TEAL-A611", message }, next }];
}

/** @param zones where the type is offered; undefined when the template names none. */
export function zoneFindings(
  type: string | undefined,
  zones: readonly string[] | undefined,
  subnets: readonly Subnet[],
): readonly Finding[] {
  if (type === undefined || zones === undefined || subnets.length === 0) return [];
  const own = [...new Set(subnets.map(({ zone }) => zone))];
  const without = own.filter((zone) => !zones.includes(zone));
  if (without.length === 0) return [];
  const none = without.length === own.length;
  const message = `${type} is not offered in ${without.join(", ")}${none ? ", and the group has no other zones" : ": instances go to the other zones"}`;
  const next = "choose another instance type in the launch template, or other subnets";
  return [{ is: none ? "blocks" : "warns", cause: { code: "TEAL-A612", message }, next }];
}
