import { instant, type Cause, type Instant } from "../../core/units.ts";
import { adoptable } from "./adoption/adoption.ts";
import type { Api, CallBy, Mirror } from "./api/api.ts";
import type { Deployment, KubeObject, Service } from "./api/objects.ts";
import { paths } from "./api/paths.ts";
import type { FoundService } from "./find-service.ts";
import { LABELS } from "./names.ts";
import type { KubernetesSettings } from "./settings.ts";

/*
 * Which Deployments are the slots. Everybody who asks this asks here, so that before the first claim slots and router
 * see the same: a Deployment that serves already is blue.
 */

export type SlotDeployments =
  | {
      readonly is: "seen";
      readonly deployments: readonly Deployment[];
      /** The one of them that is to be adopted and bears no mark of it yet. */
      readonly adopting?: Deployment;
      readonly at: Instant;
    }
  | { readonly is: "unreadable"; readonly cause: Cause };

export interface LookFrom {
  readonly api: Api;
  readonly settings: Pick<KubernetesSettings, "service" | "template" | "container">;
  /** The Service that users reach, or reached before the first deployment; asked only while there is no slot. */
  readonly users: (signal: AbortSignal) => Promise<FoundService>;
}

/** `asked`: what the API server answers now. `mirrored`: as last heard of. */
export type How = "asked" | "mirrored";
type Look = Parameters<Mirror<KubeObject>["read"]>[0];

/** The Service that the settings name: the live one, or the one that a route named before the first deployment. */
export function namedService({
  routing,
  service,
}: Pick<KubernetesSettings, "routing" | "service">): LookFrom["users"] {
  const name = routing.service ?? service;
  return () => Promise.resolve({ is: "found", name });
}

export async function slotDeployments(from: LookFrom, how: How, call: Look): Promise<SlotDeployments> {
  const { api, settings, users } = from;
  const path = paths.deployments(api.namespace);
  const own = { labels: `${LABELS.service}=${settings.service}` };
  const known = await list<Deployment>(api, how, path, own, call);
  if (known.is === "unreadable") return known;
  if (known.items.some(isSlot)) return { is: "seen", deployments: known.items, at: known.at };
  const service = await users(call.signal);
  if (service.is === "unreadable") return service;
  const none: SlotDeployments = { is: "seen", deployments: [], at: known.at };
  if (service.is === "refused") return none;
  const fields = `metadata.name=${service.name}`;
  const [all, services] = await Promise.all([
    list<Deployment>(api, how, path, {}, call),
    list<Service>(api, how, paths.services(api.namespace), { fields }, call),
  ]);
  if (all.is === "unreadable") return all;
  if (services.is === "unreadable") return services;
  // Marked by somebody between the two looks.
  const marked = all.items.filter(
    (each) => each.metadata.labels?.[LABELS.service] === settings.service && isSlot(each),
  );
  if (marked.length > 0) return { is: "seen", deployments: marked, at: all.at };
  const found = adoptable(all.items, services.items[0], settings);
  if (found.is !== "adoptable") return none;
  const { deployment } = found;
  if ((deployment.metadata.generation ?? 0) > (deployment.status?.observedGeneration ?? 0))
    return { is: "unreadable", cause: changing(deployment) };
  return { is: "seen", deployments: [deployment], adopting: deployment, at: all.at };
}

function isSlot({ metadata }: Deployment): boolean {
  return metadata.labels?.[LABELS.slot] !== undefined;
}

/** Which template its pods have is known when the controller has counted it. */
function changing({ metadata }: Deployment): Cause {
  const message = `deployment/${metadata.name}, which serves, was changed this moment: what it runs is known when its controller has seen that`;
  return { code: "TEAL-K501", message };
}

type Listed<T> =
  | { readonly is: "seen"; readonly items: readonly T[]; readonly at: Instant }
  | { readonly is: "unreadable"; readonly cause: Cause };

async function list<T extends KubeObject>(
  api: Api,
  how: How,
  path: string,
  select: { readonly labels?: string; readonly fields?: string },
  call: Look & CallBy,
): Promise<Listed<T>> {
  if (how === "mirrored") return api.mirror<T>(path, select).read(call);
  const answer = await api.list<T>(path, select, call);
  if (answer.is !== "ok") return { is: "unreadable", cause: answer.cause };
  return { is: "seen", items: answer.value.items, at: instant(Date.now()) };
}
