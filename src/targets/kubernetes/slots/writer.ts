import type { Fence, Slot, Version } from "../../../core/units.ts";
import { millis, type Cause, type Millis } from "../../../core/units.ts";
import type { By, Expect, Write } from "../../../ports/write.ts";
import { marking } from "../adoption/adoption.ts";
import { epochOf, readEpoch } from "../anchor.ts";
import { isConflict, notWritten } from "../api/answers.ts";
import type { Answer, Api, CallBy, JsonOperation } from "../api/api.ts";
import type { Deployment, KubeObject } from "../api/objects.ts";
import { paths } from "../api/paths.ts";
import type { Autoscaler, Governor } from "./autoscaler.ts";
import { stamped, unchanged } from "./fenced.ts";
import { governorOf, withObject, type Picture, type Reader } from "./picture.ts";
import { versionOf, type Place } from "./state.ts";

/** A slot whose autoscaler and users write at the same time is still won within so many tries. */
const TRIES = 6;
/** When a write that lost every race, or could not look, may be tried again (ms). */
const SOON = millis(500);

/** Conflicts that no other try ends: an object of that name is somebody else's, or fields of it are. */
const STANDING: readonly string[] = ["TEAL-K114", "TEAL-K118"];

/** What one look at the slots asks for next. */
export type Next =
  | { readonly next: "done" }
  /** `makes`: something new, which the fence does not protect until everything is looked at again. */
  | {
      readonly next: "write";
      readonly write: (by: CallBy) => Promise<Answer<unknown>>;
      readonly makes?: true;
    }
  | { readonly next: "refuse"; readonly cause: Cause; readonly retryAfter?: Millis };

type Refusal = Extract<Write<never>, { is: "rejected" | "unknown" | "fenced" }>;

export type Written =
  | { readonly is: "applied" | "unchanged" | "conflict"; readonly picture: Picture }
  | Refusal;

/**
 * Writes by looking, deciding and patching what was read, again while others are faster. Every patch tests the fence
 * of what it changes, so whoever was shut out after looking changes nothing.
 */
export class Writer {
  readonly #api: Api;
  readonly #service: string;
  readonly #reader: Reader;

  constructor(api: Api, service: string, reader: Reader) {
    this.#api = api;
    this.#service = service;
    this.#reader = reader;
  }

  /**
   * @param decide called on every look until it is done. It must converge: what it asked for and got, it does not ask
   * for again.
   */
  async write(
    slot: Slot,
    expect: Expect,
    by: By,
    decide: (picture: Picture, by: CallBy) => Next | Promise<Next>,
  ): Promise<Written> {
    let known: Version | undefined = expect === "any" ? undefined : expect;
    let wrote = false;
    let picture: Picture | undefined;
    let inTheWay: Cause | undefined;
    for (let lost = 0; lost < TRIES;) {
      const call = callOf(by);
      if (call === undefined) return wrote ? unfinished() : late();
      if (picture === undefined) {
        const look = await this.#reader.read("asked", call);
        if (look.is === "unreadable") return { is: "rejected", cause: look.cause, retryAfter: SOON };
        picture = look.picture;
        const fenced = await this.#fenced(picture, by, call);
        if (fenced !== undefined) return fenced;
      }
      const { adopting } = picture;
      const next = adopting === undefined ? await decide(picture, call) : this.#adopt(adopting, by);
      if (next.next === "done") return { is: wrote ? "applied" : "unchanged", picture };
      const now = versionOf(picture.places[slot].deployment);
      if (known !== undefined && known !== now) return { is: "conflict", picture };
      if (next.next === "refuse") return { is: "rejected", ...refusal(next) };
      const answer = await next.write(call);
      if (answer.is === "ok") {
        wrote = true;
        const made = next.makes === true || answer.value === undefined;
        const after = made ? undefined : withObject(picture, answer.value as KubeObject);
        // What this very write made of the slot is expected from now on.
        if (known !== undefined)
          known = after === undefined ? undefined : versionOf(after.places[slot].deployment);
        picture = after;
        continue;
      }
      if (!isConflict(answer) && answer.is !== "absent") return notWritten(answer);
      lost++;
      inTheWay = STANDING.includes(answer.cause.code) ? answer.cause : undefined;
      picture = undefined;
    }
    // Not a race: it is there at every look, and whoever made it has to say what becomes of it.
    if (inTheWay !== undefined) return { is: "rejected", cause: inTheWay };
    const cause = {
      code: "TEAL-K202",
      message: `${this.#service}: ${slot} is written to by others all the time`,
    };
    return { is: "rejected", cause, retryAfter: SOON };
  }

