import { SLOTS, type Fence } from "../../../core/units.ts";
import type { By, Write } from "../../../ports/write.ts";
import { epochOf, raiseEpoch } from "../anchor.ts";
import { isConflict, notWritten } from "../api/answers.ts";
import type { CallBy } from "../api/api.ts";
import type { KubeObject } from "../api/objects.ts";
import { paths } from "../api/paths.ts";
import type { SlotsContext } from "./ensure.ts";
import { governorOf, type Picture } from "./picture.ts";
import { callOf, late } from "./writer.ts";

/**
 * Shuts lower fences out: at the anchor first, then on what there is. Whatever a writer that is shut out makes from
 * then on, it makes without replicas, and learns from the anchor that it may not go on.
 */
export async function claimSlots(of: SlotsContext, by: By): Promise<Write<Fence>> {
  const call = callOf(by);
  if (call === undefined) return late();
  const anchor = await raiseEpoch(of.api, of.settings.service, by.fence, call);
  if (anchor.is === "fenced" || anchor.is === "rejected" || anchor.is === "unknown") return anchor;
  const look = await marked(of, by, call);
  // The anchor has it, so the claim is made in part: it must be repeated.
  if (look.is === "unreadable") return { is: "unknown", cause: look.cause };
  if (look.is !== "seen") return look;
  let changed = anchor.is === "raised";
  for (const { path, object } of fencedObjects(of, look.picture)) {
    if (epochOf(object) > by.fence) return { is: "fenced", by: epochOf(object) };
    if (epochOf(object) === by.fence) continue;
    const failed = await raiseOn(of, path, object, by, call);
    if (failed !== undefined) return failed;
    changed = true;
  }
  return { is: changed ? "applied" : "unchanged", seen: by.fence };
}

/** Its status changes while it serves; so many tries are not all lost to that. */
const TRIES = 6;

/** What there is, after a Deployment that serves already was marked as the slot that it is. */
async function marked(of: SlotsContext, by: By, call: CallBy) {
  for (let tries = 1; ; tries++) {
    const look = await of.reader.read("asked", call);
    if (look.is === "unreadable" || look.picture.adopting === undefined) return look;
    const answer = await of.writer.mark(look.picture.adopting, by.fence, call);
    if (answer.is !== "ok" && (!isConflict(answer) || tries === TRIES)) return notWritten(answer);
  }
}

async function raiseOn(
  { writer }: SlotsContext,
  path: string,
  object: KubeObject,
  by: By,
  call: CallBy,
): Promise<Write<Fence> | undefined> {
  const answer = await writer.raise(path, object, by.fence, call);
  // What is gone needs no fence.
  if (answer.is === "absent") return undefined;
  if (answer.is !== "ok") return notWritten(answer);
  const epoch = epochOf(answer.value);
  return epoch > by.fence ? { is: "fenced", by: epoch } : undefined;
}

function fencedObjects({ api }: SlotsContext, picture: Picture) {
  return SLOTS.flatMap((slot) => {
    const { deployment } = picture.places[slot];
    const governor = governorOf(picture, slot);
    return [
      ...(deployment === undefined ? [] : [{ path: paths.deployments(api.namespace), object: deployment }]),
      ...(governor === undefined ? [] : [{ path: governor.of.path(api.namespace), object: governor.object }]),
    ];
  });
}
