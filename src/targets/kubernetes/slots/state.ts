import type { Borrowed, SlotState } from "../../../core/observed.ts";
import { version, type Instant, type Slot, type Version } from "../../../core/units.ts";
import { epochOf } from "../anchor.ts";
import type { Deployment, KubeObject, Pod } from "../api/objects.ts";
import { isReplica, replicaOf } from "./pods.ts";
import { slotRevision } from "./revision.ts";

/** What the API server shows of one slot. */
export interface Place {
  readonly slot: Slot;
  readonly deployment?: Deployment;
  /** Of the ReplicaSets of that Deployment. */
  readonly pods: readonly Pod[];
}

/** How many pods the slot is told to have. The API server's own default is 1. */
export function wantedOf(deployment: Deployment | undefined): number {
  return deployment === undefined ? 0 : (deployment.spec.replicas ?? 1);
}

export function stateOf(place: Place, lends: readonly Borrowed[], now: Instant): SlotState {
  const { slot, deployment } = place;
  const revision = deployment && slotRevision(deployment);
  const replicas = place.pods.filter(isReplica).map((pod) => replicaOf(pod, revision, now));
  return {
    slot,
    ...(revision === undefined ? {} : { revision }),
    wanted: wantedOf(deployment),
    settled: isSettled(place, replicas),
    replicas,
    ...(lends.length === 0 ? {} : { lends }),
  };
}

/**
 * The Deployment's own account is read in the order in which its parts can be trusted (generation first: before it
 * every count is stale), and believed only where the pods say the same. Its conditions are not asked: they keep
 * telling of a rollout that is over (kubernetes#124264, #106054, #106697).
 */
function isSettled({ deployment, pods }: Place, replicas: SlotState["replicas"]): boolean {
  if (deployment === undefined) return pods.length === 0;
  const wanted = wantedOf(deployment);
  const there = isObserved(deployment) && replicas.length === wanted && replicas.every(isResting);
  return there && (isAvailable(deployment) || isReadyEnough(deployment, replicas));
}

/**
 * Where nothing is asked beyond being ready, ready pods are available by definition: their own word comes two writes of
 * controllers earlier than the count.
 */
function isReadyEnough({ spec }: Deployment, replicas: SlotState["replicas"]): boolean {
  return (spec.minReadySeconds ?? 0) === 0 && replicas.every(({ phase }) => phase === "ready");
}

/** Every replica is where it was told to be: of the slot's revision and neither starting nor stopping. */
function isResting({ phase, revision }: SlotState["replicas"][number]): boolean {
  return phase !== "starting" && phase !== "stopping" && revision === undefined;
}

export function rolledOut(deployment: Deployment): boolean {
  return isObserved(deployment) && isAvailable(deployment);
}

/** The controller knows the last change, and every pod is of the present template. */
function isObserved({ metadata, spec, status = {} }: Deployment): boolean {
  const { observedGeneration = 0, replicas = 0, updatedReplicas = 0 } = status;
  return (
    (metadata.generation ?? 0) <= observedGeneration &&
    updatedReplicas === (spec.replicas ?? 1) &&
    replicas === updatedReplicas
  );
}

function isAvailable({ status = {} }: Deployment): boolean {
  return (status.availableReplicas ?? 0) >= (status.updatedReplicas ?? 0);
}

/**
 * Changes with everything anybody tells the slot (template, size, fence) and with nothing that only happens to it.
 */
export function versionOf(deployment: Deployment | undefined): Version {
  if (deployment === undefined) return version("none");
  const { uid, generation } = deployment.metadata;
  return version(`${uid}.${generation}.${epochOf(deployment)}`);
}

/** Those of these objects that one of the owners controls. */
export function ownedBy<T extends KubeObject>(
  objects: readonly T[],
  owners: readonly KubeObject[],
): readonly T[] {
  const uids = owners.map(({ metadata }) => metadata.uid);
  return objects.filter(({ metadata }) =>
    (metadata.ownerReferences ?? []).some((owner) => owner.controller === true && uids.includes(owner.uid)),
  );
}
