import type { Cause } from "../../../core/units.ts";
import type { ContainerStatus, Deployment, Event, Pod } from "../api/objects.ts";
import { excerpt } from "../../../core/redact.ts";
import { allContainers, isReady, isReplica, lastingContainers, phaseOf } from "./pods.ts";
import { crashed } from "./crashed.ts";
import { rolledOut, wantedOf, type Place } from "./state.ts";

/** Something that keeps a slot from becoming ready, in the cluster's own words. */
export interface Finding {
  /** What kind of trouble it is: how long it lasts is counted by this, whichever pod it is seen at. */
  readonly kind: string;
  readonly cause: Cause;
  /** It must last so long (ms) before it counts as something that does not pass by itself; Infinity: only told. */
  readonly patience: number;
}

/*
 * Patience, in ms. What can only be changed by a person is not waited for; what a part of the cluster may still
 * bring (a node, a volume, a Secret of an operator, a registry that is busy) gets a while. The whole start has a
 * deadline of its own (`startDeadline`).
 */
const AT_ONCE = 0;
/** Objects that an operator of the cluster makes a moment after they are first asked for. */
const OBJECTS = 5_000;
/** Registries, webhooks, volumes: busy or restarting. */
const SERVICES = 20_000;
/** A node of an autoscaled pool takes minutes; where its autoscaler says that one comes, it is waited for. */
const NODES = 30_000;

/** What is in the slot's way, the surest first; nothing where all of its pods are ready. */
export function diagnose(place: Place, events: readonly Event[]): Finding | undefined {
  const { deployment } = place;
  if (deployment === undefined || wantedOf(deployment) === 0) return undefined;
  const troubled = place.pods.filter(
    (pod) => isReplica(pod) && pod.metadata.deletionTimestamp === undefined && !isReady(pod),
  );
  const found = [
    ...troubled.flatMap((pod) => ofPod(pod, eventsOf(pod, events))),
    ...notCreated(place, deployment),
    ...overdue(deployment),
  ];
  return found.toSorted((a, b) => a.patience - b.patience)[0];
}

function ofPod(pod: Pod, events: readonly Event[]): readonly Finding[] {
  const waiting = allContainers(pod).flatMap((container) => waitingFor(pod, container, events));
  const crash = crashed(pod, events);
  return [
    ...(crash === undefined ? [] : [{ kind: "crash", cause: crash, patience: AT_ONCE }]),
    ...waiting,
    ...unscheduled(pod, events),
    ...unmounted(pod, events),
    ...unready(pod, events),
  ];
}

function waitingFor(pod: Pod, container: ContainerStatus, events: readonly Event[]): readonly Finding[] {
  const { reason = "", message = "" } = container.state?.waiting ?? {};
  const where = `container ${container.name} of ${pod.metadata.name}`;
  const told = say(events, message);
  switch (reason) {
    case "InvalidImageName":
      return [finding("image", AT_ONCE, "TEAL-K204", `${where}: its image has no valid name`, told)];
    case "ErrImageNeverPull":
      return [
        finding(
          "image",
          AT_ONCE,
          "TEAL-K204",
          `${where}: its image is not on the node and may not be pulled`,
          told,
        ),
      ];
    case "ErrImagePull":
    case "ImagePullBackOff":
    case "RegistryUnavailable": {
      const image = imageOf(pod, container.name);
      const patience = [message, ...told].some(isFinalPullError) ? AT_ONCE : SERVICES;
      return [finding("image", patience, "TEAL-K204", `${where}: image ${image} cannot be pulled`, told)];
    }
    case "CreateContainerConfigError":
      return [
        finding("config", OBJECTS, "TEAL-K206", `${where} cannot be configured: ${short(message)}`, told),
      ];
    case "CreateContainerError":
    case "RunContainerError":
    case "PreStartHookError":
      return [
        finding("container", SERVICES, "TEAL-K205", `${where} cannot be started: ${short(message)}`, told),
      ];
    case "PostStartHookError":
      // Its message quotes what the hook printed, and with it perhaps a secret; the event of it is shown without.
      return [
        finding("container", SERVICES, "TEAL-K205", `${where}: its postStart hook failed`, say(events)),
      ];
    default:
      return [];
  }
}

/** The registry has answered, and would answer the same again. */
function isFinalPullError(text: string): boolean {
  return /not found|manifest unknown|does not exist|unauthorized|authentication required|access denied|denied:|forbidden|invalid reference/iu.test(
    text,
  );
}

function imageOf(pod: Pod, container: string): string {
  const all = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  return all.find(({ name }) => name === container)?.image ?? "without a name";
}

function unscheduled(pod: Pod, events: readonly Event[]): readonly Finding[] {
  const condition = pod.status?.conditions?.find(({ type }) => type === "PodScheduled");
  if (condition?.status !== "False") return [];
  const reasons = events.map(({ reason }) => reason);
  const coming = condition.reason !== "Unschedulable" || reasons.includes("TriggeredScaleUp");
  const patience = coming ? Infinity : reasons.includes("NotTriggerScaleUp") ? OBJECTS : NODES;
  const message = `no node takes ${pod.metadata.name}: ${short(condition.message ?? condition.reason ?? "")}`;
  return [finding("node", patience, "TEAL-K207", message, say(events, condition.message))];
}

