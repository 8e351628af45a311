import type { Lease } from "../../ports/store.ts";

/** Whether `a` was written after `b`. Fences never fall, beats grow with every heartbeat, nothing follows a release. */
export function isLater(a: Lease, b: Lease): boolean {
  if (a.fence !== b.fence) return a.fence > b.fence;
  return a.beat === b.beat ? a.released && !b.released : a.beat > b.beat;
}
