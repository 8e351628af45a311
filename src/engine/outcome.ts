import type { Happening } from "../core/journal.ts";
import type { IntentId, Millis } from "../core/units.ts";
import type { Write } from "../ports/write.ts";

/** How a write ended, as an event. What was seen with the answer is not journaled: the next look sees it anyway. */
export function outcomeOf(intent: IntentId, write: Write<unknown>, took: Millis): Happening {
  const base = { kind: "outcome", intent, result: write.is, took } as const;
  switch (write.is) {
    case "applied":
    case "unchanged":
    case "conflict":
      return base;
    case "fenced":
      return {
        ...base,
        cause: write.cause ?? { code: "TEAL-D130", message: `fence ${write.by} is in force` },
      };
    case "rejected":
      return { ...base, cause: write.cause, ...(write.retryAfter === undefined ? {} : { transient: true }) };
    case "unknown":
      return { ...base, cause: write.cause };
    default: {
      const never: never = write;
      return never;
    }
  }
}
