import type { Json } from "./client.ts";

/** A container as its status shows it. */
export interface Snapshot {
  readonly name: string;
  readonly image: string;
  readonly restarts: number;
  readonly ready: boolean;
  readonly started: boolean;
  readonly id: string | undefined;
  readonly state: Json;
  readonly last: Json;
  /** It ended and will not be started again. */
  readonly over: boolean;
}

export interface PodSnapshot {
  readonly address: string | undefined;
  readonly hostAddress: string;
  readonly startTime: string;
  readonly initialized: boolean;
  readonly init: readonly Snapshot[];
  readonly containers: readonly Snapshot[];
}

/** The status of a pod, as a patch: only the fields and conditions that are the kubelet's. */
export function statusOf(pod: Json, seen: PodSnapshot, now: string): Json {
  const phase = phaseOf(pod, seen);
  const addresses = seen.address === undefined ? {} : { podIP: seen.address, podIPs: [{ ip: seen.address }] };
  return {
    phase,
    startTime: seen.startTime,
    hostIP: seen.hostAddress,
    hostIPs: [{ ip: seen.hostAddress }],
    ...addresses,
    observedGeneration: pod.metadata.generation,
    conditions: conditionsOf(pod, seen, phase, now),
    ...(seen.init.length === 0 ? {} : { initContainerStatuses: seen.init.map(containerStatus) }),
    containerStatuses: seen.containers.map(containerStatus),
  };
}

function containerStatus(seen: Snapshot): Json {
  return {
    name: seen.name,
    image: seen.image,
    imageID: seen.id === undefined ? "" : `teal.test/images@${seen.image}`,
    ready: seen.ready,
    started: seen.started,
    restartCount: seen.restarts,
    state: seen.state,
    lastState: seen.last ?? {},
    ...(seen.id === undefined ? {} : { containerID: seen.id }),
  };
}

/** As a real kubelet decides it: one that waits before its first start makes the pod Pending. */
export function phaseOf(pod: Json, { initialized, init, containers }: PodSnapshot): string {
  const failed = ({ state }: Snapshot): boolean => (state.terminated?.exitCode ?? 0) !== 0;
  if (init.some((each) => each.over && failed(each))) return "Failed";
  const waits = ({ state, last }: Snapshot): boolean => state.waiting !== undefined && last === undefined;
  if (!initialized || containers.some(waits)) return "Pending";
  if (!containers.every(({ over }) => over)) return "Running";
  if (!containers.some(failed)) return "Succeeded";
  return pod.spec.restartPolicy === "Never" || pod.metadata.deletionTimestamp !== undefined
    ? "Failed"
    : "Running";
}

function conditionsOf(pod: Json, seen: PodSnapshot, phase: string, now: string): Json {
  const finished = phase === "Succeeded" || phase === "Failed";
  const names = (containers: readonly Snapshot[]): string =>
    `[${containers.map(({ name }) => name).join(" ")}]`;
  const unready = seen.containers.filter(({ ready }) => !ready);
  const unreadyText = `containers with unready status: ${names(unready)}`;
  const gates: readonly string[] = (pod.spec.readinessGates ?? []).map((gate: Json) => gate.conditionType);
  const closed = gates.filter((type) => existing(pod, type)?.status !== "True");
  const uninitialized = seen.init.filter(({ ready }) => !ready);

  const notReady = finished
    ? { reason: phase === "Succeeded" ? "PodCompleted" : "PodFailed" }
    : unready.length > 0
      ? { reason: "ContainersNotReady", message: unreadyText }
      : undefined;
  const gated = closed.map((type) => `corresponding condition of pod readiness gate "${type}" is not True.`);
  const gatesNotReady = { reason: "ReadinessGatesNotReady", message: gated.join(" ") };
  return [
    condition(pod, "PodReadyToStartContainers", seen.address === undefined ? {} : undefined, now),
    condition(
      pod,
      "Initialized",
      seen.initialized
        ? undefined
        : {
            reason: "ContainersNotInitialized",
            message: `containers with incomplete status: ${names(uninitialized)}`,
          },
      now,
    ),
    condition(pod, "ContainersReady", notReady, now),
    condition(pod, "Ready", notReady ?? (closed.length > 0 ? gatesNotReady : undefined), now),
  ];
}

/** True unless there is a reason why not; the time of the last change is kept while nothing changes. */
function condition(
  pod: Json,
  type: string,
  whyNot: { reason?: string; message?: string } | undefined,
  now: string,
): Json {
  const status = whyNot === undefined ? "True" : "False";
  const before = existing(pod, type);
  const lastTransitionTime = before?.status === status ? before.lastTransitionTime : now;
  return {
    type,
    status,
    lastTransitionTime,
    reason: whyNot?.reason ?? null,
    message: whyNot?.message ?? null,
  };
}

function existing(pod: Json, type: string): Json {
  return pod.status?.conditions?.find((each: Json) => each.type === type);
}
