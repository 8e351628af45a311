import type { JournalEvent } from "../core/journal.ts";
import { millis, type DeploymentId } from "../core/units.ts";
import type { Connection } from "./connection.ts";

/** Longest time between two looks at the journal where the store does not tell of changes. */
const LOOK = millis(1_000);

export interface WatchOptions {
  /** The open deployment when absent. */
  readonly deployment?: DeploymentId;
  /** Only events after this number; all of them by default. */
  readonly after?: number;
}

/**
 * The events of a deployment, those that are there and those that come, by whichever process. Ends when the deployment
 * is closed, when there is none, or when the signal aborts. While the store cannot be read it keeps trying.
 */
export async function* watch(
  connection: Pick<Connection, "store" | "key">,
  signal: AbortSignal,
  options: WatchOptions = {},
): AsyncIterable<JournalEvent> {
  const { store, key } = connection;
  let { deployment } = options;
  let seen = options.after ?? 0;
  // Marked before the first look, so that nothing between the two is missed.
  let mark = await store.changed(key, millis(0), signal);
  do {
    const current = await store.current(key, seen);
    if (current.is === "open" && current.journal.id === (deployment ?? current.journal.id)) {
      deployment = current.journal.id;
      for (const event of current.journal.events) yield event;
      seen = current.journal.events.at(-1)?.seq ?? seen;
    } else if (current.is !== "unavailable") {
      if (deployment === undefined) return;
      const rest = await store.events(key, deployment);
      if (rest.is === "events") yield* rest.events.filter((event) => event.seq > seen);
      if (rest.is !== "unavailable") return;
    }
    mark = await store.changed(key, LOOK, signal, mark);
  } while (!signal.aborted);
}