/** Volumes say nothing in the pod's status: their trouble is only in its events. */
function unmounted(pod: Pod, events: readonly Event[]): readonly Finding[] {
  if (phaseOf(pod) !== "starting") return [];
  const event = latest(events, ["FailedMount", "FailedAttachVolume", "FailedMapVolume"]);
  if (event === undefined) return [];
  const missing = /not found|references non-existent/u.test(event.message ?? "");
  const message = `a volume of ${pod.metadata.name} cannot be mounted: ${short(event.message ?? "")}`;
  return [finding("volume", missing ? OBJECTS : SERVICES, "TEAL-K209", message, say(events))];
}

/** Not ready yet is no fault; what its probes say is told, and is the reason if the deadline comes. */
function unready(pod: Pod, events: readonly Event[]): readonly Finding[] {
  const event = latest(events, ["Unhealthy"]);
  if (event === undefined || lastingContainers(pod).length === 0) return [];
  const message = `${pod.metadata.name} is not ready: ${short(event.message ?? "")}`;
  return [finding("unready", Infinity, "TEAL-K240", message, [])];
}

/** The pods themselves are refused: said by the Deployment, which has it from its ReplicaSet. */
function notCreated(place: Place, { metadata, spec, status }: Deployment): readonly Finding[] {
  const failure = status?.conditions?.find(({ type }) => type === "ReplicaFailure");
  const current = (metadata.generation ?? 0) <= (status?.observedGeneration ?? 0);
  // The condition outlives its cause until the ReplicaSet is looked at again.
  if (failure?.status !== "True" || !current || (status?.replicas ?? 0) >= (spec.replicas ?? 1)) return [];
  const said = failure.message ?? failure.reason ?? "";
  const leaving = place.pods.some((pod) => pod.metadata.deletionTimestamp !== undefined);
  const { patience, what } = refusal(said, leaving);
  return [
    finding(
      "refused",
      patience,
      "TEAL-K208",
      `pods of ${metadata.name} are refused by ${what}: ${short(said)}`,
      [],
    ),
  ];
}

function refusal(said: string, leaving: boolean): { readonly patience: number; readonly what: string } {
  // What is being stopped still counts until it is gone.
  if (/exceeded quota/u.test(said))
    return { patience: leaving ? NODES : AT_ONCE, what: "a quota of the namespace" };
  if (/failed calling webhook/u.test(said))
    return { patience: SERVICES, what: "a webhook that does not answer" };
  if (/admission webhook|ValidatingAdmissionPolicy|violates PodSecurity/u.test(said))
    return { patience: AT_ONCE, what: "an admission policy" };
  if (/(?:minimum|maximum) (?:cpu|memory|\S+) usage|limit to request ratio/u.test(said))
    return { patience: AT_ONCE, what: "a LimitRange of the namespace" };
  if (/serviceaccount|service account|PriorityClass/iu.test(said))
    return { patience: OBJECTS, what: "the API server" };
  return {
    patience: /is forbidden|is invalid|Invalid value/u.test(said) ? OBJECTS : SERVICES,
    what: "the API server",
  };
}

/** The Deployment controller gave up waiting, by the deadline in the template. */
function overdue(deployment: Deployment): readonly Finding[] {
  const { metadata, status } = deployment;
  const progress = status?.conditions?.find(({ type }) => type === "Progressing");
  const current = (metadata.generation ?? 0) <= (status?.observedGeneration ?? 0);
  if (!current || progress?.reason !== "ProgressDeadlineExceeded" || rolledOut(deployment)) return [];
  const message = `${metadata.name} made no progress within its progressDeadlineSeconds: ${short(progress.message ?? "")}`;
  return [finding("progress", AT_ONCE, "TEAL-K241", message, [])];
}

function finding(
  kind: string,
  patience: number,
  code: string,
  message: string,
  evidence: readonly string[],
): Finding {
  return { kind, patience, cause: { code, message, ...(evidence.length === 0 ? {} : { evidence }) } };
}

function eventsOf(pod: Pod, events: readonly Event[]): readonly Event[] {
  return events
    .filter(({ involvedObject }) => involvedObject.uid === pod.metadata.uid)
    .toSorted((a, b) => Date.parse(timeOf(b)) - Date.parse(timeOf(a)));
}

function timeOf({ lastTimestamp, eventTime, metadata }: Event): string {
  return lastTimestamp ?? eventTime ?? metadata.creationTimestamp ?? "1970-01-01T00:00:00Z";
}

function latest(events: readonly Event[], reasons: readonly string[]): Event | undefined {
  return events.find(({ reason = "" }) => reasons.includes(reason));
}

/** At most so many events are quoted. */
const QUOTED = 3;

/** What the cluster said itself, as a person would find it by `kubectl describe`. */
function say(events: readonly Event[], status = ""): readonly string[] {
  const lines = events
    .filter(({ type }) => type !== "Normal")
    .slice(0, QUOTED)
    .map(({ reason, message = "" }) => `event ${reason}: ${short(message)}`);
  return lines.length > 0 || status === "" ? lines : [`status: ${short(status)}`];
}

function short(text: string): string {
  return excerpt(text, 300);
}
