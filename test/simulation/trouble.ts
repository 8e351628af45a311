import { NOBODY, allTo, soleSlot } from "../../src/core/routing.ts";
import { SLOTS, millis, otherSlot } from "../../src/core/units.ts";
import type { Fault, MemoryTarget, Operation } from "../../src/targets/memory/index.ts";
import type { SimClock } from "./clock.ts";
import type { Death } from "./process.ts";
import type { Disturbance } from "./recording.ts";
import { type Action, HORIZON, type Schedule } from "./schedule.ts";
import type { Mood } from "./simstore.ts";

/** Longest time a write of the target may stay in transit; the engine allows a call 5 s. */
const TRANSIT = 5_000;

/** What of a schedule goes wrong by itself: asked by the wires at every call. */
export class Trouble {
  readonly #schedule: Schedule;
  readonly #t: () => number;
  readonly disturbances: Disturbance[] = [];
  #writes = 0;

  constructor(schedule: Schedule, t: () => number) {
    this.#schedule = schedule;
    this.#t = t;
    for (const action of schedule.actions) this.#note(action);
  }

  /** Deaths by the number of the write at which they come. */
  deaths(): ReadonlyMap<number, Death> {
    return new Map(
      this.#schedule.actions.flatMap((action) =>
        "atWrite" in action ? [[action.atWrite, action.dies]] : [],
      ),
    );
  }

  mood(): Mood {
    for (const action of this.#schedule.actions) {
      if ("storeDown" in action && this.#within(action.at, action.storeDown)) return "unavailable";
      if ("storeLosesAnswers" in action && this.#within(action.at, action.storeLosesAnswers))
        return "lostAnswer";
    }
    return "ok";
  }

  fault(operation: Operation): Fault | undefined {
    if (operation.kind === "write") this.#writes++;
    for (const action of this.#schedule.actions) {
      const fault = this.#faultOf(action, operation);
      if (fault === undefined) continue;
      if (typeof fault === "object" || fault === "lostAnswer" || fault === "lostRequest") {
        this.disturbances.push({ from: this.#t(), to: this.#t() + TRANSIT, what: "wire" });
      }
      return fault;
    }
    return undefined;
  }

  #faultOf(action: Action, operation: Operation): Fault | undefined {
    if ("unreadable" in action && operation.kind === "read" && this.#within(action.at, action.for)) {
      const { unreadable } = action;
      const hit =
        unreadable === "blue" || unreadable === "green"
          ? operation.port === "slots" && operation.slot === unreadable
          : operation.port === unreadable;
      return hit ? (action.at % 2 === 0 ? "fails" : "hangs") : undefined;
    }
    if (operation.kind !== "write" || this.#t() >= HORIZON) return undefined;
    if ("refuses" in action && operation.port === action.refuses && this.#within(action.at, action.for))
      return "refused";
    return "targetWrite" in action && action.targetWrite === this.#writes ? action.fault : undefined;
  }

  #within(at: number, length: number): boolean {
    return this.#t() >= at && this.#t() < Math.min(at + length, HORIZON);
  }

  #note(action: Action): void {
    const stretch = (at: number, length: number, what: string) =>
      this.disturbances.push({ from: at, to: Math.min(at + length, HORIZON), what });
    if ("storeDown" in action) stretch(action.at, action.storeDown, "store");
    if ("storeLosesAnswers" in action) stretch(action.at, action.storeLosesAnswers, "store");
    if ("unreadable" in action) stretch(action.at, action.for, `unreadable ${action.unreadable}`);
    if ("refuses" in action) stretch(action.at, action.for, `refuses ${action.refuses}`);
    if ("outage" in action) stretch(action.at, action.outage, "outage");
    if ("pauses" in action) stretch(action.at, action.pauses, "pause");
    if ("drifts" in action) stretch(action.at, 1, "drift");
    if ("crashes" in action) stretch(action.at, 1, "crash");
    if ("clockJumps" in action) stretch(action.at, 1, "clock");
  }
}

/** What happens to the world at its time. */
export function befall(action: Action, target: MemoryTarget, clock: SimClock): void {
  const { world, hand } = target;
  if ("clockJumps" in action) clock.jump(action.clockJumps);
  if ("crashes" in action) hand.crash(action.crashes, action.all ? undefined : 0);
  if ("outage" in action) {
    hand.outage(true);
    void clock.sleep(millis(Math.min(action.outage, HORIZON - action.at))).then(() => hand.outage(false));
  }
  if ("rehearsal" in action) world.ledgers.rehearsal = action.rehearsal;
  if (!("drifts" in action)) return;
  world.advance();
  const slot = soleSlot(world.routes.weights);
  switch (action.drifts) {
    case "traffic":
      if (slot !== undefined)
        hand.shift(world.fleet.ready(otherSlot(slot)).length > 0 ? allTo(otherSlot(slot)) : NOBODY);
      return;
    case "size":
      for (const each of SLOTS) {
        const { wanted } = world.fleet.truth(each).state;
        if (wanted > 0) hand.size(each, Math.max(1, wanted + (action.at % 2 === 0 ? 1 : -1)));
      }
      return;
    case "revision":
      if (slot !== undefined && world.fleet.truth(otherSlot(slot)).state.wanted > 0) {
        hand.rewrite(otherSlot(slot), { id: "foreign", config: "memory" });
      }
  }
}
