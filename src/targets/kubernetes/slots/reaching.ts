import type { Cause, Millis } from "../../../core/units.ts";
import type { Reach } from "../../../ports/slots.ts";
import type { Api } from "../api/api.ts";
import type { Pod, Service } from "../api/objects.ts";
import { paths } from "../api/paths.ts";
import { podReach } from "../reach/reach.ts";
import type { KubernetesSettings } from "../settings.ts";
import { mainContainer, mainPort } from "../template/container.ts";
import { TemplateError } from "../template/refused.ts";
import { hidingFor } from "./hiding.ts";
import { allContainers, incarnationOf, isReplica, phaseOf } from "./pods.ts";

/** Bound (ms) of reading a log: it only explains. */
const TAIL_WITHIN = 2_000 as Millis;

/** Ways to the pods that run or ran: one that has not started has nothing to ask and nothing to tell. */
export function reachesOf(
  api: Api,
  settings: KubernetesSettings,
  pods: readonly Pod[],
  service: Service | undefined,
): readonly Reach[] | Cause {
  try {
    return pods
      .filter((pod) => isReplica(pod) && pod.metadata.deletionTimestamp === undefined && hasRun(pod))
      .map((pod) => reachOf(api, settings, pod, service));
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return error.refusal.cause;
  }
}

function reachOf(api: Api, settings: KubernetesSettings, pod: Pod, service: Service | undefined): Reach {
  const { name } = pod.metadata;
  const container = mainContainer(pod.spec, settings.container, `pod ${name}`);
  const port = mainPort(pod.spec, container, settings.port, service, `pod ${name}`);
  const phase = phaseOf(pod);
  return {
    ...podReach(api, settings, pod, port),
    replica: name,
    incarnation: incarnationOf(pod),
    ...(phase === "exited" || phase === "crashLoop" ? { ended: true } : {}),
    tail: (lines) => tailOf(api, pod, container.name, lines),
  };
}

function hasRun(pod: Pod): boolean {
  return allContainers(pod).some(
    ({ state, restartCount }) => state?.waiting === undefined || restartCount > 0,
  );
}

/** The last lines of the container that ended, else of the one that users reach. */
async function tailOf(api: Api, pod: Pod, main: string, lines: number): Promise<readonly string[]> {
  const all = allContainers(pod);
  const ended = all.find(({ state }) => state?.terminated !== undefined && state.terminated.exitCode !== 0);
  const waiting = all.find(({ state, restartCount }) => state?.waiting !== undefined && restartCount > 0);
  const container = (ended ?? waiting)?.name ?? main;
  // Between two lives, and at once after a new one began, what matters is how the last one ended.
  const previous = ended === undefined && (waiting !== undefined || restarted(pod, container));
  const asked = await linesOf(api, pod, { container, lines, previous });
  // The pod may have gone on to its next life since it was looked at; what it wrote lies in the other log then.
  return asked.length > 0 || !hasCrashed(pod, container)
    ? asked
    : linesOf(api, pod, { container, lines, previous: !previous });
}

interface Log {
  readonly container: string;
  readonly lines: number;
  readonly previous: boolean;
}

async function linesOf(api: Api, pod: Pod, { container, lines, previous }: Log): Promise<readonly string[]> {
  const query = new URLSearchParams({
    container,
    tailLines: String(lines),
    ...(previous && { previous: "true" }),
  });
  const path = `${paths.pods(api.namespace, pod.metadata.name, "log")}?${query.toString()}`;
  const call = { signal: AbortSignal.timeout(TAIL_WITHIN), within: TAIL_WITHIN };
  const [answer, hiding] = await Promise.all([api.text(path, call), hidingFor(api, pod, call)]);
  if (answer.is !== "ok") return [];
  const last = answer.value
    .split("\n")
    .filter((line) => line !== "")
    .slice(-lines);
  if (hiding.is === "known") return last.map(hiding.hide);
  return last.length === 0
    ? []
    : [`(not shown: Secret ${hiding.secret}, whose content would be hidden, cannot be read)`];
}

/** It has ended once, by what was seen of it. */
function hasCrashed(pod: Pod, container: string): boolean {
  const status = allContainers(pod).find(({ name }) => name === container);
  return status !== undefined && (status.restartCount > 0 || status.state?.terminated !== undefined);
}

function restarted(pod: Pod, container: string): boolean {
  const status = allContainers(pod).find(({ name }) => name === container);
  return status !== undefined && status.restartCount > 0 && !status.ready;
}
