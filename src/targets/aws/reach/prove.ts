import { connect } from "node:net";
import type { Identity } from "../../../core/checks.ts";
import { otherSlot, type Slot } from "../../../core/units.ts";
import type { Finding } from "../../../ports/target.ts";
import type { AwsApi, CallBy } from "../api/api.ts";
import type { Found } from "../found.ts";
import type { AwsSettings } from "../settings.ts";
import { createHeaderRules } from "./header-rule.ts";
import { createLeading, type LeadingParts } from "./reaching.ts";
import { unnamed, unreached } from "./words.ts";

/** So long (ms) a connection may take to open: whoever is farther away could not probe either. */
const OPEN_WITHIN = 2_000;

export interface ProveParts extends LeadingParts {
  readonly api: AwsApi;
  readonly settings: AwsSettings;
  readonly found: Found;
  /** How the checks of the plan prove whose answer it is. */
  readonly identity: Identity;
}

/**
 * Whether probes will get to the slot's instances, before a single one is paid for. Changes nothing and asks no
 * production instance anything but whether its port is open. Nothing is found where everything is well.
 */
export async function proveReach(of: ProveParts, slot: Slot, call: CallBy): Promise<readonly Finding[]> {
  const { reach } = of.settings;
  const told: readonly Finding[] = of.identity.by === "header" ? [] : [{ is: "warns", cause: unnamed() }];
  switch (reach.by) {
    case "address":
      return proveAddress(of, slot, call);
    case "testListener":
      return [...told, ...(await proveListener(of, slot, call))];
    case "headerRule":
      return [...told, ...(await proveHeader(of, { ...of.settings, reach }, call))];
    default: {
      const never: never = reach;
      return never;
    }
  }
}

const INSTEAD =
  "run Teal where it reaches the load balancer, or set aws.reach: address and run it inside the VPC";

async function proveHeader(
  { api, found, addresses }: ProveParts,
  settings: Parameters<typeof createHeaderRules>[1],
  call: CallBy,
): Promise<readonly Finding[]> {
  const rules = createHeaderRules(
    api,
    settings,
    () => Promise.resolve(found),
    () => "",
  );
  const priority = await rules.priority(call);
  if (typeof priority !== "number")
    return [{ is: "blocks", cause: priority, next: "set aws.reach to a test listener or to address" }];
  const [rule] = found.rules;
  if (rule === undefined) return [];
  const nodes = await addresses(rule.listener.loadBalancer.dnsName, call.signal);
  if ("code" in nodes) return [{ is: "blocks", cause: nodes, next: INSTEAD }];
  return opens(nodes, rule.listener.port, call.signal);
}

async function proveListener(of: ProveParts, slot: Slot, call: CallBy): Promise<readonly Finding[]> {
  const leading = createLeading(of.api, of.settings, () => Promise.resolve(of.found), of);
  const entrance = await leading.entrance(slot, call);
  if ("code" in entrance) return [{ is: "blocks", cause: entrance, next: INSTEAD }];
  return opens(entrance.addresses, entrance.port, call.signal);
}

/** The candidate's instances are not there yet: those of the other slot stand for them, in the same subnets. */
async function proveAddress(
  { api, found }: ProveParts,
  slot: Slot,
  call: CallBy,
): Promise<readonly Finding[]> {
  const { targetGroup } = found.slots[otherSlot(slot)];
  const health = await api.elb.targetHealth(targetGroup.arn, call);
  if (health.is === "failed") return [{ is: "unproven", cause: health.cause }];
  const ids = health.value.flatMap(({ Target }) =>
    Target?.Id?.startsWith("i-") === true ? [Target.Id] : [],
  );
  if (ids.length === 0) {
    const why = `${otherSlot(slot)} has no instances whose addresses could be tried`;
    return [{ is: "unproven", cause: unreached("an instance's address", why) }];
  }
  const answer = await api.compute.instances(ids.slice(0, 1), call);
  if (answer.is === "failed") return [{ is: "unproven", cause: answer.cause }];
  const addresses = answer.value.flatMap(({ privateAddress }) => privateAddress ?? []);
  return opens(addresses, targetGroup.port, call.signal);
}

async function opens(
  addresses: readonly string[],
  port: number,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const tries = await Promise.all(
    addresses.map(async (address) => ({ address, why: await opening(address, port, signal) })),
  );
  const failed = tries.find(({ why }) => why !== undefined);
  if (failed?.why === undefined) return [];
  return [{ is: "blocks", cause: unreached(`${failed.address}:${port}`, failed.why), next: INSTEAD }];
}

/** Why no connection opens; `undefined` when one does. */
function opening(host: string, port: number, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(OPEN_WITHIN)]);
    const socket = connect({ host, port });
    const end = (why: string | undefined) => {
      bounded.removeEventListener("abort", late);
      socket.destroy();
      resolve(why);
    };
    const late = () => end(signal.aborted ? "given up" : `no connection within ${OPEN_WITHIN} ms`);
    socket.once("connect", () => end(undefined));
    socket.once("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    if (bounded.aborted) late();
    else bounded.addEventListener("abort", late, { once: true });
  });
}
