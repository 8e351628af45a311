import type { Millis, Slot } from "../core/units.ts";
import type { EnginePorts } from "./ports.ts";

/**
 * The last lines that a replica of the slot wrote (this one, or the first there is), with its name before each.
 * Evidence only: nothing where it cannot be had within the bound.
 */
export async function lastWords(
  { clock, target }: EnginePorts,
  slot: Slot,
  replica: string | undefined,
  bound: Millis,
): Promise<readonly string[]> {
  const enough = new AbortController();
  const words = async (): Promise<readonly string[]> => {
    const reach = await target.slots.reach(slot, enough.signal);
    if (reach.is === "unreadable") return [];
    const who = reach.value.find((each) => each.replica === replica) ?? reach.value[0];
    return (await who?.tail(5))?.map((line) => `${who?.replica}: ${line}`) ?? [];
  };
  const late = clock.sleep(bound, enough.signal).then((): readonly string[] => []);
  try {
    return await Promise.race([words().catch(() => []), late]);
  } finally {
    enough.abort();
  }
}
