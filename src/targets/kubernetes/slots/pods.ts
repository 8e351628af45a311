import type { Replica } from "../../../core/observed.ts";
import { instant, sameRevision, type Instant, type Revision } from "../../../core/units.ts";
import type { ContainerState, ContainerStatus, Pod } from "../api/objects.ts";
import { revisionOf } from "./revision.ts";

/*
 * Pods as replicas. A pod whose phase is Failed or Succeeded is none: containers of a Deployment are always started
 * again, so such a pod was evicted or refused by its node, runs nothing, and another one was made for it.
 */

/** A container that has run for so long (ms) is forgiven its earlier restarts, as the kubelet forgets its back-off. */
const FORGIVEN = 10 * 60_000;

/** Every container that is to run as long as the pod; sidecars are written as init containers that start again. */
export function lastingContainers(pod: Pod): readonly ContainerStatus[] {
  const sidecars = (pod.spec.initContainers ?? [])
    .filter((each) => each["restartPolicy"] === "Always")
    .map(({ name }) => name);
  const inits = pod.status?.initContainerStatuses ?? [];
  return [...(pod.status?.containerStatuses ?? []), ...inits.filter(({ name }) => sidecars.includes(name))];
}

/** Those, and the ones that prepare the pod and end. */
export function allContainers(pod: Pod): readonly ContainerStatus[] {
  return [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
}

/** The pod is there to serve, or will be: neither over nor a mere record. */
export function isReplica(pod: Pod): boolean {
  const phase = pod.status?.phase;
  return phase !== "Failed" && phase !== "Succeeded";
}

/**
 * @param slot the slot's revision: only where the pod's differs is it told.
 * @param now of the same wall clock that the cluster goes by, give or take seconds.
 */
export function replicaOf(pod: Pod, slot: Revision | undefined, now: Instant): Replica {
  const revision = revisionOf(pod.metadata);
  const exit = lastExit(pod);
  return {
    id: pod.metadata.name,
    incarnation: incarnationOf(pod),
    phase: phaseOf(pod),
    restarts: freshRestarts(pod, now),
    ...(revision === undefined || sameRevision(revision, slot) ? {} : { revision }),
    ...(exit === undefined ? {} : { exit }),
  };
}

/** A container that was started again is another life of the same pod: what was proven of it is proven no more. */
export function incarnationOf(pod: Pod): string {
  const restarts = lastingContainers(pod).reduce((sum, { restartCount }) => sum + restartCount, 0);
  return `${pod.metadata.uid}.${restarts}`;
}

export function phaseOf(pod: Pod): Replica["phase"] {
  if (pod.metadata.deletionTimestamp !== undefined) return "stopping";
  if (allContainers(pod).some(({ state }) => state?.waiting?.reason === "CrashLoopBackOff"))
    return "crashLoop";
  if (isReady(pod)) return "ready";
  const main = pod.status?.containerStatuses ?? [];
  if (main.some(({ state }) => state?.terminated !== undefined)) return "exited";
  const running = main.length > 0 && main.every((each) => each.state?.running && hasStarted(each));
  return running ? "unready" : "starting";
}

/** Containers pass, and so do the readiness gates: the kubelet counts both into this one condition. */
export function isReady(pod: Pod): boolean {
  if (pod.metadata.deletionTimestamp !== undefined || !isReplica(pod)) return false;
  const { conditions = [], containerStatuses = [] } = pod.status ?? {};
  const holds = (type: string) => conditions.some((each) => each.type === type && each.status === "True");
  const gates = pod.spec.readinessGates ?? [];
  return (
    holds("Ready") &&
    containerStatuses.every(({ ready }) => ready) &&
    gates.every((gate) => holds(gate.conditionType))
  );
}

/** Absent: a kubelet that does not tell. False: the startup probe has not passed. */
function hasStarted(container: ContainerStatus): boolean {
  return container.started !== false;
}

/** Restarts that still mean something: of containers that have not run well for a good while since. */
function freshRestarts(pod: Pod, now: Instant): number {
  return lastingContainers(pod)
    .filter(({ state }) => !runsSince(state, now - FORGIVEN))
    .reduce((sum, { restartCount }) => sum + restartCount, 0);
}

function runsSince(state: ContainerState | undefined, before: number): boolean {
  const started = Date.parse(state?.running?.startedAt ?? "");
  return Number.isFinite(started) && started <= before;
}

/** How the last life of any of its containers ended. */
function lastExit(pod: Pod): Replica["exit"] {
  const ends = lastingContainers(pod).flatMap(({ state, lastState, restartCount }) => {
    const ended = state?.terminated ?? (restartCount > 0 ? lastState?.terminated : undefined);
    return ended === undefined ? [] : [ended];
  });
  const [last] = ends.toSorted((a, b) => at(b.finishedAt) - at(a.finishedAt));
  if (last === undefined) return undefined;
  const signal = last.reason === "OOMKilled" ? "OOMKilled" : last.signal ? `signal ${last.signal}` : null;
  return { code: last.exitCode, signal, at: instant(at(last.finishedAt)) };
}

function at(time: string | undefined): number {
  const parsed = Date.parse(time ?? "");
  return Number.isFinite(parsed) ? parsed : 0;
}
