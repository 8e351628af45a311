import type { Plan } from "../../../core/plan.ts";
import { otherSlot } from "../../../core/units.ts";
import type { Finding } from "../../../ports/target.ts";
import type { Answer, Api, CallBy } from "../api/api.ts";
import type { KubeObject, LabelSelector, Labels, Pod, Service } from "../api/objects.ts";
import { paths } from "../api/paths.ts";
import {
  nodeFindings,
  podResources,
  quotaFindings,
  rangeFindings,
  roomOf,
  type Addition,
  type LimitRange,
  type Node,
  type ResourceQuota,
} from "./capacity.ts";
import { adoptionFindings } from "../adoption/findings.ts";
import { missingNamespace } from "./namespace.ts";
import { ownerFindings } from "../owners/findings.ts";
import { cannotPass } from "../reach/pod-proxy.ts";
import { missingRights, rightsFor } from "./rights.ts";
import { reaches, textOf } from "../service-router/selectors.ts";
import type { ConfiguredSettings } from "../settings.ts";
import { renderSlot } from "../template/render.ts";
import type { RenderedRevision } from "../template/rendered.ts";
import { selects } from "../template/selectors.ts";
import { loadRevision } from "../template/stored.ts";

/** What is looked for before a deployment is opened. */
export interface PreflightWith {
  readonly api: Api;
  readonly settings: ConfiguredSettings;
  /** Name of the Service that users reach; undefined behind a route. */
  readonly service: string | undefined;
}

/** Everything that would make the plan fail, or make it do harm. Reads only. */
export async function preflight(using: PreflightWith, plan: Plan, call: CallBy): Promise<readonly Finding[]> {
  const { api, settings } = using;
  const nowhere = await missingNamespace(api, call);
  if (nowhere !== undefined) return [{ is: "blocks", ...nowhere }];
  const found = await Promise.all([
    rightsFindings(using, call),
    settings.routing.by === "gateway" ? routeFindings(api, settings.routing.route, call) : [],
    candidateFindings(using, plan, call),
    ownerFindings(api, settings, using.service, call),
    adoptionFindings(using, plan, call),
  ]);
  return [...wayFindings(settings, plan), ...found.flat()];
}

/** Checks that nobody could ever answer from here: a deployment would wait for them until its deadline. */
export function wayFindings(
  { access }: Pick<ConfiguredSettings, "access">,
  { request }: Plan,
): readonly Finding[] {
  if (access.by === "pod") return [];
  return request.checks.checks.flatMap((check): readonly Finding[] => {
    const why = check.ask === "http" ? cannotPass(check.http) : undefined;
    if (why === undefined) return [];
    const cause = { code: "TEAL-K617", message: `check ${check.name}: ${why}` };
    return [{ is: "blocks", cause, next: "change the check in teal.yaml" }];
  });
}

async function rightsFindings({ api, settings }: PreflightWith, call: CallBy): Promise<readonly Finding[]> {
  const keda = await api.get("/apis/keda.sh/v1alpha1", call);
  return missingRights(api, rightsFor(settings, { keda: keda.is === "ok" }), call);
}

const GATEWAY_API = "/apis/gateway.networking.k8s.io/v1";

async function routeFindings(api: Api, route: string, call: CallBy): Promise<readonly Finding[]> {
  const answer = await api.get(paths.httpRoutes(api.namespace, route), call);
  // A right that is missing is found by the rights.
  if (answer.is !== "absent") return [];
  const kinds = await api.get(GATEWAY_API, call);
  if (kinds.is === "absent") {
    const message = `the cluster of ${api.place} does not know HTTPRoutes: the Gateway API (${GATEWAY_API}) is not installed`;
    const next = "install the Gateway API and a gateway, or leave `gateway` out: then a Service is switched";
    return [{ is: "blocks", cause: { code: "TEAL-K611", message }, next }];
  }
  const message = `there is no HTTPRoute ${route} in ${api.place}`;
  return [
    {
      is: "blocks",
      cause: { code: "TEAL-K612", message },
      next: "correct kubernetes.gateway.route in teal.yaml, or create the route",
    },
  ];
}

/** What the candidate's own pods would meet. */
async function candidateFindings(
  { api, settings, service }: PreflightWith,
  plan: Plan,
  call: CallBy,
): Promise<readonly Finding[]> {
  const loaded = await loadRevision(api, settings, plan.candidate.revision, call);
  if (loaded.is !== "found") return [unproven("the candidate's pods", loaded.cause.message)];
  const { rendered } = loaded;
  const [space, services, budgets] = await Promise.all([
    spaceFindings(api, rendered, plan, call),
    service === undefined ? undefined : api.get<Service>(paths.services(api.namespace, service), call),
    api.list<Budget>(paths.disruptionBudgets(api.namespace), {}, call),
  ]);
  const labels = slotPodLabels(rendered, plan);
  return [
    ...space,
    ...(services === undefined
      ? []
      : told(services, "whom the Service reaches", (seen) => serviceFindings(seen, plan, labels))),
    ...told(budgets, "whether PodDisruptionBudgets see the slots", ({ items }) =>
      budgetFindings(items, rendered, labels),
    ),
  ];
}

/** What follows from an answer, or that it is not known. */
function told<T>(
  answer: Answer<T>,
  what: string,
  findings: (value: T) => readonly Finding[],
): readonly Finding[] {
  return answer.is === "ok" ? findings(answer.value) : [unproven(what, why(answer))];
}

