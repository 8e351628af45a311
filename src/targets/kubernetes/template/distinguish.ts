import type { Slot } from "../../../core/units.ts";

/** Characters a label's value may have. */
const LONGEST = 63;

/** The value of the distinguishing label of a slot's pods: `shop-blue`. Cut where it would be too long for a label. */
export function slotValue(value: string, slot: Slot): string {
  const suffix = `-${slot}`;
  const kept = value.slice(0, LONGEST - suffix.length).replace(/[^A-Za-z0-9]+$/, "");
  return kept === "" ? slot : `${kept}${suffix}`;
}
