import type { RequestInfo } from "../../src/targets/kubernetes/api/request-info.ts";
import { pick } from "../simulation/random.ts";

/** What can happen to a request between Teal and the API server. */
export type Fault =
  | WatchFault
  /** The server never gets it and nobody answers: a socket that is dead without knowing. */
  | { readonly is: "dead" }
  /**
   * The connection ends: `before` the server got the request, `after` it did what was asked (the answer is lost), or
   * `amid` the answer. With a reset, or cleanly.
   */
  | { readonly is: "reset" | "close"; readonly when: "before" | "after" | "amid" }
  /** Half of the answer, then silence. */
  | { readonly is: "stall" }
  /** The server itself refuses, before it did anything: 409, 410, 429, 500, 503 ... */
  | { readonly is: "answer"; readonly status: number; readonly retryAfter?: number }
  /** The answer comes late (ms). */
  | { readonly is: "slow"; readonly ms: number }
  /** The connection is reset at once, and the server gets the request so much later (ms). */
  | { readonly is: "late"; readonly ms: number }
  /** The answer comes in pieces of one to three bytes. */
  | { readonly is: "chop" };

/** Faults of the stream of a watch only; requests that are no watch pass unharmed. */
export type WatchFault =
  /** After some events the server says in the stream that it has forgotten that far back. */
  | { readonly is: "goneEvent" }
  /** Events come again: the same one, or one of those before. */
  | { readonly is: "duplicate" }
  /** Events are lost, this share of them. */
  | { readonly is: "drop"; readonly share: number };

/** Requests that a fault is for. What is left out may be anything. */
export interface Which {
  readonly verb?: string;
  readonly resource?: string;
  readonly name?: string;
}

/** Decides which request suffers which fault: by script first, else by chance. */
export class FaultRules {
  readonly #random: () => number;
  readonly #happened = new Map<string, number>();
  #scripts: { readonly which: Which; readonly fault: Fault; left: number }[] = [];
  #rates: { readonly which: Which; readonly share: number; readonly faults: readonly Fault[] }[] = [];

  constructor(random: () => number) {
    this.#random = random;
  }

  next(which: Which, fault: Fault, times: number): void {
    this.#scripts.push({ which, fault, left: times });
  }

  rate(share: number, faults: readonly Fault[], which: Which): void {
    this.#rates.push({ which, share, faults });
  }

  clear(): void {
    this.#scripts = [];
    this.#rates = [];
  }

  /** Scripted faults that no request met yet. */
  get pending(): number {
    return this.#scripts.reduce((sum, { left }) => sum + left, 0);
  }

  /** How often each kind of fault was chosen. */
  get happened(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#happened);
  }

  choose(info: RequestInfo): Fault | undefined {
    const fault = this.#scripted(info) ?? this.#byChance(info);
    if (fault !== undefined) this.#happened.set(fault.is, (this.#happened.get(fault.is) ?? 0) + 1);
    return fault;
  }

  #scripted(info: RequestInfo): Fault | undefined {
    const script = this.#scripts.find(({ which, left }) => left > 0 && matches(which, info));
    if (script === undefined) return undefined;
    script.left--;
    return script.fault;
  }

  #byChance(info: RequestInfo): Fault | undefined {
    const rate = this.#rates.find(({ which }) => matches(which, info));
    return rate !== undefined && this.#random() < rate.share ? pick(this.#random, rate.faults) : undefined;
  }
}

function matches(which: Which, info: RequestInfo): boolean {
  return (["verb", "resource", "name"] as const).every(
    (key) => which[key] === undefined || which[key] === info[key],
  );
}

/** Bytes cut anywhere, also within a character. At most so many pieces; the rest comes as one. */
export function* pieces(body: Buffer, random: () => number, most = 2_000): Generator<Buffer> {
  let from = 0;
  for (let count = 1; from < body.length && count < most; count++) {
    const to = from + 1 + Math.floor(random() * 3);
    yield body.subarray(from, to);
    from = to;
  }
  if (from < body.length) yield body.subarray(from);
}
