import type { Read, Residual } from "../../../core/observed.ts";
import { instant, type Slot, version } from "../../../core/units.ts";
import type { AwsSettings } from "../settings.ts";
import { type Counters, minuteOf, sum, wholeMinutes } from "./counters.ts";
import { Following, getsNothing } from "./following.ts";
import type { RuleReader } from "./reading.ts";
import { heldFor } from "./stickiness.ts";

/**
 * What a slot still works on, as far as CloudWatch knows. Nobody counts requests in flight by target group: none is
 * assumed once whole minutes without weight brought no request, and no cookie can still lead to the slot. Until then it
 * is unknown, and a drain waits up to its cap; whatever runs longer still has the target group's deregistration delay.
 */
export function createResidual(
  settings: Pick<AwsSettings, "propagation">,
  reader: RuleReader,
  counters: Counters,
  now: () => number,
): (slot: Slot, signal: AbortSignal) => Promise<Read<Residual>> {
  const began = minuteOf(now());
  const following = { blue: new Following(now), green: new Following(now) };

  return async (slot, signal) => {
    const call = { signal, purse: "look" } as const;
    const found = await reader.found(signal);
    if ("code" in found) return { is: "unreadable", cause: found };
    const [read, counted] = await Promise.all([
      reader.read(call),
      counters.perMinute(found, slot, began, call),
    ]);
    if (read.is === "unreadable") return read;
    if ("code" in counted) return { is: "unreadable", cause: counted };
    const { rules, version: seen } = read.view;
    const newRequests = counted.reduce((total, { value }) => total + value, 0);
    const value: Residual = { newRequests };
    const idle = getsNothing(
      rules.map(({ division }) => division.shares),
      slot,
    );
    if (!idle) {
      following[slot].reset();
      return { is: "seen", value, version: seen, at: read.at };
    }
    const since = following[slot].since(version("idle"));
    const held = heldFor(rules.map(({ division }) => division.stickiness)) * 1_000;
    const [from, until] = wholeMinutes(instant(since.at + settings.propagation + held), since.now);
    const quiet = until > from && sum(counted, from, until) === 0;
    return { is: "seen", value: quiet ? { ...value, inFlight: 0 } : value, version: seen, at: read.at };
  };
}
