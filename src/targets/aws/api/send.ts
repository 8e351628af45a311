import type { Answer, CallBy, Purse } from "./api.ts";
import { failureOf, givenUp, type Failed, type Failure, type Kind } from "./failures.ts";
import { sleep as realSleep, TokenBucket, RATES, type Rate, type Sleep } from "./purse.ts";

/** Longest one try may take (ms): a call of the engine has 5 s in all. */
const TRY_MS = 4_000;
/** Longest a call with its tries may take (ms), where nobody ends it before: people wait for plans, the engine does not. */
const CALL_MS: Readonly<Record<Purse, number>> = {
  look: 4_500,
  plan: 15_000,
  write: 4_500,
  switch: 4_500,
  rights: 15_000,
};
/** A throttled account lets one in two through, or one in ten; who got no answer so often will get none. */
const MOST_TRIES: Readonly<Record<"throttled" | "other", number>> = { throttled: 20, other: 4 };
/** Pause before the second try and longest pause (ms); writes that move traffic do not wait longer than a try takes. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE: Readonly<Record<Purse, number>> = {
  look: 4_000,
  plan: 4_000,
  write: 2_000,
  switch: 400,
  rights: 4_000,
};

export interface Order {
  /** `elasticloadbalancing:ModifyRule` */
  readonly action: string;
  readonly writes: boolean;
}

/** Pays, tries, tells apart and tries again. */
export interface Send {
  <T>(order: Order, call: CallBy, attempt: (signal: AbortSignal) => Promise<T>): Promise<Answer<T>>;
}

export interface SenderOptions {
  readonly region: string;
  readonly rates?: Partial<Readonly<Record<Purse, Rate>>>;
  readonly monotonic: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  readonly sleep?: Sleep;
  /** Gets new credentials; false when there are no others than those that ended. */
  readonly renew: () => Promise<boolean>;
}

/**
 * Own policy instead of the SDK's: a read is tried again whatever went wrong on the way; a write only when it was
 * certainly not done, so that an `unknown` write is never made twice unseen.
 */
export function sender(options: SenderOptions): Send {
  const { region, monotonic, random, renew } = options;
  const sleep = options.sleep ?? realSleep;
  const purses = new Map<Purse, TokenBucket>();
  const purseOf = (purse: Purse): TokenBucket => {
    const known = purses.get(purse);
    if (known !== undefined) return known;
    const made = new TokenBucket(options.rates?.[purse] ?? RATES[purse], monotonic, sleep);
    purses.set(purse, made);
    return made;
  };
  return async (order, { signal, purse }, attempt) => {
    const tried = { action: order.action, region };
    const bucket = purseOf(purse);
    const end = monotonic() + CALL_MS[purse];
    let renewed = false;
    const failures = { throttled: 0, other: 0 };
    let last: Failed | undefined;
    for (let tries = 1; ; tries++) {
      if (!(await bucket.take(signal))) return last ?? givenUp(tried);
      const came = await once(attempt, signal);
      if (came.is === "ok") return came;
      const failure = failureOf(came.error, tried, came.gaveUp);
      last = failure.failed;
      if (failure.kind === "expired" && !renewed) {
        renewed = true;
        if (await renew()) continue;
      }
      // Going back has few calls to make, one after another: their pauses are restraint enough.
      if (failure.kind === "throttled" && purse !== "switch") bucket.empty();
      const sort = failure.kind === "throttled" ? "throttled" : "other";
      if (++failures[sort] >= MOST_TRIES[sort] || !again(failure, order) || came.gaveUp === "aborted")
        return last;
      const pause = backoff(tries, random(), LONGEST_PAUSE[purse]);
      if (monotonic() + pause >= end) return last;
      await sleep(pause, signal);
    }
  };
}

type Came<T> =
  | { readonly is: "ok"; readonly value: T }
  | { readonly is: "thrown"; readonly error: unknown; readonly gaveUp?: "late" | "aborted" };

async function once<T>(attempt: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<Came<T>> {
  const over = AbortSignal.any([signal, AbortSignal.timeout(TRY_MS)]);
  // Where credentials come from (a metadata service, a program) is asked without the signal.
  const ended = new Promise<never>((_, reject) => {
    over.addEventListener("abort", () => reject(new DOMException("ended", "AbortError")), { once: true });
  });
  try {
    return { is: "ok", value: await Promise.race([attempt(over), ended]) };
  } catch (error) {
    if (!over.aborted) return { is: "thrown", error };
    return { is: "thrown", error, gaveUp: signal.aborted ? "aborted" : "late" };
  }
}

const SAFE_FOR_WRITES: Readonly<Record<Kind, boolean>> = {
  throttled: true,
  unsent: true,
  busy: false,
  unclear: false,
  expired: false,
  refused: false,
};

function again({ kind }: Failure, { writes }: Order): boolean {
  return SAFE_FOR_WRITES[kind] || (!writes && kind === "unclear");
}

/**
 * Doubled each time, and chance alone decides how much of it (AWS Architecture Blog, "Exponential backoff and
 * jitter": full jitter), since many clients of a throttled account come back at once.
 * @param tries how many failed, from 1.
 */
export function backoff(tries: number, chance: number, most: number): number {
  return chance * Math.min(most, FIRST_PAUSE * 2 ** (tries - 1));
}
