import type { Read } from "../../core/observed.ts";
import { instant, millis, sameRevision, type Cause, type Revision, type Slot } from "../../core/units.ts";
import type { TrafficRouter } from "../../ports/router.ts";
import type { SlotProvider } from "../../ports/slots.ts";
import type { Finding, Prepared, Target } from "../../ports/target.ts";
import { templateName } from "./adoption/adoption.ts";
import type { Api, CallBy } from "./api/api.ts";
import type { Deployment, Service } from "./api/objects.ts";
import { paths } from "./api/paths.ts";
import type { Found } from "./eject/objects.ts";
import type { EjectWith, Handed } from "./eject/eject.ts";
import type { FoundService } from "./find-service.ts";
import { exposing } from "./gateway-router/exposing.ts";
import { createGatewayRouter } from "./gateway-router/router.ts";
import { inferFrom, settledWith, type Inferred } from "./infer.ts";
import type { ServiceKey } from "./key.ts";
import type { LogQuestion, PodLine } from "./logs.ts";
import { namedService } from "./look.ts";
import { LABELS, slotName } from "./names.ts";
import type { Pruned } from "./prune.ts";
import { previewOf } from "./reach/preview.ts";
import { ensureLiveService } from "./service-router/live-service.ts";
import { createServiceRouter } from "./service-router/router.ts";
import type { Failed } from "./preflight/refusal.ts";
import type { ConfiguredSettings } from "./settings.ts";
import { isAdopted, slotRevision } from "./slots/revision.ts";
import { createKubernetesSlots } from "./slots/slots.ts";

/** What a hand-over needs to be told. */
export type HandOver = Pick<EjectWith, "fence" | "intent" | "drainCap" | "readyWithin" | "progress">;

/** A service in a namespace of a cluster. */
export interface KubernetesTarget extends Target {
  readonly kind: "kubernetes";
  readonly api: Api;
  /** The key of digests; kept once it was read. */
  key(signal: AbortSignal): Promise<ServiceKey>;
  /** What a slot's pods wrote. */
  logs(slot: Slot, question: LogQuestion, signal: AbortSignal): Promise<Read<readonly PodLine[]>>;
  /** Removes stored revisions that neither a slot nor `keep` names, with the copies that only they need. */
  prune(keep: readonly Revision[], signal: AbortSignal): Promise<Pruned>;
  /** Who wrote last where traffic goes, if that was not Teal. */
  reverted(signal: AbortSignal): Promise<Finding | undefined>;
  /** Moves users from the live slot to a plain Deployment; nothing is taken away yet. */
  handOver(asked: HandOver, signal: AbortSignal): Promise<Handed>;
  /** What there is because of Teal, when this Deployment is to stay (by default the template's). */
  belongings(deployment: string | undefined, signal: AbortSignal): Promise<Found>;
  /** Name of the Service that users reach; undefined behind a route, and while it cannot be told. */
  usersService(signal: AbortSignal): Promise<string | undefined>;
  /** Where users reach the Service: its load balancer's address if it has one, else its name in the cluster. */
  address(signal: AbortSignal): Promise<string | undefined>;
}

/** Reads come from watches, so that looking often costs nothing; what they bring is looked at once it is there. */
const PACE = millis(20);
/** Longest time (ms) for what is asked on the way to an answer about something else. */
const ASIDE = 5_000;
const CLOCK = { now: () => instant(Date.now()) };

/**
 * The service as a target. Nothing is asked before a method needs it, and a service that was never deployed stays as it
 * is until something is deployed.
 * @param secrets values that nothing may show, such as one in the command that prints the template.
 */
