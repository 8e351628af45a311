import type { Shares, Weights } from "../../../core/routing.ts";
import type { Cause } from "../../../core/units.ts";

export function describeShares(shares: Shares): string {
  return shares.blue + shares.green === 0 ? "nobody" : `blue ${shares.blue} %, green ${shares.green} %`;
}

/** The shares that a shift asks for, or why no HTTPRoute can have them. */
export function possible(to: Weights): Shares | Cause {
  if (to === "pool") {
    const message =
      "an HTTPRoute divides traffic by weights, it has no pool in which both slots share by readiness. " +
      "Use a strategy that works with weights or a switch: blueGreen, canary, recreate.";
    return { code: "TEAL-K352", message };
  }
  const sum = to.blue + to.green;
  if (sum === 100 || sum === 0) return to;
  return { code: "TEAL-K352", message: `weights ${to.blue}/${to.green} add up to neither 0 nor 100` };
}

export function unmanaged(route: string, services: readonly string[]): Cause {
  const message =
    `no rule of HTTPRoute ${route} refers to one of the Services ${services.join(", ")}: nothing is there to ` +
    "divide. Let a rule's backendRefs name one of them, or correct kubernetes.service or gateway.route in teal.yaml.";
  return { code: "TEAL-K351", message };
}

export function inexact(route: string, rule: number, to: Shares): Cause {
  const message =
    `the weights of rule ${rule + 1} of HTTPRoute ${route} cannot express ${describeShares(to)} without changing ` +
    "the share of the other backend in it. Multiply all weights of that rule by 100.";
  return { code: "TEAL-K354", message };
}

export function uneven(route: string): Cause {
  const message = `the rules of HTTPRoute ${route} divide the traffic differently; they are left as they are`;
  return { code: "TEAL-K355", message };
}

export const LATE: Cause = {
  code: "TEAL-K353",
  message: "the time for this call is over; nothing was sent",
};

export function restless(route: string, attempts: number): Cause {
  const message =
    `HTTPRoute ${route} was changed by somebody else between our look and our write, ${attempts} times in a row. ` +
    `Find out who (kubectl get httproute ${route} --show-managed-fields -o yaml), then try again.`;
  return { code: "TEAL-K356", message };
}
