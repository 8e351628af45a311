import { decide } from "../core/deciding/decide.ts";
import type { Move } from "../core/deciding/moves.ts";
import type { Deployment } from "../core/deployment.ts";
import type { Happening } from "../core/journal.ts";
import { millis } from "../core/units.ts";
import type { Log } from "./log.ts";
import type { EnginePorts } from "./ports.ts";
import type { Sight } from "./sight.ts";
import type { Tenure } from "./tenure.ts";

/** Enough for every way that leads from a verdict to a write. */
const MOST = 6;

type Call = Extract<Move, { move: "call" }>;

/**
 * Decides further while the journal has not been told yet: what leads from a verdict straight to a write is journaled
 * together with the write's intent, in one append. Where the journal is far away, users wait for one append instead of
 * four. Nothing is performed before all of it is durable, and if anybody else wrote meanwhile, none of it is.
 */
export class Ahead {
  readonly #ports: EnginePorts;
  readonly #log: Log;
  readonly #tenure: Tenure;
  readonly #sight: Sight;

  constructor(ports: EnginePorts, log: Log, tenure: Tenure, sight: Sight) {
    this.#ports = ports;
    this.#log = log;
    this.#tenure = tenure;
    this.#sight = sight;
  }

  /** The event with those that follow from it by what can be seen now. @param intent of a call, after these events. */
  async from(
    first: Happening,
    intent: (call: Call, after: Deployment) => Happening,
    news: AbortSignal,
  ): Promise<readonly Happening[]> {
    const { clock } = this.#ports;
    const events = [first];
    let asked = false;
    let since = clock.monotonic();
    for (let last = first; leadsOn(last) && events.length < MOST; last = events.at(-1) as Happening) {
      const after = this.#log.after(events);
      const move = decide(after, await this.#sight.ahead(after, events, this.#tenure.claimed, news));
      if (news.aborted) break;
      if (move.move === "call") {
        events.push(intent(move, after));
        break;
      }
      if (move.move === "checks" && move.for === "step" && !asked) {
        // One round only: while a slot needs more of them, people shall see how far it is.
        asked = true;
        await this.#sight.ask(after, move.slot, news);
        continue;
      }
      // A failure wants evidence of its own, so it is decided again when it is its turn.
      if (move.move !== "journal" || !leadsOn(move.event) || isFailure(move.event)) break;
      const now = clock.monotonic();
      const { event } = move;
      events.push(event.kind === "verdict" ? { ...event, took: millis(now - since) } : event);
      since = now;
    }
    return events;
  }
}

/** Only the way the plan goes on, or back; whatever holds is for people to see first. */
function leadsOn(event: Happening): boolean {
  if (event.kind === "replanned") return event.dir === "back";
  return event.kind === "verdict" && (event.then === "next" || event.then === "back");
}

function isFailure(event: Happening): boolean {
  return event.kind === "verdict" && event.result !== "pass";
}
