import type { Cause } from "../../../core/units.ts";
import type { Service } from "../api/objects.ts";

/** What the router of a Service says when it cannot do what was asked. */

export const LATE: Cause = {
  code: "TEAL-K301",
  message: "the time for this call is over; nothing was sent to the API server",
};

export function absent(name: string, place: string): Cause {
  const message = `Service ${name} does not exist in ${place}. Create it, or correct kubernetes.service in teal.yaml.`;
  return { code: "TEAL-K302", message };
}

/** Why a Service cannot switch between slots by its selector. */
export function unusable(service: Service, place: string): Cause | undefined {
  const { name } = service.metadata;
  if (service.spec.type === "ExternalName") {
    const message = `Service ${name} in ${place} is of type ExternalName: a name in DNS, with no selector to switch. Name another one: kubernetes.service in teal.yaml.`;
    return { code: "TEAL-K303", message };
  }
  if (Object.keys(service.spec.selector ?? {}).length === 0) {
    const message = `Service ${name} in ${place} has no selector: somebody else writes its endpoints, and would go on doing so. Name another one (kubernetes.service in teal.yaml), or give this one a selector.`;
    return { code: "TEAL-K303", message };
  }
  return undefined;
}

export function impossible(name: string, why: string): Cause {
  return { code: "TEAL-K304", message: `Service ${name} cannot do that: ${why}.` };
}

export function restless(name: string, attempts: number): Cause {
  const message = `Service ${name} was changed by somebody else between our look and our write, ${attempts} times in a row. Find out who (kubectl get service ${name} --show-managed-fields -o yaml), then try again.`;
  return { code: "TEAL-K305", message };
}
