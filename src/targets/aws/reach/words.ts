import type { Cause } from "../../../core/units.ts";

export function noPriority(rule: string): Cause {
  const message =
    `no priority is free before ${rule}, so that no rule for probes can come before it. ` +
    "Give it a higher number, or set aws.reach to a test listener or to address.";
  return { code: "TEAL-A320", message };
}

export function noListener(name: string, loadBalancer: string): Cause {
  const message = `the test listener ${name} does not exist on ${loadBalancer}. Create it, or correct aws.reach in teal.yaml.`;
  return { code: "TEAL-A321", message };
}

export function unreached(where: string, why: string): Cause {
  const message = `${where} cannot be reached from here, so that the candidate could not be probed: ${why}`;
  return { code: "TEAL-A322", message };
}

export function noRule(header: string): Cause {
  const message = `no rule leads requests with the header ${header} to the slot: it is made together with the slot's instances`;
  return { code: "TEAL-A323", message };
}

export function unrestorable(original: string): Cause {
  const message = `the actions of the test listener that were kept cannot be read: ${original.slice(0, 200)}`;
  return { code: "TEAL-A324", message };
}

export function notLeading(listener: string, slot: string): Cause {
  const message = `the test listener ${listener} does not lead to ${slot}: it is pointed there together with the slot's instances`;
  return { code: "TEAL-A323", message };
}

export function notLent(name: string): Cause {
  const message = `what the test listener ${name} does now was not read before it is changed, so that it could not be given back: it is looked at again`;
  return { code: "TEAL-A327", message };
}

export function notEverywhere(ms: number): Cause {
  const message = `not every node of the load balancer follows yet: asked in ${Math.ceil(ms)} ms`;
  return { code: "TEAL-A325", message };
}

export function unnamed(): Cause {
  const message =
    "probes through the load balancer cannot tell which slot answers: where a rule is missing at one node, the live slot would. " +
    "Let the service name its revision in a header and set health.identity";
  return { code: "TEAL-A326", message };
}
