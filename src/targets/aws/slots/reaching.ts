import type { Cause, Slot } from "../../../core/units.ts";
import type { Reach } from "../../../ports/slots.ts";
import type { AwsApi } from "../api/api.ts";
import type { Found } from "../found.ts";

/** Ways to the instances of a slot that are ready, by their ids; or why there are none. */
export type ReachInstances = (
  found: Found,
  slot: Slot,
  ids: readonly string[],
  signal: AbortSignal,
) => Promise<readonly Reach[] | Cause>;

/** Straight to the private addresses, from inside the VPC or a network that is joined to it. */
export function directly(api: AwsApi): ReachInstances {
  // An instance keeps its private address for life.
  const known = new Map<string, string>();
  return async (found, slot, ids, signal) => {
    const missing = ids.filter((id) => !known.has(id));
    if (missing.length > 0) {
      const answer = await api.compute.instances(missing, { signal, purse: "plan" });
      if (answer.is === "failed") return answer.cause;
      for (const { id, privateAddress } of answer.value)
        if (privateAddress !== undefined) known.set(id, privateAddress);
    }
    const lost = ids.filter((id) => !known.has(id));
    if (lost.length > 0)
      return { code: "TEAL-A215", message: `EC2 tells no private address of ${lost.join(", ")}` };
    return ids.map((id) => ({
      replica: id,
      incarnation: id,
      host: known.get(id) ?? "",
      port: found.slots[slot].targetGroup.port,
      // What an instance writes stays on it, unless its owner sends it somewhere.
      tail: () => Promise.resolve([]),
    }));
  };
}
