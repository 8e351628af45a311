import type { Happening, HistoryRow } from "../../src/core/journal.ts";
import { fence, instant } from "../../src/core/units.ts";
import type { DeploymentId } from "../../src/core/units.ts";
import { KEY } from "./append-many.ts";

export const CLOSED = {
  kind: "closed",
  outcome: "done",
  serves: { slot: "green", revision: "r2" },
} as const satisfies Happening;

export function row(id: DeploymentId, number: number): HistoryRow {
  return {
    id,
    ...KEY,
    number,
    revision: "r2",
    config: "c2",
    slot: "green",
    strategy: "blueGreen",
    outcome: "done",
    by: "anna@laptop",
    opened: instant(1),
    closed: instant(2),
    durations: { total: 1 },
  };
}

/** The first fence a lease has. */
export const FIRST = fence(1);