function slotPodLabels(rendered: RenderedRevision, plan: Plan): Labels {
  const { deployment } = renderSlot(rendered, plan.candidate.slot);
  return deployment.spec.template.metadata?.labels ?? {};
}

/** How many pods there will be more than now, at the most. */
export function additionalPods({ baseline, candidate, request }: Plan): number {
  const { serving, slots } = baseline;
  const live = serving === "nobody" ? 0 : slots[serving].wanted;
  const size = serving === "nobody" ? request.replicas : Math.max(1, live);
  const there = slots[candidate.slot].wanted;
  switch (request.strategy.kind) {
    case "recreate":
      return Math.max(0, size - live - there);
    case "rolling":
      return Math.max(0, Math.min(request.strategy.batch, size) - there);
    case "blueGreen":
    case "canary":
      return Math.max(0, size - there);
    default:
      return request.strategy.kind satisfies never;
  }
}

async function spaceFindings(
  api: Api,
  rendered: RenderedRevision,
  plan: Plan,
  call: CallBy,
): Promise<readonly Finding[]> {
  const { namespace } = api;
  const [quotas, ranges, nodes] = await Promise.all([
    api.list<ResourceQuota>(paths.resourceQuotas(namespace), {}, call),
    api.list<LimitRange>(paths.limitRanges(namespace), {}, call),
    api.list<Node>("/api/v1/nodes", {}, call),
  ]);
  const limits = ranges.is === "ok" ? ranges.value.items : [];
  const { spec } = rendered.template;
  const pods = additionalPods(plan);
  const addition: Addition = { pods, each: podResources(spec, limits), objects: newObjects(plan) };
  return [
    ...(quotas.is === "ok"
      ? quotaFindings(addition, quotas.value.items)
      : [unproven("room in the ResourceQuotas", why(quotas))]),
    ...(ranges.is === "ok"
      ? rangeFindings(spec, limits)
      : [unproven("what the LimitRanges allow", why(ranges))]),
    ...(pods === 0 ? [] : await onNodes(api, addition, nodes, call)),
  ];
}

/** Nodes and the pods on them are not in the namespace: who has only a Role learns nothing of them. */
async function onNodes(
  api: Api,
  addition: Addition,
  nodes: Answer<{ readonly items: readonly Node[] }>,
  call: CallBy,
): Promise<readonly Finding[]> {
  if (nodes.is !== "ok") return [unproven("room on the nodes", why(nodes))];
  const select = { fields: "status.phase!=Succeeded,status.phase!=Failed" };
  const placed = await api.list<Pod>("/api/v1/pods", select, call);
  if (placed.is !== "ok") return [unproven("room on the nodes", why(placed))];
  return nodeFindings(addition, roomOf(nodes.value.items, placed.value.items));
}

/** What a first deployment makes beside pods. */
function newObjects({ baseline, candidate }: Plan): Readonly<Record<string, number>> {
  const fresh = baseline.slots[candidate.slot].revision === undefined ? 1 : 0;
  return { "deployments.apps": fresh, services: fresh };
}

/** A candidate that the live Service reaches has users before anything was asked of it. */
export function serviceFindings(service: Service, plan: Plan, labels: Labels): readonly Finding[] {
  const { name } = service.metadata;
  const { weights } = plan.baseline;
  const { slot } = plan.candidate;
  const alone = weights !== "pool" && weights[slot] === 0;
  const early =
    alone && plan.request.strategy.kind !== "rolling" && reaches(service.spec.selector, labels)
      ? [
          {
            is: "blocks",
            cause: {
              code: "TEAL-K613",
              message: `Service ${name} (${textOf(service.spec.selector)}) would send users to ${slot} as soon as its pods are ready, before they are checked`,
            },
            next: "set `distinguish` to a label that the Service selects by",
          } as const,
        ]
      : [];
  const unready =
    service.spec.publishNotReadyAddresses === true
      ? [
          {
            is: "warns",
            cause: {
              code: "TEAL-K614",
              message: `Service ${name} has publishNotReadyAddresses: users reach pods that are not ready, ${otherSlot(slot)}'s as well as ${slot}'s`,
            },
            next: `kubectl patch service ${name} -p '{"spec":{"publishNotReadyAddresses":false}}'`,
          } as const,
        ]
      : [];
  return [...early, ...unready];
}

interface Budget extends KubeObject {
  readonly spec?: { readonly selector?: LabelSelector };
}

/** A budget of the template's pods that does not see the slots' protects nothing any more. */
export function budgetFindings(
  budgets: readonly Budget[],
  rendered: RenderedRevision,
  labels: Labels,
): readonly Finding[] {
  const own = rendered.template.metadata?.labels ?? {};
  return budgets.flatMap(({ metadata, spec }): readonly Finding[] => {
    const { selector } = spec ?? {};
    if (selector === undefined || !selects(selector, own) || selects(selector, labels)) return [];
    const { service } = rendered;
    const message = `PodDisruptionBudget ${metadata.name} selects the template's pods and not the slots': when a node is drained, all pods of ${service} may go at once`;
    const next = `make one for the slots, by the label teal.dev/service: ${service}`;
    return [{ is: "warns", cause: { code: "TEAL-K615", message }, next }];
  });
}

function unproven(what: string, because: string): Finding {
  return { is: "unproven", cause: { code: "TEAL-K616", message: `${what}: ${because}` } };
}

function why(answer: Exclude<Answer<unknown>, { is: "ok" }>): string {
  return answer.cause.message;
}
