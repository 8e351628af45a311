import type { Cause } from "../../core/units.ts";
import type { Api, CallBy } from "./api/api.ts";
import type { Deployment, Labels, Service } from "./api/objects.ts";
import { paths } from "./api/paths.ts";
import { ANNOTATIONS, LABELS } from "./names.ts";
import { missingNamespace } from "./preflight/namespace.ts";
import { reaches } from "./service-router/selectors.ts";

/*
 * Which Service users reach, where the configuration does not say it. Before the first deployment it is the one that
 * selects the template's pods; afterwards the one that Teal moves, or that reaches a slot's pods.
 */

export type FoundService =
  | { readonly is: "found"; readonly name: string }
  /** Nothing, or more than one, fits: the configuration has to name it. */
  | { readonly is: "refused"; readonly cause: Cause; readonly next: string }
  | { readonly is: "unreadable"; readonly cause: Cause };

/**
 * Asks the namespace.
 * @param templateLabels of the pods that the template makes; asked for only when no slot tells more.
 */
export async function findService(
  api: Api,
  service: string,
  templateLabels: () => Promise<Labels | Cause>,
  call: CallBy,
): Promise<FoundService> {
  const slotsOf = `${LABELS.service}=${service},${LABELS.slot}`;
  const [services, deployments] = await Promise.all([
    api.list<Service>(paths.services(api.namespace), {}, call),
    api.list<Deployment>(paths.deployments(api.namespace), { labels: slotsOf }, call),
  ]);
  if (services.is !== "ok") return { is: "unreadable", cause: services.cause };
  if (deployments.is !== "ok") return { is: "unreadable", cause: deployments.cause };
  const slots = deployments.value.items.map((each) => each.spec.template.metadata?.labels ?? {});
  const known = chooseService(services.value.items, service, slots);
  if (known.length === 1) return { is: "found", name: known[0]! };
  if (known.length > 1) return ambiguous(api.place, service, known);
  // An empty namespace may be none at all, and then nothing else that could be said is of use.
  const nowhere = services.value.items.length === 0 ? await missingNamespace(api, call) : undefined;
  if (nowhere !== undefined) return { is: "refused", ...nowhere };
  const template = await templateLabels();
  if (isCause(template)) return { is: "unreadable", cause: template };
  const selecting = chooseService(services.value.items, service, [template]);
  if (selecting.length === 1) return { is: "found", name: selecting[0]! };
  return selecting.length > 1
    ? ambiguous(api.place, service, selecting)
    : missing(api.place, service, template);
}

/**
 * Names of the Services that users may reach these pods by. One that Teal already moves is the one; of several, the one
 * that is named after the service.
 */
export function chooseService(
  services: readonly Service[],
  service: string,
  pods: readonly Labels[],
): readonly string[] {
  const users = services.filter(
    ({ metadata, spec }) =>
      metadata.labels?.[LABELS.slot] === undefined && Object.keys(spec.selector ?? {}).length > 0,
  );
  const moved = users.filter(
    ({ metadata, spec }) =>
      metadata.annotations?.[ANNOTATIONS.epoch] !== undefined && spec.selector?.[LABELS.service] === service,
  );
  const fitting = users.filter(
    ({ spec }) =>
      spec.selector?.[LABELS.service] === service || pods.some((labels) => reaches(spec.selector, labels)),
  );
  const names = (moved.length > 0 ? moved : fitting).map(({ metadata }) => metadata.name);
  return names.includes(service) ? [service] : names.toSorted();
}

function isCause(value: Labels | Cause): value is Cause {
  return typeof value["code"] === "string" && typeof value["message"] === "string";
}

function ambiguous(place: string, service: string, names: readonly string[]): FoundService {
  const message = `${place} has ${names.length} Services that reach the pods of ${service}: ${names.join(", ")}`;
  return {
    is: "refused",
    cause: { code: "TEAL-K602", message },
    next: `name the one that users reach in teal.yaml: kubernetes: { service: ${names[0]} }`,
  };
}

/** No Service reaches the pods, so far as could be seen. */
export function isMissing(found: FoundService): boolean {
  return found.is === "refused" && found.cause.code === MISSING;
}

const MISSING = "TEAL-K603";

function missing(place: string, service: string, labels: Labels): FoundService {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  const message = `${place} has no Service that reaches the pods of ${service} (${pairs.join(", ") || "without labels"})`;
  return {
    is: "refused",
    cause: { code: MISSING, message },
    next: "create the Service that users are to reach, or name it in teal.yaml: kubernetes: { service: NAME }",
  };
}
