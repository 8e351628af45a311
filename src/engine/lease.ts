import type { Holder } from "../core/journal.ts";
import type { Cause, Fence, Millis } from "../core/units.ts";
import { assertNever, millis } from "../core/units.ts";
import type { Clock } from "../ports/clock.ts";
import type { Key, Lease, StateStore, Unavailable } from "../ports/store.ts";

/** A lease whose heartbeat stayed away for so long may be taken over. Design, "State and engine". */
export const TTL = millis(15_000);
/** Two heartbeats may fail before the lease is in danger. */
export const HEARTBEAT = millis(5_000);
/** Distance between attempts while the store cannot be reached. */
const RETRY = millis(500);
/** Longest sleep between two looks at a lease that somebody else holds: it may be released at any moment. */
const LOOK = millis(1_000);

/** Whether the holder's process still exists, as far as this machine can tell. */
export type IsGone = (holder: Holder) => "gone" | "alive" | "unknown";

export interface AcquireInput {
  readonly store: StateStore;
  readonly key: Key;
  readonly holder: Holder;
  readonly clock: Clock;
  readonly isGone: IsGone;
  /** How long to wait for a lease that somebody else holds; 0 looks once. */
  readonly waitAtMost: Millis;
  readonly signal: AbortSignal;
}

export type Acquired =
  | { readonly is: "held"; readonly lease: HeldLease }
  | { readonly is: "busy"; readonly lease: Lease }
  | Unavailable;

/** A lease that somebody holds, as seen first with this heartbeat at `since` on our own monotonic clock. */
export interface Watch {
  readonly fence: Fence;
  readonly beat: number;
  readonly since: Millis;
}

/** Begins to watch, or goes on watching when nothing moved. */
export function watched(before: Watch | undefined, lease: Lease, now: Millis): Watch {
  if (before !== undefined && before.fence === lease.fence && before.beat === lease.beat) return before;
  return { fence: lease.fence, beat: lease.beat, since: now };
}

/** When a lease can be taken: at once, or at the earliest in so long (if its heartbeat stays away). Pure. */
export function judge(lease: Lease, watch: Watch, now: Millis, gone: ReturnType<IsGone>): Millis {
  if (lease.released || gone === "gone") return millis(0);
  return millis(Math.max(0, watch.since + TTL - now));
}

/**
 * Takes the lease when it is free, when its holder is proven gone, or when its heartbeat stayed away for the TTL on
 * our own monotonic clock; otherwise waits, at most `waitAtMost` and until the signal aborts.
 */
export async function acquire(input: AcquireInput): Promise<Acquired> {
  const { store, key, clock, signal } = input;
  const deadline = clock.monotonic() + input.waitAtMost;
  let before: Memory = { unanswered: false };
  for (;;) {
    const { answer, pause, memory } = await attempt(input, before);
    const left = deadline - clock.monotonic();
    if (answer.is === "held" || left <= 0 || signal.aborted) return answer;
    before = memory;
    const rest = millis(Math.min(pause, left));
    if (answer.is === "unavailable") await clock.sleep(rest, signal);
    else if (rest > 0) await store.changed(key, rest, signal);
  }
}

/** What one attempt leaves to the next. */
interface Memory {
  readonly watch?: Watch;
  /** A take of ours got no answer: it may have been carried out. */
  readonly unanswered: boolean;
}

interface Attempt {
  readonly answer: Acquired;
  /** How long to wait before the next one, unless something changes. */
  readonly pause: Millis;
  readonly memory: Memory;
}

/** Looks once, and takes the lease if it may be taken. */
async function attempt(input: AcquireInput, before: Memory): Promise<Attempt> {
  const look = await input.store.lease(input.key);
  if (look.is === "unavailable") return { answer: look, pause: RETRY, memory: before };
  if (look.is === "none") return take(input, "free", before);
  const { lease } = look;
  const now = input.clock.monotonic();
  const watch = watched(before.watch, lease, now);
  const memory = { ...before, watch };
  // A lease in our own name that nobody told us of is what the unanswered take left. Taking once more is safe.
  const gone =
    before.unanswered && sameHolder(lease.holder, input.holder) ? "gone" : input.isGone(lease.holder);
  const wait = judge(lease, watch, now, gone);
  if (wait > 0) return { answer: { is: "busy", lease }, pause: millis(Math.min(LOOK, wait)), memory };
  return take(input, lease.released ? "free" : { fence: lease.fence, beat: lease.beat }, memory);
}

