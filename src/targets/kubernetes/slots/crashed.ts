import type { Cause } from "../../../core/units.ts";
import type { ContainerStatus, Event, Pod } from "../api/objects.ts";
import { allContainers } from "./pods.ts";

/** How a container of the pod came to an end, when one did that was to go on or keeps failing to prepare the pod. */
export function crashed(pod: Pod, events: readonly Event[]): Cause | undefined {
  const main = new Set(pod.status?.containerStatuses?.map(({ name }) => name));
  const ended = allContainers(pod).find(
    (each) =>
      each.state?.waiting?.reason === "CrashLoopBackOff" ||
      (main.has(each.name) && each.state?.terminated !== undefined),
  );
  if (ended === undefined) return undefined;
  const message = `container ${ended.name} of ${pod.metadata.name} ${howItEnded(ended, events)}${times(ended)}`;
  const killed = events.filter(
    ({ reason }) => reason === "Killing" || reason === "Unhealthy" || reason === "BackOff",
  );
  const evidence = killed.slice(0, 2).map((event) => `event ${event.reason}: ${event.message ?? ""}`);
  return { code: "TEAL-K205", message, ...(evidence.length === 0 ? {} : { evidence }) };
}

function howItEnded({ state, lastState }: ContainerStatus, events: readonly Event[]): string {
  const end = state?.terminated ?? lastState?.terminated;
  if (end === undefined) return "keeps ending";
  if (end.reason === "OOMKilled") return "was killed: it used more memory than its limit";
  if (end.reason === "StartError" || end.reason === "ContainerCannotRun")
    return `cannot be run: ${end.message ?? end.reason}`;
  const probe = events.find(({ message = "" }) => /failed (?:liveness|startup) probe/u.test(message));
  if (probe !== undefined) return `was killed: it ${/failed \w+ probe/u.exec(probe.message ?? "")?.[0]}`;
  return end.signal ? `was ended by signal ${end.signal}` : `ended with exit code ${end.exitCode}`;
}

function times({ restartCount }: ContainerStatus): string {
  return restartCount === 0 ? "" : `, restarted ${restartCount} times`;
}
