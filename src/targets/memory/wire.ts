import type { Read } from "../../core/observed.ts";
import { type Cause, type Version, millis } from "../../core/units.ts";
import type { By, Write } from "../../ports/write.ts";
import type { Fault, Operation } from "./operation.ts";
import { draw } from "./options.ts";
import type { Writer } from "./records.ts";
import type { World } from "./world.ts";

export function cause(code: string, message: string): Cause {
  return { code, message };
}

const NO_ANSWER = cause(
  "TEAL-Y101",
  "The simulated target gave no answer. Look again before repeating the write.",
);
const DOWN = cause(
  "TEAL-Y102",
  "The simulated target could not be read. It answers again when the fault is over.",
);
const REFUSED = cause("TEAL-Y103", "The simulated target refused the write for now. Try again later.");
const TOO_LATE = cause("TEAL-Y104", "The deadline of the write had passed before it was sent. Decide anew.");

export function writerOf({ intent, fence }: By): Writer {
  return { intent, fence };
}

/** Takes a read over the simulated wire. `look` runs at one moment between request and answer. */
export async function readOver<T>(
  world: World,
  operation: Operation,
  signal: AbortSignal,
  look: () => { readonly value: T; readonly version: Version },
): Promise<Read<T>> {
  const fault = world.options.faults?.(operation);
  if (fault === "hangs") await world.sleep(world.tuning.timeout, signal);
  await world.sleep(draw(world.random, world.tuning.latency), signal);
  if (signal.aborted || fault === "fails" || fault === "hangs") return { is: "unreadable", cause: DOWN };
  world.advance();
  const seen = look();
  await world.sleep(draw(world.random, world.tuning.latency), signal);
  if (signal.aborted) return { is: "unreadable", cause: DOWN };
  return { is: "seen", ...seen, at: world.clock.now() };
}

/**
 * Takes a write over the simulated wire. `effect` decides and changes the world at one moment; it may run late, twice
 * or never. It runs no later than the deadline the writer gave, so that the longest call plus propagation bounds it.
 */
export async function writeOver<T>(
  world: World,
  operation: Operation,
  by: By,
  effect: () => Write<T>,
): Promise<Write<T>> {
  const left = by.deadline - world.clock.now();
  if (left <= 0 || by.signal.aborted) return { is: "rejected", cause: TOO_LATE };
  const started = world.monotonic();
  const fault = world.options.faults?.(operation) ?? lateByNature(world, left);
  const run = (): Write<T> => {
    const write = effect();
    world.record({
      is: "write",
      operation,
      by: writerOf(by),
      started,
      answer: write.is,
    });
    return write;
  };
  if (fault === "refused" || fault === "fails") {
    await world.sleep(draw(world.random, world.tuning.latency), by.signal);
    return { is: "rejected", cause: REFUSED, retryAfter: millis(1_000) };
  }
  if (typeof fault === "object" && "late" in fault) {
    world.later(Math.min(fault.late, left), run);
    return givenUp(world, by, left);
  }
  const way = Math.min(draw(world.random, world.tuning.latency), left);
  if (fault === "lostAnswer") world.later(way, run);
  if (fault === "lostAnswer" || fault === "lostRequest" || fault === "hangs") return givenUp(world, by, left);
  // The request is on its way: whoever gives up waiting for the answer does not stop it.
  let answer: Write<T> | undefined;
  world.later(way, () => (answer = run()));
  if (typeof fault === "object") world.later(Math.min(way + fault.twice, left), run);
  await world.sleep(way, by.signal);
  world.advance();
  if (answer === undefined) return { is: "unknown", cause: NO_ANSWER };
  await world.sleep(draw(world.random, world.tuning.latency), by.signal);
  return by.signal.aborted ? { is: "unknown", cause: NO_ANSWER } : answer;
}

async function givenUp<T>(world: World, by: By, left: number): Promise<Write<T>> {
  await world.sleep(Math.min(world.tuning.timeout, left), by.signal);
  return { is: "unknown", cause: NO_ANSWER };
}

function lateByNature(world: World, left: number): Fault | undefined {
  if (world.tuning.late === 0 || world.random() >= world.tuning.late) return undefined;
  return { late: world.random() * left };
}
