import type { Fence } from "../../core/units.ts";
import type { By, Write } from "../../ports/write.ts";
import { writeOver } from "./wire.ts";
import type { World } from "./world.ts";

/** Registers a fence on one of the two parts that keep one. `seen` is what this profile lets a writer see. */
export function claimOn(
  world: World,
  port: "slots" | "router",
  keeper: { readonly fence: Fence; claim(by: Fence): void },
  seen: () => Fence,
  by: By,
): Promise<Write<Fence>> {
  return writeOver(world, { port, method: "claim", kind: "write" }, by, () => {
    const known = seen();
    if (by.fence < known) return { is: "fenced", by: known };
    if (by.fence === keeper.fence) return { is: "unchanged", seen: by.fence };
    keeper.claim(by.fence);
    return { is: "applied", seen: by.fence };
  });
}
