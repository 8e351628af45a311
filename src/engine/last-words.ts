import type { Millis, Slot } from "../core/units.ts";
import type { EnginePorts } from "./ports.ts";

/** Lines shown of a replica that runs, and of one that has ended. */
const RUNNING = 5;
const ENDED = 12;
/** So many replicas are asked, one after the other, until one has written something. */
const ASKED = 3;

/**
 * The last lines that a replica of the slot wrote (this one, else one that has ended, else any that wrote something),
 * with its name before each. Evidence only: nothing where it cannot be had within the bound.
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
    const [named, others] = partitioned(reach.value, (each) => each.replica === replica);
    const [ended, rest] = partitioned(others, (each) => each.ended === true);
    for (const who of [...named, ...ended, ...rest].slice(0, ASKED)) {
      // Whoever has ended said why, mostly with a stack trace behind it.
      const lines = await who.tail(who.ended ? ENDED : RUNNING);
      if (lines.length > 0) return lines.map((line) => `${who.replica}: ${line}`);
    }
    return [];
  };
  const late = clock.sleep(bound, enough.signal).then((): readonly string[] => []);
  try {
    return await Promise.race([words().catch(() => []), late]);
  } finally {
    enough.abort();
  }
}

function partitioned<T>(items: readonly T[], isFirst: (item: T) => boolean): [T[], T[]] {
  return [items.filter(isFirst), items.filter((item) => !isFirst(item))];
}
