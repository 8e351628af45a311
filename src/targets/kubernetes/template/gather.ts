import type { Cause } from "../../../core/units.ts";
import type { Answer, Api, CallBy } from "../api/api.ts";
import type { Deployment, KubeObject, LabelSelector, Service } from "../api/objects.ts";
import { paths } from "../api/paths.ts";
import type { KubernetesSettings } from "../settings.ts";
import { whoSelects, type Selecting } from "./distinguish.ts";
import { TemplateError } from "./refused.ts";
import { selects } from "./selectors.ts";
import { wantedBy, type Content, type Wanted } from "./snapshot.ts";
import type { Template } from "./source.ts";

/** Where to ask, and for which service. */
interface Asking {
  readonly api: Api;
  readonly settings: KubernetesSettings;
}

/** Requests at a time: a template may name dozens of Secrets. */
const AT_ONCE = 8;
/** What to do when the API server did not answer, or said no for a reason that passes. */
export const AGAIN = "Nothing that runs was changed. Try again: teal deploy";

/** What the template names, from its own documents, else from the namespace. */
export async function readContents(
  { api, settings }: Asking,
  { deployment, beside }: Template,
  call: CallBy,
): Promise<readonly (readonly [Wanted, Content | undefined])[]> {
  const wanted = wantedBy(deployment.spec.template.spec, settings.liveSecrets);
  return inBatches(wanted, async (each) => {
    const given = beside.find(({ kind, metadata }) => kind === each.kind && metadata.name === each.name);
    if (given !== undefined) return [each, given as Content] as const;
    const path = each.kind === "Secret" ? paths.secrets : paths.configMaps;
    const answer = await api.get<Content>(path(settings.namespace, each.name), call);
    if (answer.is === "ok") return [each, answer.value] as const;
    if (answer.is === "absent") return [each, undefined] as const;
    throw notAnswered(answer.cause);
  });
}

interface Around {
  readonly services: readonly Service[];
  readonly others: readonly Selecting[];
  readonly avoid: readonly LabelSelector[];
}

/** What else is in the namespace. Of policies that may not be listed nothing is said; the Services are needed. */
export async function readAround(
  { api, settings: { namespace, routing } }: Asking,
  { deployment, own, beside }: Template,
  call: CallBy,
): Promise<Around> {
  const list = <T extends KubeObject>(path: string) => api.list<T>(path, {}, call);
  const [services, networkPolicies, disruptionBudgets, deployments] = await Promise.all([
    list<Service>(paths.services(namespace)),
    list(paths.networkPolicies(namespace)),
    list(paths.disruptionBudgets(namespace)),
    list<Deployment>(paths.deployments(namespace)),
  ]);
  if (services.is !== "ok") throw notAnswered(services.cause);
  const labels = deployment.spec.template.metadata?.labels ?? {};
  const isListed = (object: KubeObject) =>
    services.value.items.some(({ metadata }) => metadata.name === object.metadata.name);
  // A chart that was not applied yet brings its Service.
  const given = beside.filter((object): object is Service => object.kind === "Service" && !isListed(object));
  const all = [...services.value.items, ...given];
  return {
    services: all,
    // The Service that Teal moves loses sight of nobody. It selects other pods after the first deployment than before,
    // and the label that slots differ in is not to depend on that.
    others: whoSelects(labels, {
      services: all.filter(({ metadata }) => routing.by !== "service" || metadata.name !== routing.service),
      networkPolicies: itemsOf(networkPolicies),
      disruptionBudgets: itemsOf(disruptionBudgets),
    }),
    avoid:
      own === undefined
        ? []
        : itemsOf(deployments)
            .map(({ spec }) => spec.selector)
            .filter((selector) => selects(selector, labels)),
  };
}

function itemsOf<T>(answer: Answer<{ readonly items: readonly T[] }>): readonly T[] {
  return answer.is === "ok" ? answer.value.items : [];
}

/** The API server's word ends the preparation; it is no fault of the template. */
function notAnswered(cause: Cause): TemplateError {
  return new TemplateError(cause.code, cause.message, AGAIN, cause.evidence);
}

/** Work on many things, a few at a time; answers in their order. */
export async function inBatches<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = [];
  for (let i = 0; i < items.length; i += AT_ONCE)
    results.push(...(await Promise.all(items.slice(i, i + AT_ONCE).map(work))));
  return results;
}
