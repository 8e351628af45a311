import type { Read } from "../../core/observed.ts";
import { instant, version, type Slot } from "../../core/units.ts";
import type { Api, CallBy } from "./api/api.ts";
import type { Deployment, LabelSelector, Pod } from "./api/objects.ts";
import { paths } from "./api/paths.ts";
import { slotLabels } from "./names.ts";
import { revisionOf } from "./slots/revision.ts";

/** A line that a pod's container wrote. */
export interface PodLine {
  readonly replica: string;
  /** RFC 3339 with nanoseconds: texts of one pod sort by time. */
  readonly at: string;
  readonly text: string;
}

export interface LogQuestion {
  /** Only pods of the revision of this name. */
  readonly revision?: string;
  /** So many lines of each pod, of its last life too where it was started again. */
  readonly tail?: number;
  /** Only what was written in the last so many seconds. */
  readonly seconds?: number;
  /** Whose lines; by default the pod's own default, else its first container. */
  readonly container?: string;
}

/** Requests at a time. */
const AT_ONCE = 8;

/** What the pods of a slot wrote. Lines of pods that are gone are gone with them. */
export async function slotLogs(
  api: Api,
  service: string,
  slot: Slot,
  question: LogQuestion,
  call: CallBy,
): Promise<Read<readonly PodLine[]>> {
  const pods = await podsOf(api, service, slot, call);
  if (pods.is === "unreadable") return pods;
  const wanted = pods.value.filter(
    (pod) => question.revision === undefined || revisionOf(pod.metadata)?.id === question.revision,
  );
  const lines: PodLine[] = [];
  for (let i = 0; i < wanted.length; i += AT_ONCE) {
    const some = wanted.slice(i, i + AT_ONCE).map((pod) => podLines(api, pod, question, call));
    lines.push(...(await Promise.all(some)).flat());
  }
  return { ...pods, value: lines };
}

async function podsOf(api: Api, service: string, slot: Slot, call: CallBy): Promise<Read<readonly Pod[]>> {
  const labels = Object.entries(slotLabels(service, slot)).map(([key, value]) => `${key}=${value}`);
  const deployments = await api.list<Deployment>(
    paths.deployments(api.namespace),
    { labels: labels.join(",") },
    call,
  );
  if (deployments.is !== "ok") return { is: "unreadable", cause: deployments.cause };
  const seen = (pods: readonly Pod[]): Read<readonly Pod[]> => ({
    is: "seen",
    value: pods,
    version: version("logs"),
    at: instant(Date.now()),
  });
  const [deployment] = deployments.value.items;
  if (deployment === undefined) return seen([]);
  const select = { labels: selectorText(deployment.spec.selector) };
  const pods = await api.list<Pod>(paths.pods(api.namespace), select, call);
  return pods.is === "ok" ? seen(pods.value.items) : { is: "unreadable", cause: pods.cause };
}

/** A selector as a query has it. */
export function selectorText({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const equal = Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`);
  const others = matchExpressions.map(({ key, operator, values = [] }) => {
    switch (operator) {
      case "Exists":
        return key;
      case "DoesNotExist":
        return `!${key}`;
      case "In":
        return `${key} in (${values.join(",")})`;
      case "NotIn":
        return `${key} notin (${values.join(",")})`;
      default:
        return operator satisfies never;
    }
  });
  return [...equal, ...others].join(",");
}

async function podLines(
  api: Api,
  pod: Pod,
  question: LogQuestion,
  call: CallBy,
): Promise<readonly PodLine[]> {
  const container = containerOf(pod, question.container);
  const status = pod.status?.containerStatuses?.find(({ name }) => name === container);
  const again = question.tail !== undefined && (status?.restartCount ?? 0) > 0;
  const lives = again ? [{ previous: "true" }, {}] : [{}];
  const texts = await Promise.all(
    lives.map(async (life) => {
      const answer = await api.text(logPath(api, pod, { ...life, ...queryOf(question), container }), call);
      // A container that has not begun yet has no log, and a pod may be gone by now.
      return answer.is === "ok" ? answer.value : "";
    }),
  );
  const lines = texts.flatMap((text) => linesIn(text, pod.metadata.name));
  return question.tail === undefined ? lines : lines.slice(-question.tail);
}

function containerOf(pod: Pod, wanted: string | undefined): string {
  const names = pod.spec.containers.map(({ name }) => name);
  const own = pod.metadata.annotations?.["kubectl.kubernetes.io/default-container"];
  return [wanted, own].find((name) => name !== undefined && names.includes(name)) ?? names[0] ?? "";
}

function queryOf({ tail, seconds }: LogQuestion): Readonly<Record<string, string>> {
  return {
    timestamps: "true",
    ...(tail === undefined ? {} : { tailLines: String(tail) }),
    ...(seconds === undefined ? {} : { sinceSeconds: String(seconds) }),
  };
}

function logPath(api: Api, pod: Pod, query: Readonly<Record<string, string>>): string {
  return `${paths.pods(api.namespace, pod.metadata.name, "log")}?${new URLSearchParams(query).toString()}`;
}

/** `2026-11-23T16:00:00.123456789Z text` */
function linesIn(text: string, replica: string): readonly PodLine[] {
  return text.split("\n").flatMap((line) => {
    const [, at, rest = ""] = /^(\d{4}-\d\d-\d\dT\S+) ?(.*)$/su.exec(line) ?? [];
    return at === undefined ? [] : [{ replica, at, text: rest }];
  });
}
