import { exchange } from "../../../health/exchange.ts";
import type { Cause } from "../../../core/units.ts";
import type { Api } from "../api/api.ts";
import type { Pod } from "../api/objects.ts";
import { podReach } from "../reach/reach.ts";
import type { KubernetesSettings, MetricsEndpoint } from "../settings.ts";
import { incarnationOf } from "../slots/pods.ts";
import { sumOf } from "./prometheus.ts";

/** What one pod says that it works on. A number that is not declared is absent. */
export interface PodWork {
  /** The pod and the life of its containers: a counter starts again with either. */
  readonly life: string;
  readonly inFlight?: number;
  readonly requests?: number;
}

export type Work =
  | { readonly is: "read"; readonly work: PodWork }
  | { readonly is: "unreadable"; readonly cause: Cause };

/** So long (ms) one pod's metrics are waited for. */
const SCRAPE_MS = 2_000;

/** Any container of it runs, so that it may work on something; a terminating pod still does. */
export function mayWork(pod: Pod): boolean {
  const { phase, podIP, containerStatuses: containers } = pod.status ?? {};
  if (phase !== "Running" || podIP === undefined || podIP === "") return false;
  return containers === undefined || containers.some(({ state }) => state?.running !== undefined);
}

/** The number of a container's port that is given by number or name. */
export function portNumber(pod: Pod, port: number | string): number | undefined {
  if (typeof port === "number") return port;
  const ports = pod.spec.containers.flatMap((container) => container.ports ?? []);
  return ports.find(({ name }) => name === port)?.containerPort;
}

/** Asks one pod for its declared metrics. */
export async function readWork(
  api: Api,
  settings: Pick<KubernetesSettings, "access">,
  metrics: MetricsEndpoint,
  pod: Pod,
  signal: AbortSignal,
): Promise<Work> {
  const fail = (why: string): Work => ({ is: "unreadable", cause: unreadable(pod, metrics, why) });
  const port = portNumber(pod, metrics.port);
  if (port === undefined) return fail(`it has no port named ${metrics.port}`);
  const { host, way } = podReach(api, settings, pod, port);
  const headers = { host: `localhost:${port}`, "user-agent": "teal", accept: "text/plain" };
  const question = { host, port, method: "GET", path: metrics.path, headers };
  const bound = AbortSignal.any([signal, AbortSignal.timeout(SCRAPE_MS)]);
  const got = await (way?.http(question, bound) ?? exchange(question, bound));
  if (got.is === "aborted") return fail(`no answer in ${SCRAPE_MS} ms`);
  if (got.is !== "answer") return fail(got.why);
  if (got.status !== 200) return fail(`it answered ${got.status}`);
  if (got.cut) return fail("its answer is larger than 256 KiB");
  return workIn(got.body, metrics, pod) ?? fail("its answer lacks a declared metric");
}

function workIn(text: string, { inFlight, requests }: MetricsEndpoint, pod: Pod): Work | undefined {
  const working = inFlight === undefined ? undefined : sumOf(text, inFlight);
  const begun = requests === undefined ? undefined : sumOf(text, requests);
  if ((inFlight !== undefined && working === undefined) || (requests !== undefined && begun === undefined))
    return undefined;
  const work: PodWork = {
    life: incarnationOf(pod),
    ...(working === undefined ? {} : { inFlight: working }),
    ...(begun === undefined ? {} : { requests: begun }),
  };
  return { is: "read", work };
}

function unreadable(pod: Pod, { path, port, inFlight, requests }: MetricsEndpoint, why: string): Cause {
  const names = [inFlight, requests].filter((name) => name !== undefined).join(" and ");
  const message = `the metrics of pod ${pod.metadata.name} (port ${port}, ${path}: ${names}) cannot be read: ${why}`;
  return { code: "TEAL-K310", message };
}
