import type { Cause, Fence } from "../core/units.ts";
import { instant, intentId } from "../core/units.ts";
import type { Clock } from "../ports/clock.ts";
import type { Target } from "../ports/target.ts";
import type { Fenced, Write } from "../ports/write.ts";
import { CALL_BOUND } from "./ports.ts";

/** `open`: not everything took the fence yet; try again. */
export type Claimed =
  | { readonly is: "claimed" }
  | { readonly is: "open" }
  | { readonly is: "fenced"; readonly by: Fence; readonly cause?: Cause };

/** Registers the fence with slots and router, so that whoever wrote before is refused from now on. Always ends. */
export async function claimTarget(target: Target, clock: Clock, fence: Fence): Promise<Claimed> {
  const answers = await Promise.all(
    [target.slots, target.router].map((port) => claimOne(port, clock, fence)),
  );
  const refused = answers.find((each) => each?.is === "fenced");
  if (refused?.is === "fenced" && (refused.by > fence || refused.cause !== undefined)) return refused;
  return {
    is: answers.every((each) => each?.is === "applied" || each?.is === "unchanged") ? "claimed" : "open",
  };
}

async function claimOne(port: Fenced, clock: Clock, fence: Fence): Promise<Write<Fence> | undefined> {
  const over = new AbortController();
  const by = {
    intent: intentId(`claim-${fence}`),
    fence,
    deadline: instant(clock.now() + CALL_BOUND),
    signal: over.signal,
  };
  const late = clock.sleep(CALL_BOUND, over.signal).then(() => undefined);
  const answer = await Promise.race([port.claim(by).catch(() => undefined), late]);
  over.abort();
  return answer;
}
