import type { Chance } from "./kernel.ts";
import type { Fault } from "./types.ts";

export interface Faults {
  readonly all: readonly Fault[];
  add(fault: Fault): void;
  clear(): void;
  /** The fault that hits a call of this action, if one does; counts the call. */
  hits(action: string): Fault | undefined;
}

/**
 * Faults in the order in which they were added; the first that matches, is due and is not used up acts. A call that an
 * earlier one hit is not counted by the later ones.
 */
export function createFaults(chance: Chance): Faults {
  const armed: { readonly fault: Fault; readonly chance: Chance; seen: number; hit: number }[] = [];
  let added = 0;
  return {
    get all() {
      return armed.map(({ fault }) => fault);
    },
    add: (fault) => {
      added += 1;
      armed.push({ fault, chance: chance.fork(`fault/${added}`), seen: 0, hit: 0 });
    },
    clear: () => void armed.splice(0),
    hits: (action) => {
      for (const entry of armed) {
        if (!matches(entry.fault.action, action)) continue;
        entry.seen += 1;
        if (!due(entry)) continue;
        entry.hit += 1;
        return entry.fault;
      }
      return undefined;
    },
  };
}

function due({
  fault,
  chance,
  seen,
  hit,
}: {
  fault: Fault;
  chance: Chance;
  seen: number;
  hit: number;
}): boolean {
  if (fault.chance !== undefined) return chance.next() < fault.chance;
  return seen > (fault.after ?? 0) && hit < (fault.times ?? 1);
}

function matches(pattern: string, action: string): boolean {
  return pattern.endsWith("*") ? action.startsWith(pattern.slice(0, -1)) : action === pattern;
}
