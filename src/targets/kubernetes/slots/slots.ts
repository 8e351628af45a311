import type { SlotSpec } from "../../../core/calls.ts";
import type { Borrowed, Read, SlotState } from "../../../core/observed.ts";
import { instant, millis, version, type Cause, type Fence, type Slot } from "../../../core/units.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Reach, SlotProvider } from "../../../ports/slots.ts";
import type { By, Expect, Write } from "../../../ports/write.ts";
import type { Api } from "../api/api.ts";
import { namedService, type LookFrom } from "../look.ts";
import { slotName } from "../names.ts";
import type { KubernetesSettings } from "../settings.ts";
import { lent, releasing } from "./autoscaler.ts";
import { claimSlots } from "./claim.ts";
import { Ensure, type SlotsContext } from "./ensure.ts";
import { Reader, governorOf, serviceOf, sourceFor, type Picture } from "./picture.ts";
import { incarnationOf } from "./pods.ts";
import { reachesOf } from "./reaching.ts";
import { retireNext } from "./retire.ts";
import { stateOf, versionOf } from "./state.ts";
import { Troubles } from "./troubles.ts";
import { Writer, type Next, type Written } from "./writer.ts";

const CLOCK = { now: () => instant(Date.now()), monotonic: () => millis(performance.now()) };

/**
 * The slots of a service as two Deployments of a namespace. Reads come from mirrors and cost no request; every write
 * tests what it was decided on. Nothing here waits for pods.
 * @param users the Service that users reach: what serves behind it before the first deployment is adopted.
 */
export function createKubernetesSlots(
  api: Api,
  settings: KubernetesSettings,
  clock: Pick<Clock, "now" | "monotonic"> = CLOCK,
  users: LookFrom["users"] = namedService(settings),
): SlotProvider {
  return new KubernetesSlots(api, settings, clock, users);
}

class KubernetesSlots implements SlotProvider {
  readonly fencing = "atomic";
  readonly #of: SlotsContext;
  readonly #clock: Pick<Clock, "now" | "monotonic">;
  readonly #troubles: Troubles;

  constructor(
    api: Api,
    settings: KubernetesSettings,
    clock: Pick<Clock, "now" | "monotonic">,
    users: LookFrom["users"],
  ) {
    const reader = new Reader(api, settings, users);
    this.#of = { api, settings, reader, writer: new Writer(api, settings.service, reader) };
    this.#clock = clock;
    this.#troubles = new Troubles(api, () => clock.monotonic());
  }

  async observe(slot: Slot, signal: AbortSignal): Promise<Read<SlotState>> {
    if (signal.aborted) return GIVEN_UP;
    const look = await this.#of.reader.read("mirrored", { signal });
    if (look.is === "unreadable") return look;
    const place = look.picture.places[slot];
    const stuck = await this.#troubles.look(place, { signal });
    const state = this.#state(look.picture, slot);
    return {
      is: "seen",
      value: stuck === undefined ? state : { ...state, stuck },
      version: versionOf(place.deployment),
      at: look.picture.at,
    };
  }

  claim(by: By): Promise<Write<Fence>> {
    return claimSlots(this.#of, by);
  }

  async ensure(slot: Slot, want: SlotSpec, expect: Expect, by: By): Promise<Write<SlotState>> {
    const ensuring = new Ensure(this.#of, slot, want, by);
    return this.#told(
      slot,
      await this.#of.writer.write(slot, expect, by, (picture, call) => ensuring.next(picture, call)),
    );
  }

  async retire(slot: Slot, keep: number, expect: Expect, by: By): Promise<Write<SlotState>> {
    const next = (picture: Picture) => retireNext(this.#of, slot, keep, by, picture);
    return this.#told(slot, await this.#of.writer.write(slot, expect, by, next));
  }

  /** What to put back is noted on the autoscaler itself, so that a change of its owner meanwhile is not lost. */
  async restore(borrowed: Borrowed, by: By): Promise<Write<SlotState>> {
    const { writer } = this.#of;
    const next = (picture: Picture): Next => {
      const governor = governorOf(picture, borrowed.slot);
      const operations = governor === undefined ? [] : releasing(governor);
      if (governor === undefined || operations.length === 0) return { next: "done" };
      return { next: "write", write: writer.patchGovernor(governor, by, operations) };
    };
    return this.#told(borrowed.slot, await writer.write(borrowed.slot, "any", by, next));
  }

  async reach(slot: Slot, signal: AbortSignal): Promise<Read<readonly Reach[]>> {
    if (signal.aborted) return GIVEN_UP;
    const { api, settings, reader } = this.#of;
    const look = await reader.read("mirrored", { signal });
    if (look.is === "unreadable") return look;
    const { pods } = look.picture.places[slot];
    const value = reachesOf(api, settings, pods, serviceOf(look.picture, settings.service, slot));
    if ("code" in value) return { is: "unreadable", cause: value };
    return { is: "seen", value, version: version(pods.map(incarnationOf).join(" ")), at: look.picture.at };
  }

  #told(slot: Slot, written: Written): Write<SlotState> {
    return "picture" in written ? { is: written.is, seen: this.#state(written.picture, slot) } : written;
  }

  #state(picture: Picture, slot: Slot): SlotState {
    const { settings } = this.#of;
    const own = governorOf(picture, slot);
    const lends = lent(slot, slotName(settings.service, slot), own, sourceFor(picture, slot, settings));
    return stateOf(picture.places[slot], lends, this.#clock.now());
  }
}

const GIVEN_UP = {
  is: "unreadable",
  cause: { code: "TEAL-K201", message: "the look was given up" } satisfies Cause,
} as const;
