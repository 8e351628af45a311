import type { Call } from "../../core/calls.ts";
import type { Slot } from "../../core/units.ts";

/** One call of one port, as a fault hook sees it. */
export interface Operation {
  readonly port: "slots" | "router" | "probe" | "metrics" | "migrator";
  readonly method: string;
  readonly kind: "read" | "write";
  readonly slot?: Slot;
  readonly call?: Call;
}

/**
 * What goes wrong with a call. Reads know `fails` and `hangs`; writes know all of them.
 * `lostRequest`: never arrives. `lostAnswer`: takes effect, nobody hears of it. `late`: takes effect after the answer
 * was given up. `twice`: the request arrives again `after` ms (a retrying proxy). `refused`: rejected at once.
 */
export type Fault =
  | "fails"
  | "hangs"
  | "refused"
  | "lostRequest"
  | "lostAnswer"
  | { readonly late: number }
  | { readonly twice: number };

/** Asked once per call; undefined: nothing goes wrong. */
export type Faults = (operation: Operation) => Fault | undefined;
