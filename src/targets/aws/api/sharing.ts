import type { CallBy } from "./api.ts";

/** Longest time (ms) for what several wait for, whoever of them is left. */
const WITHIN = 20_000;

interface Running<T> {
  readonly answer: Promise<T>;
  readonly over: AbortController;
  waiting: number;
}

/**
 * Asks once for all who ask at the same time. Whoever's signal aborts leaves with `undefined`, and the others are not
 * disturbed; the question ends with the last of them.
 */
export function sharing<T>(ask: (call: CallBy) => Promise<T>): (call: CallBy) => Promise<T | undefined> {
  let running: Running<T> | undefined;
  const start = ({ purse }: CallBy): Running<T> => {
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, AbortSignal.timeout(WITHIN)]);
    return { answer: ask({ signal, purse }), over, waiting: 0 };
  };
  return async (call) => {
    const mine = (running ??= start(call));
    mine.waiting += 1;
    const leaving = new AbortController();
    const left = new Promise<undefined>((resolve) => {
      const leave = () => resolve(undefined);
      if (call.signal.aborted) leave();
      call.signal.addEventListener("abort", leave, { once: true, signal: leaving.signal });
    });
    // Who asks later asks anew: an answer is shared with those who waited for it, not kept.
    const settled = mine.answer.finally(() => {
      if (running === mine) running = undefined;
    });
    try {
      return await Promise.race([settled, left]);
    } finally {
      leaving.abort();
      mine.waiting -= 1;
      if (mine.waiting === 0) {
        if (running === mine) running = undefined;
        mine.over.abort();
      }
    }
  };
}