export function createKubernetesTarget(
  api: Api,
  configured: ConfiguredSettings,
  secrets: readonly string[] = [],
): KubernetesTarget {
  const inferred = inferFrom(api, configured, secrets);
  // Of where users come from, only the router needs to know.
  const settings = settledWith(configured, { by: "service", service: configured.service });
  const users =
    configured.routing.by === "service"
      ? (signal: AbortSignal) => inferred.service(signal)
      : namedService({ routing: configured.routing, service: configured.service });
  const usersService = async (signal: AbortSignal) => {
    if (configured.routing.by === "gateway") return undefined;
    const found = await inferred.service(signal);
    return found.is === "found" ? found.name : undefined;
  };
  return {
    kind: "kubernetes",
    api,
    place: api.place,
    ...moving(api, configured, inferred, createKubernetesSlots(api, settings, undefined, users)),
    pace: PACE,
    changed: (signal) => api.changed(signal),
    prepare: async (name, signal, progress) => {
      const [settled, key] = await Promise.all([inferred.settings(signal), inferred.key(signal)]);
      const refused = async (failed: Failed) =>
        (await import("./preflight/refusal.ts")).refusal(api, configured, failed, { signal });
      if (settled.is !== "settled") return refused(settled);
      if (key.is === "unreadable") return refused(key);
      const { prepare } = await import("./prepare.ts");
      const using = { api, settings: settled.settings, key: key.key, clock: CLOCK, secrets };
      const prepared = await prepare(using, name, signal, progress);
      // What the user configured is worth more than what the template says.
      const own = configured.replicas === undefined ? {} : { replicas: configured.replicas };
      return prepared.is === "ready" ? { ...prepared, ...own } : prepared;
    },
    recall: async (revision, signal) =>
      (await recallAdopted(api, configured.service, revision, signal)) ??
      (await import("./prepare.ts")).recall({ api, settings }, revision, signal),
    start: (signal) => makeService(api, configured, usersService, signal),
    preflight: async (plan, signal) => {
      const byService = configured.routing.by === "service";
      const found = byService ? await inferred.service(signal) : undefined;
      const { preflight } = await import("./preflight/preflight.ts");
      const service = found?.is === "found" ? found.name : undefined;
      const findings = await preflight({ api, settings: configured, service }, plan, { signal });
      return [...(found === undefined ? [] : serviceFinding(found)), ...findings];
    },
    preview: async (slot) => {
      const port = await slotPort(api, configured.service, slot, { signal: AbortSignal.timeout(ASIDE) });
      return port === undefined ? undefined : previewOf(configured, slot, port);
    },
    key: (signal) => inferred.key(signal),
    logs: async (slot, question, signal) => {
      const { slotLogs } = await import("./logs.ts");
      const { container } = configured;
      const asked = { ...(container === undefined ? {} : { container }), ...question };
      return slotLogs(api, configured.service, slot, asked, { signal });
    },
    prune: async (keep, signal) =>
      (await import("./prune.ts")).pruneRevisions({ api, settings, clock: CLOCK }, keep, signal),
    reverted: async (signal) => {
      const { revertOf } = await import("./owners/findings.ts");
      return revertOf(api, configured, await usersService(signal), { signal });
    },
    handOver: async (asked, signal) => {
      const settled = await inferred.settings(signal);
      if (settled.is !== "settled") return { is: "refused", cause: settled.cause, next: "teal status" };
      const { routing } = settled.settings;
      if (routing.by === "gateway") return BY_ROUTE;
      const { handOver } = await import("./eject/eject.ts");
      const router = createServiceRouter(api, settled.settings);
      return handOver({ api, settings: { ...settled.settings, routing }, router, ...asked }, signal);
    },
    belongings: async (deployment, signal) => {
      const { belongingsOf } = await import("./eject/objects.ts");
      const name = deployment ?? templateName(configured);
      const users = (await usersService(signal)) ?? configured.service;
      return belongingsOf(api, configured.service, { deployment: name, service: users }, { signal });
    },
    usersService,
    address: async (signal) => {
      const name = await usersService(signal);
      return name === undefined ? undefined : serviceAddress(api, name, { signal });
    },
    close: async () => api.close(),
  };
}

/** Slots and router; behind a route, testers reach a candidate as soon as it is there. */
function moving(
  api: Api,
  configured: ConfiguredSettings,
  inferred: Inferred,
  slots: SlotProvider,
): { readonly slots: SlotProvider; readonly router: TrafficRouter } {
  if (configured.routing.by === "service") return { slots, router: serviceRouter(api, configured, inferred) };
  const router = createGatewayRouter(api, settledWith(configured, configured.routing));
  return { slots: exposing(slots, router), router };
}

