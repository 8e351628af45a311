import { join } from "node:path";
import { openSqliteStore } from "../src/state/sqlite/store.ts";
import type { JournalEvent } from "../src/core/journal.ts";

/** Figures that the journals of a service tell, in ms. */
export interface Times {
  /** Cutovers: from the router being asked to its answer. */
  readonly switches: readonly number[];
  /** Ways back: from the verdict, or the rollback, to the router's answer. */
  readonly reverts: readonly number[];
  /** When the router was asked to make a version live, and when it had answered; wall clock. */
  readonly acknowledged: readonly { readonly asked: number; readonly at: number; readonly version: string }[];
}

/** All journals of the demo's service, oldest deployment first. */
export async function journalsOf(state: string): Promise<readonly (readonly JournalEvent[])[]> {
  const store = openSqliteStore(join(state, "shop.default", "journal.db"));
  const key = { service: "shop", environment: "default" };
  try {
    const history = await store.history(key, 50);
    const rows = history.is === "rows" ? history.rows.toReversed() : [];
    const journals = await Promise.all(rows.map(async ({ id }) => store.events(key, id)));
    const current = await store.current(key);
    const open = current.is === "open" ? [current.journal.events] : [];
    return [...journals.map((each) => (each.is === "events" ? each.events : [])), ...open];
  } finally {
    store.dispose();
  }
}

/** Adds up what the journals say about switching. */
export function timesOf(journals: readonly (readonly JournalEvent[])[]): Times {
  const switches: number[] = [];
  const reverts: number[] = [];
  const acknowledged: { asked: number; at: number; version: string }[] = [];
  for (const events of journals) {
    const plan = events.find((event) => event.kind === "opened")?.plan;
    if (plan === undefined) continue;
    for (const event of events) {
      if (event.kind !== "intent" || event.call.call !== "shift") continue;
      const done = events.find(
        (each) => each.kind === "outcome" && each.intent === event.intent && each.result === "applied",
      );
      if (done === undefined || event.call.to === "pool") continue;
      const { to } = event.call;
      const slot = to.blue === 100 ? "blue" : "green";
      const before = plan.baseline.slots[slot].revision?.id;
      acknowledged.push({
        asked: event.at,
        at: done.at,
        version: slot === plan.candidate.slot ? plan.candidate.revision.id : (before ?? ""),
      });
      if (event.dir === "forward") switches.push(done.at - event.at);
      else reverts.push(done.at - turned(events, event.seq));
    }
  }
  return { switches, reverts, acknowledged };
}

/** When the deployment turned back, before this event. */
function turned(events: readonly JournalEvent[], before: number): number {
  const turn = events.findLast(
    (event) =>
      event.seq < before &&
      ((event.kind === "verdict" && event.then === "back") ||
        (event.kind === "asked" && event.ask === "abort")),
  );
  return turn?.at ?? 0;
}
