import type { Call } from "../core/calls.ts";
import type { Cause, Fence, IntentId, Millis } from "../core/units.ts";
import { instant } from "../core/units.ts";
import type { Target } from "../ports/target.ts";
import type { By, Expect, Write } from "../ports/write.ts";
import type { Clock } from "../ports/clock.ts";

/** A write as the engine hands it to a port. */
export interface Order {
  readonly intent: IntentId;
  readonly call: Call;
  readonly expect: Expect;
  readonly fence: Fence;
  readonly bound: Millis;
  readonly back?: true;
}

/**
 * Performs one write within its bound. What has not answered by then is `unknown`: it may have applied and may still.
 * `late` is told when the answer comes after all.
 */
export async function perform(
  target: Target,
  clock: Clock,
  order: Order,
  signal: AbortSignal,
  late: (write: Write<unknown>) => void,
): Promise<Write<unknown>> {
  const over = new AbortController();
  const both = AbortSignal.any([signal, over.signal]);
  const by: By = {
    intent: order.intent,
    fence: order.fence,
    deadline: instant(clock.now() + order.bound),
    signal: both,
    ...(order.back === true ? { back: true } : {}),
  };
  const unknown = (message: string): Write<never> => ({
    is: "unknown",
    cause: { code: "TEAL-D107", message } satisfies Cause,
  });
  const answer = invoke(target, order, by).catch((error: unknown): Write<never> => unknown(String(error)));
  let waited = true;
  void answer.then((write) => (waited || write.is === "unknown" ? undefined : late(write)));
  const tooLate = clock
    .sleep(order.bound, both)
    .then(() =>
      signal.aborted
        ? unknown("given up: the deployment goes back")
        : unknown(`no answer in ${order.bound} ms`),
    );
  const write = await Promise.race([answer, tooLate]);
  waited = false;
  over.abort();
  return write;
}

async function invoke(target: Target, { call, expect }: Order, by: By): Promise<Write<unknown>> {
  switch (call.call) {
    case "ensure":
      return target.slots.ensure(call.slot, call.want, expect, by);
    case "retire":
      return target.slots.retire(call.slot, call.keep, expect, by);
    case "restore":
      return target.slots.restore(call.borrowed, by);
    case "shift":
      return target.router.shift(call.to, expect, by);
    case "migrate": {
      if (target.migrator === undefined) {
        return { is: "rejected", cause: { code: "TEAL-M904", message: "this target has no migrator" } };
      }
      return target.migrator.migrate(call.phase, expect, by);
    }
    default: {
      const never: never = call;
      return never;
    }
  }
}
