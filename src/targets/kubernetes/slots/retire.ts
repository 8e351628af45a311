import type { Slot } from "../../../core/units.ts";
import type { By } from "../../../ports/write.ts";
import type { CallBy } from "../api/api.ts";
import { holding, isCopy } from "./autoscaler.ts";
import type { SlotsContext } from "./ensure.ts";
import { governorOf, type Picture } from "./picture.ts";
import { wantedOf } from "./state.ts";
import type { Next } from "./writer.ts";

/**
 * What a slot needs next to have no more than `keep` replicas: first its autoscaler gives way, then its size.
 * Which pods go is the ReplicaSet's choice, and the right one: those on no node, those that do not run, those that
 * are not ready, and then the youngest (kubernetes `ActivePodsWithRanks`); a pod deletion cost could not add to that.
 */
export function retireNext(of: SlotsContext, slot: Slot, keep: number, by: By, picture: Picture): Next {
  const { deployment } = picture.places[slot];
  if (deployment === undefined || wantedOf(deployment) <= keep) return { next: "done" };
  const governor = governorOf(picture, slot);
  if (governor !== undefined) {
    if (keep === 0 && isCopy(governor, of.settings.service, slot)) return remove(of, governor);
    const operations = keep === 0 ? [] : holding(governor, { min: keep, max: keep });
    if (operations.length > 0)
      return { next: "write", write: of.writer.patchGovernor(governor, by, operations) };
  }
  const write = of.writer.patchDeployment(deployment, by, [
    { op: "add", path: "/spec/replicas", value: keep },
  ]);
  return { next: "write", write };
}

/**
 * An empty slot has no autoscaler: KEDA would fill it again, and so would an autoscaler that may scale from zero. It is
 * removed as it was read: a claim since then (a fence was written to it) keeps it.
 */
function remove(
  { api, reader }: SlotsContext,
  { of, object }: NonNullable<ReturnType<typeof governorOf>>,
): Next {
  const { name, uid, resourceVersion } = object.metadata;
  const options = {
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
  const write = async (call: CallBy) => {
    const answer = await api.remove(of.path(api.namespace, name), options, call);
    if (answer.is === "ok") reader.drop(of.path(api.namespace), uid ?? "");
    return answer;
  };
  return { next: "write", write };
}
