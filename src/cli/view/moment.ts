import type { Deployment } from "../../core/deployment.ts";
import type { JournalEvent } from "../../core/journal.ts";
import type { Outcome } from "../../core/state.ts";
import type { Instant } from "../../core/units.ts";

/** What the journal does not say and the lines need. */
export interface ViewContext {
  /** Where the service runs, for people. */
  readonly place: string;
  /** Counts the service's deployments; shown as `r42`. */
  readonly number: number;
  /** The deployment that brought what was live at the beginning. */
  readonly liveNumber?: number;
  /** What has to be added to a command to mean this environment: ` --env production`. */
  readonly suffix: string;
  /** The exit status that the command will have, by how the deployment ends; absent for somebody who only watches. */
  readonly exits?: Partial<Readonly<Record<Outcome, number>>>;
  /** Time of day, for people. */
  readonly clock: (at: Instant) => string;
}

/** An event among the others, as the lines need it. */
export interface Moment {
  readonly before: Deployment;
  readonly after: Deployment;
  /** Every event up to this one. */
  readonly past: readonly JournalEvent[];
  readonly context: ViewContext;
}
