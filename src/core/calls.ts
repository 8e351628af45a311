import type { CheckPlan } from "./checks.ts";
import type { Borrowed } from "./observed.ts";
import type { Weights } from "./routing.ts";
import type { Revision, Slot } from "./units.ts";

/** What a slot is to become. */
export interface SlotSpec {
  readonly revision: Revision;
  readonly replicas: number;
  /** The readiness question the provider keeps asking each replica while it runs (checks of kind `ready`). */
  readonly checks: CheckPlan;
}

/** Every write Teal makes to a target, as data: journaled before it is performed, comparable after a crash. */
export type Call =
  | { readonly call: "ensure"; readonly slot: Slot; readonly want: SlotSpec }
  | { readonly call: "retire"; readonly slot: Slot; readonly keep: number }
  | { readonly call: "restore"; readonly borrowed: Borrowed }
  | { readonly call: "shift"; readonly to: Weights }
  | { readonly call: "migrate"; readonly phase: "expand" | "contract" };

/** How a write ended, as journaled. */
export type Result = "applied" | "unchanged" | "conflict" | "fenced" | "rejected" | "unknown";