  /** Marks the Deployment as the slot that it is taken for. Conflicts while its status changes. */
  async mark(adopting: Deployment, fence: Fence, call: CallBy): Promise<Answer<Deployment>> {
    const path = paths.deployments(this.#api.namespace);
    const at = `${path}/${encodeURIComponent(adopting.metadata.name)}`;
    const answer = await this.#api.patch<Deployment>(at, marking(adopting, fence), call);
    if (answer.is === "ok") this.#reader.put(path, answer.value);
    return answer;
  }

  #adopt(adopting: Deployment, by: By): Next {
    return { next: "write", write: (call) => this.mark(adopting, by.fence, call) };
  }

  /** A patch of the Deployment as it was read. */
  patchDeployment(seen: Deployment, by: By, operations: readonly JsonOperation[]) {
    const path = paths.deployments(this.#api.namespace);
    return (call: CallBy) => this.#patch<Deployment>(path, seen, by, operations, call);
  }

  patchGovernor(seen: Governor, by: By, operations: readonly JsonOperation[]) {
    const path = seen.of.path(this.#api.namespace);
    return (call: CallBy) => this.#patch<Autoscaler>(path, seen.object, by, operations, call);
  }

  /** Raises the fence on an object to the writer's. Answers `ok` where it is as high already. */
  async raise<T extends KubeObject>(path: string, object: T, fence: Fence, call: CallBy): Promise<Answer<T>> {
    let seen = object;
    for (let tries = 1; ; tries++) {
      if (epochOf(seen) >= fence) return { is: "ok", value: seen };
      const at = `${path}/${encodeURIComponent(seen.metadata.name)}`;
      const operations = [...unchanged(seen), ...stamped(seen, fence)];
      const answer = await this.#api.patch<T>(at, { by: "json", operations }, call);
      if (answer.is === "ok") this.#reader.put(path, answer.value);
      if (!isConflict(answer) || tries === TRIES) return answer;
      const again = await this.#api.get<T>(at, call);
      if (again.is !== "ok") return again;
      seen = again.value;
    }
  }

  async #patch<T extends KubeObject>(
    path: string,
    seen: T,
    by: By,
    operations: readonly JsonOperation[],
    call: CallBy,
  ): Promise<Answer<T>> {
    const all = [...unchanged(seen), ...stamped(seen, by.fence, by.intent), ...operations];
    const at = `${path}/${encodeURIComponent(seen.metadata.name)}`;
    const answer = await this.#api.patch<T>(at, { by: "json", operations: all }, call);
    if (answer.is === "ok") this.#reader.put(path, answer.value);
    return answer;
  }

  /**
   * The anchor is read after the slots: a Deployment that a writer made after it had been shut out has that writer's
   * fence on it, and only the anchor tells.
   */
  async #fenced(picture: Picture, by: By, call: CallBy): Promise<Refusal | undefined> {
    const places: readonly Place[] = Object.values(picture.places);
    const objects = places.flatMap(({ slot, deployment }) => [deployment, governorOf(picture, slot)?.object]);
    const highest = Math.max(0, ...objects.map((object) => (object === undefined ? 0 : epochOf(object))));
    if (highest > by.fence) return { is: "fenced", by: highest as Fence };
    const anchor = await readEpoch(this.#api, this.#service, call);
    if (anchor.is === "unreadable") return { is: "rejected", cause: anchor.cause, retryAfter: SOON };
    return anchor.epoch > by.fence ? { is: "fenced", by: anchor.epoch } : undefined;
  }
}

/** One request (ms): an API server that takes longer hangs, and another try still has time. */
const REQUEST_MS = 5_000;

/** The call of a write; undefined when its deadline has passed or it was given up. */
export function callOf({ signal, deadline }: By): CallBy | undefined {
  const left = deadline - Date.now();
  return signal.aborted || left <= 0 ? undefined : { signal, within: millis(Math.min(left, REQUEST_MS)) };
}

export function late(): Extract<Write<never>, { is: "rejected" }> {
  return {
    is: "rejected",
    cause: { code: "TEAL-K201", message: "the write was not sent: its time had passed" },
  };
}

/** Several writes make one; its time ended between two of them. */
function unfinished(): Extract<Write<never>, { is: "unknown" }> {
  const message = "the time of the write ended when it was done in part: repeat it";
  return { is: "unknown", cause: { code: "TEAL-K201", message } };
}

function refusal({ cause, retryAfter }: Extract<Next, { next: "refuse" }>) {
  return { cause, ...(retryAfter === undefined ? {} : { retryAfter }) };
}
