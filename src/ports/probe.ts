import type { Check, Identity, Sample } from "../core/checks.ts";
import type { Reach } from "./slots.ts";
import type { Revision } from "../core/units.ts";

/** Asks one check of one replica once. Never throws for what the replica does; `unknown` when nothing could be asked. */
export interface Probe {
  /** Gets what the first question needs, while nobody waits for it. Never rejects: what fails is told by `sample`. */
  prepare?(): Promise<void>;
  sample(
    check: Check,
    of: {
      readonly reach: Reach;
      readonly revision: Revision;
      readonly identity: Identity;
      readonly attempt: number;
    },
    signal: AbortSignal,
  ): Promise<Sample>;
}
