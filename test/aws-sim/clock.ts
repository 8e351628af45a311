import type { WorldClock } from "./kernel.ts";

/** A single timer of the machine reaches no further than this. */
const LONGEST_TIMER = 2 ** 31 - 1;

/**
 * The world's clock: it starts at the machine's time and runs `speed` times as fast. Timers keep no process alive
 * on their own account: the endpoint does that.
 */
export function worldClock(speed = 1): WorldClock {
  if (!(speed > 0)) throw new Error(`speed must be greater than 0, got ${speed}`);
  const began = Date.now();
  const mark = performance.now();
  const timers = new Set<{ handle: NodeJS.Timeout }>();
  const sleepers = new Set<() => void>();
  let stopped = false;

  const now = () => began + (performance.now() - mark) * speed;

  function after(ms: number, run: () => void): { cancel(): void } {
    if (stopped) return { cancel: () => {} };
    const due = now() + ms;
    const arm = () => setTimeout(fire, Math.min(LONGEST_TIMER, Math.max(0, (due - now()) / speed)));
    const timer = { handle: arm() };
    timers.add(timer);
    function fire(): void {
      // The machine's timers may fire a fraction of a millisecond early, and long ones are cut into pieces.
      if (now() < due) {
        timer.handle = arm();
        return;
      }
      timers.delete(timer);
      run();
    }
    return {
      cancel: () => {
        clearTimeout(timer.handle);
        timers.delete(timer);
      },
    };
  }

  return {
    speed,
    now,
    after,
    sleep: (ms) =>
      new Promise((resolve) => {
        // Whoever sleeps when the world ends is woken: nothing may hang on a clock that stands still.
        if (stopped) return resolve();
        const wake = () => {
          sleepers.delete(wake);
          resolve();
        };
        sleepers.add(wake);
        after(ms, wake);
      }),
    stop: () => {
      stopped = true;
      for (const { handle } of timers) clearTimeout(handle);
      timers.clear();
      for (const wake of sleepers) wake();
    },
  };
}
