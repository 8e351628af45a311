import { createHash } from "node:crypto";
import type { Chance } from "../kernel.ts";

/** Numbers that repeat by seed (mulberry32, public domain: 32 bits of state are plenty for tests). */
export function seededChance(seed: number, name = ""): Chance {
  let state = createHash("sha256").update(`${seed}:${name}`).digest().readUInt32LE(0);
  return {
    next: () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    },
    fork: (branch) => seededChance(seed, `${name}/${branch}`),
  };
}