async function take(
  input: AcquireInput,
  seen: Parameters<StateStore["take"]>[2],
  memory: Memory,
): Promise<Attempt> {
  if (input.signal.aborted) return { answer: interrupted(), pause: RETRY, memory };
  // The lease's time counts from here: nobody can have seen the new fence earlier.
  const sent = input.clock.monotonic();
  const answer = await input.store.take(input.key, input.holder, seen);
  switch (answer.is) {
    case "taken": {
      const lease = new HeldLease(input.store, input.key, answer.fence, input.clock, sent);
      return { answer: { is: "held", lease }, pause: RETRY, memory };
    }
    case "held":
      // Somebody was faster; look again at once.
      return { answer: { is: "busy", lease: answer.lease }, pause: millis(0), memory };
    case "unavailable":
      return { answer, pause: RETRY, memory: { ...memory, unanswered: true } };
    default:
      return assertNever(answer);
  }
}

function interrupted(): Unavailable {
  const cause: Cause = {
    code: "TEAL-S120",
    message: "Interrupted before the lease was taken. Nothing was changed. Run the command again.",
  };
  return { is: "unavailable", cause };
}

function sameHolder(a: Holder, b: Holder): boolean {
  return a.host === b.host && a.pid === b.pid && a.started === b.started && a.boot === b.boot;
}

/** The right to advance a deployment, kept by heartbeats until it is released or lost. */
export class HeldLease {
  readonly fence: Fence;
  /** Aborts when the lease is lost: taken over, or unconfirmed for its whole TTL. Nothing may be written after that. */
  readonly lost: AbortSignal;
  readonly #store: StateStore;
  readonly #key: Key;
  readonly #clock: Clock;
  readonly #losing = new AbortController();
  readonly #ending = new AbortController();
  /** When the last acknowledged heartbeat was sent: whoever watches us saw it then at the earliest. */
  #confirmed: Millis;

  /** `confirmed`: when the take was sent, on the monotonic clock. */
  constructor(store: StateStore, key: Key, fence: Fence, clock: Clock, confirmed: Millis) {
    this.fence = fence;
    this.lost = this.#losing.signal;
    this.#store = store;
    this.#key = key;
    this.#clock = clock;
    this.#confirmed = confirmed;
    this.#keep().catch((error: unknown) => this.#lose(error));
  }

  /** Nobody else can take the lease within the next `ms`. A write whose bound it does not outlast must not start. */
  outlasts(ms: Millis): boolean {
    return !this.lost.aborted && !this.#ending.signal.aborted && this.#left() > ms;
  }

  /** Ends the heartbeats and frees the lease. When that cannot be told to the store, it expires by itself. */
  async release(): ReturnType<StateStore["release"]> {
    this.#ending.abort();
    return this.#store.release(this.#key, this.fence);
  }

  async #keep(): Promise<void> {
    let pause = HEARTBEAT;
    while (!this.#over()) {
      await this.#clock.sleep(millis(Math.min(pause, Math.max(0, this.#left()))), this.#ending.signal);
      if (this.#over()) return;
      if (this.#left() <= 0)
        return this.#lose(new Error("no heartbeat was acknowledged for the lease's whole time"));
      pause = (await this.#beat()) ? HEARTBEAT : RETRY;
    }
  }

  /** Sends one heartbeat and waits for the answer no longer than the lease lasts. */
  async #beat(): Promise<boolean> {
    const sent = this.#clock.monotonic();
    const enough = new AbortController();
    const late = this.#clock.sleep(this.#left(), AbortSignal.any([enough.signal, this.#ending.signal]));
    const answer = await Promise.race([this.#store.beat(this.#key, this.fence), late]);
    enough.abort();
    if (this.#over() || answer === undefined || answer.is === "unavailable") return false;
    if (answer.is === "lost") this.#lose(new Error(`fence ${answer.by} took over from fence ${this.fence}`));
    else this.#confirmed = sent;
    return true;
  }

  #left(): Millis {
    return millis(this.#confirmed + TTL - this.#clock.monotonic());
  }

  #over(): boolean {
    return this.#ending.signal.aborted || this.lost.aborted;
  }

  #lose(reason: unknown): void {
    if (!this.#over()) this.#losing.abort(reason);
  }
}
