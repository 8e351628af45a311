import { fence, SLOTS, type Fence, type Slot } from "../../core/units.ts";

/* The value of the tag `teal.dev/fence`, the same on both target groups: `7 ann@ci-3/4711/9f3a blue=shop-blue/6d0e green=…`. */

/** The right to write as it stands in a target group's tag. */
export interface Claim {
  /** 0: nobody claimed one, or nobody can read it. */
  readonly fence: Fence;
  /** Which process claimed it; empty where it gave no name. */
  readonly holder: string;
  /** Which target group was which slot's: the ends of their ARNs, name and id. */
  readonly groups?: Readonly<Record<Slot, string>>;
}

/** Values of tags are letters, digits, spaces and `+-=._:/@`, 256 at most (API reference, Tag); a space ends a holder. */
const FORBIDDEN = /[^A-Za-z0-9._:/@-]/gu;
const LONGEST_HOLDER = 100;

/** A holder's name as it can stand in a tag. */
export function holderText(name: string): string {
  return name.replace(FORBIDDEN, "_").slice(-LONGEST_HOLDER);
}

/** @param groups ARNs of the target groups. */
export function claimText(value: Fence, holder: string, groups: Readonly<Record<Slot, string>>): string {
  const slots = SLOTS.map((slot) => `${slot}=${endOf(groups[slot])}`);
  return [String(value), ...(holder === "" ? [] : [holder]), ...slots].join(" ");
}

export function claimOf(text: string | undefined): Claim {
  const [number = "", ...words] = (text ?? "").split(" ");
  const value = Number(number);
  const slotIn = (slot: Slot) => words.find((word) => word.startsWith(`${slot}=`))?.slice(slot.length + 1);
  const [blue, green] = [slotIn("blue"), slotIn("green")];
  return {
    fence: fence(Number.isSafeInteger(value) && value > 0 ? value : 0),
    holder: words.find((word) => !/^(?:blue|green)=/u.test(word)) ?? "",
    ...(blue === undefined || green === undefined ? {} : { groups: { blue, green } }),
  };
}

/** `shop-blue/6d0ecf831eec9f09` of `arn:aws:elasticloadbalancing:…:targetgroup/shop-blue/6d0ecf831eec9f09`. */
export function endOf(arn: string): string {
  return arn.replace(/^.*:targetgroup\//u, "");
}
