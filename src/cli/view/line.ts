import type { Instant, Millis } from "../../core/units.ts";

/** ✓ passed · ✗ failed · ↩ traffic goes back · ! worth knowing · … waits */
export type Mark = "good" | "bad" | "back" | "note" | "wait";

/** One line of the view, before it is put into columns and colours. */
export type Line =
  /** A step that ended, or waits: mark, label, facts, how long it took. */
  | {
      readonly is: "step";
      readonly at: Instant;
      readonly mark: Mark;
      readonly label: string;
      readonly text: string;
      readonly took?: Millis;
    }
  /** Evidence below a step. */
  | { readonly is: "detail"; readonly at: Instant; readonly text: string }
  /** A sentence. `quiet` ones are for those who asked for more. */
  | {
      readonly is: "say";
      readonly at: Instant;
      readonly tone: "head" | "result" | "plain" | "code" | "quiet";
      readonly text: string;
    };
