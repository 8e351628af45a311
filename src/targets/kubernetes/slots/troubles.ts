import type { SlotState } from "../../../core/observed.ts";
import { millis, type Slot } from "../../../core/units.ts";
import type { Api, CallBy } from "../api/api.ts";
import type { Event, Pod } from "../api/objects.ts";
import { paths } from "../api/paths.ts";
import { diagnose } from "./diagnose.ts";
import { hidingFor } from "./hiding.ts";
import { isReady, isReplica } from "./pods.ts";
import { rolledOut, wantedOf, type Place } from "./state.ts";

/** Events of a pod are asked for once it has not been ready for so long (ms), and again after as long. */
const EVENTS_EVERY = 2_000;
/** Bound (ms) of asking for them: they only explain. */
const EVENTS_WITHIN = millis(1_000);

interface Known {
  /** Pod uid, and when its events were asked for. */
  readonly pod: string;
  readonly asked: number;
  readonly events: readonly Event[];
}

interface Memory {
  /** Since when the slot has lacked ready pods. */
  readonly since: number;
  trouble?: { readonly kind: string; readonly since: number };
  known?: Known;
}

/**
 * Tells a slot that only needs time from one that needs a person. Remembers how long a trouble has been there, since
 * the clocks of the cluster are not this one's.
 */
export class Troubles {
  readonly #api: Api;
  readonly #monotonic: () => number;
  readonly #memory = new Map<Slot, Memory>();

  /** @param monotonic milliseconds that never jump. */
  constructor(api: Api, monotonic: () => number) {
    this.#api = api;
    this.#monotonic = monotonic;
  }

  async look(place: Place, call: CallBy): Promise<SlotState["stuck"]> {
    const pods = place.pods.filter(isReplica);
    const { deployment } = place;
    const wanted = wantedOf(deployment);
    const well = deployment === undefined || rolledOut(deployment);
    if (wanted === 0 || (well && pods.filter(isReady).length >= wanted)) {
      this.#memory.delete(place.slot);
      return undefined;
    }
    const memory = this.#memory.get(place.slot) ?? { since: this.#monotonic() };
    this.#memory.set(place.slot, memory);
    const now = this.#monotonic();
    const first = diagnose(place, memory.known?.events ?? []);
    const puzzling = pods.find((pod) => !isReady(pod) && pod.metadata.deletionTimestamp === undefined);
    if (puzzling !== undefined && this.#isDue(memory, puzzling, now, first?.patience === 0)) {
      memory.known = await this.#ask(puzzling, now, call);
    }
    const found = diagnose(place, memory.known?.events ?? []);
    if (found === undefined) {
      delete memory.trouble;
      return undefined;
    }
    if (memory.trouble?.kind !== found.kind) memory.trouble = { kind: found.kind, since: now };
    return { cause: found.cause, sure: now - memory.trouble.since >= found.patience };
  }

  /** @param sure what is known would do, but for the event that goes with it. */
  #isDue({ known, since }: Memory, pod: Pod, now: number, sure: boolean): boolean {
    if (known !== undefined && known.pod === pod.metadata.uid) return now - known.asked >= EVENTS_EVERY;
    return sure || now - since >= EVENTS_EVERY;
  }

  async #ask(pod: Pod, now: number, call: CallBy): Promise<Known> {
    const { uid = "" } = pod.metadata;
    const fields = `involvedObject.uid=${uid}`;
    const answer = await this.#api.list<Event>(
      paths.events(this.#api.namespace),
      { fields },
      { ...call, within: EVENTS_WITHIN },
    );
    const events = answer.is === "ok" ? await this.#hidden(pod, answer.value.items, call) : [];
    return { pod: uid, asked: now, events };
  }

  /** What a program in the pod printed may be what it was given in confidence, as in a log. */
  async #hidden(pod: Pod, events: readonly Event[], call: CallBy): Promise<readonly Event[]> {
    if (!events.some(isQuoting)) return events;
    const hiding = await hidingFor(this.#api, pod, { ...call, within: EVENTS_WITHIN });
    const shown = ({ message = "" }: Event) =>
      hiding.is === "known"
        ? hiding.hide(message)
        : `(not shown: Secret ${hiding.secret}, whose content would be hidden, cannot be read)`;
    return events.map((event) => (isQuoting(event) ? { ...event, message: shown(event) } : event));
  }
}

/** It holds the output of a command that ran in the pod; probes over the network quote nothing of what was answered. */
function isQuoting({ reason = "", message = "" }: Event): boolean {
  if (reason === "FailedPostStartHook" || reason === "FailedPreStopHook") return true;
  return reason === "Unhealthy" && !/ probe failed: (?:HTTP probe failed|Get "|dial tcp)/u.test(message);
}