/** The router of a Service whose name may still have to be found out. */
function serviceRouter(api: Api, configured: ConfiguredSettings, inferred: Inferred): TrafficRouter {
  let router: TrafficRouter | undefined;
  const found = async (signal: AbortSignal): Promise<TrafficRouter | Cause> => {
    if (router !== undefined) return router;
    const settled = await inferred.settings(signal);
    if (settled.is !== "settled") return settled.cause;
    return (router ??= createServiceRouter(api, settled.settings));
  };
  const read = async <T>(signal: AbortSignal, ask: (router: TrafficRouter) => Promise<Read<T>>) => {
    const known = await found(signal);
    return "code" in known ? ({ is: "unreadable", cause: known } as const) : ask(known);
  };
  return {
    fencing: "atomic",
    modes: ["switch", "pool"],
    propagation: configured.propagation,
    claim: async (by) => {
      const known = await found(by.signal);
      return "code" in known ? { is: "rejected", cause: known } : known.claim(by);
    },
    shift: async (to, expect, by) => {
      const known = await found(by.signal);
      return "code" in known ? { is: "rejected", cause: known } : known.shift(to, expect, by);
    },
    observe: (signal) => read(signal, (known) => known.observe(signal)),
    sample: (to, signal) => read(signal, (known) => known.sample(to, signal)),
    residual: (slot, signal) => read(signal, (known) => known.residual(slot, signal)),
  };
}

/** Behind an image there is no Deployment of the user's, and so mostly no Service: one that reaches nobody yet is made. */
async function makeService(
  api: Api,
  { service, template }: ConfiguredSettings,
  usersService: (signal: AbortSignal) => Promise<string | undefined>,
  signal: AbortSignal,
): Promise<Cause | undefined> {
  if (template.from !== "image") return undefined;
  const name = await usersService(signal);
  if (name === undefined) return undefined;
  const ports = [{ name: "http", port: template.port, targetPort: template.port }];
  return ensureLiveService(api, { name, service, ports }, { signal });
}

/** What was adopted was never prepared, and needs not to be: it is its Deployment, as long as that is in its slot. */
async function recallAdopted(
  api: Api,
  service: string,
  revision: Revision,
  signal: AbortSignal,
): Promise<Prepared | undefined> {
  const select = { labels: `${LABELS.service}=${service}` };
  const answer = await api.list<Deployment>(paths.deployments(api.namespace), select, { signal });
  if (answer.is !== "ok") return undefined;
  const adopted = answer.value.items.find(
    (each) => isAdopted(each) && sameRevision(slotRevision(each), revision),
  );
  if (adopted === undefined) return undefined;
  return { is: "ready", revision, detail: `deployment/${adopted.metadata.name} as it was adopted` };
}

const BY_ROUTE = {
  is: "refused",
  cause: {
    code: "TEAL-K536",
    message: "traffic is moved by a route; only a Service can be given back by a command",
  },
  next: "point the route to a Service of your own Deployment, then remove what has the label teal.dev/service",
} as const;

function serviceFinding(found: FoundService): readonly Finding[] {
  if (found.is === "found") return [];
  const next = found.is === "refused" ? { next: found.next } : {};
  return [{ is: "blocks", cause: found.cause, ...next }];
}

/** The first port of the slot's own Service; undefined where there is none. */
async function slotPort(api: Api, service: string, slot: Slot, call: CallBy): Promise<number | undefined> {
  const path = paths.services(api.namespace, slotName(service, slot));
  const answer = await api.get<Service>(path, call);
  return answer.is === "ok" ? answer.value.spec.ports?.[0]?.port : undefined;
}

interface Balanced extends Service {
  readonly status?: {
    readonly loadBalancer?: {
      readonly ingress?: readonly { readonly ip?: string; readonly hostname?: string }[];
    };
  };
}

async function serviceAddress(api: Api, name: string, call: CallBy): Promise<string | undefined> {
  const answer = await api.get<Balanced>(paths.services(api.namespace, name), call);
  if (answer.is !== "ok") return undefined;
  const [ingress] = answer.value.status?.loadBalancer?.ingress ?? [];
  const host = ingress?.hostname ?? ingress?.ip ?? `${name}.${api.namespace}.svc`;
  const port = answer.value.spec.ports?.[0]?.port ?? 80;
  return `http://${host.includes(":") ? `[${host}]` : host}${port === 80 ? "" : `:${port}`}`;
}
