import type { Fence, Slot } from "../../../core/units.ts";
import type { Patch } from "../api/api.ts";
import type { Deployment, Labels, Service } from "../api/objects.ts";
import { ANNOTATIONS, LABELS, slotLabels } from "../names.ts";
import { reaches } from "../service-router/selectors.ts";
import type { KubernetesSettings } from "../settings.ts";
import { ROLLOUT } from "../slots/revision.ts";
import { revisionOf } from "../template/image.ts";

/*
 * A Deployment that served before Teal came is a slot as it is: it keeps its name, its selector, its autoscaler and its
 * pods. What makes it a slot are marks on its own metadata, which restart nothing; until the first claim has written
 * them, they are only read into it. The adoption lasts until another revision is started in its slot.
 */

/** Deployments cannot be renamed, so what was there first takes the first place. */
export const ADOPTED_SLOT: Slot = "blue";

export type Adoptable =
  /** As it will be once it is marked. */
  | { readonly is: "adoptable"; readonly deployment: Deployment }
  | { readonly is: "nothing" }
  /** Several serve behind the Service, and the template is none of them. */
  | { readonly is: "several"; readonly names: readonly string[] };

/**
 * The Deployment that serves behind the Service, where no Deployment is a slot yet. A Deployment without replicas
 * serves nobody: it is only a template.
 * @param deployments all of the namespace.
 */
export function adoptable(
  deployments: readonly Deployment[],
  service: Service | undefined,
  settings: Pick<KubernetesSettings, "service" | "template" | "container">,
): Adoptable {
  const selector = service?.spec.selector;
  // A selector of Teal's own means slots, also when there are none (any more).
  if (selector === undefined || selector[LABELS.service] === settings.service) return { is: "nothing" };
  const serving = deployments.filter(
    ({ spec }) => (spec.replicas ?? 1) > 0 && reaches(selector, spec.template.metadata?.labels ?? {}),
  );
  if (serving.length === 0) return { is: "nothing" };
  const name = templateName(settings);
  const chosen = serving.length === 1 ? serving[0] : serving.find(({ metadata }) => metadata.name === name);
  return chosen === undefined
    ? { is: "several", names: serving.map(({ metadata }) => metadata.name).toSorted() }
    : { is: "adoptable", deployment: marked(chosen, selector, settings) };
}

/** Name of the Deployment that the template is, or would be if it were applied. */
export function templateName({
  service,
  template,
}: Pick<KubernetesSettings, "service" | "template">): string {
  return "deployment" in template && template.deployment !== undefined ? template.deployment : service;
}

/** What the annotation `teal.dev/adopted` tells: enough to notice that somebody changed the Deployment since. */
interface Adopted {
  /** Where the Deployment controller's count of templates stood. */
  readonly rollout: string;
  /** The container whose image names the revision. */
  readonly container: string;
}

function marked(
  deployment: Deployment,
  selector: Labels,
  settings: Pick<KubernetesSettings, "service" | "container">,
): Deployment {
  const { metadata, spec } = deployment;
  const { containers } = spec.template.spec;
  const container = containers.find(({ name }) => name === settings.container) ?? containers[0];
  const rollout = metadata.annotations?.[ROLLOUT] ?? "";
  const adopted: Adopted = { rollout, container: container?.name ?? "" };
  const image = container?.image ?? "";
  const revision = {
    id: revisionOf(image) ?? image,
    // Which template of which Deployment: no digest of what is in it, which may be secret.
    config: `adopted-${(metadata.uid ?? "").slice(0, 8)}.${rollout}`,
  };
  return {
    ...deployment,
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: {
      ...metadata,
      labels: { ...metadata.labels, ...slotLabels(settings.service, ADOPTED_SLOT) },
      annotations: {
        ...metadata.annotations,
        [ANNOTATIONS.adopted]: JSON.stringify(adopted),
        [ANNOTATIONS.revision]: JSON.stringify(revision),
        [ANNOTATIONS.selector]: JSON.stringify(selector),
      },
    },
  };
}

/** Writes the marks, and the fence with them, if the Deployment is still what was read. */
export function marking({ metadata }: Deployment, fence: Fence): Patch {
  const of = (marks: Labels | undefined, keys: readonly string[]) =>
    Object.fromEntries(keys.map((key) => [key, marks?.[key]]));
  const annotations = of(metadata.annotations, [
    ANNOTATIONS.adopted,
    ANNOTATIONS.revision,
    ANNOTATIONS.selector,
  ]);
  const body = {
    metadata: {
      resourceVersion: metadata.resourceVersion,
      labels: of(metadata.labels, [LABELS.service, LABELS.slot]),
      annotations: { ...annotations, [ANNOTATIONS.epoch]: String(fence) },
    },
  };
  return { by: "merge", body };
}

/** The same Deployment as nobody's slot: what a merge patch has to say to take every mark of Teal off it. */
export function unmarking({ metadata }: Deployment): Patch {
  const gone = (marks: Labels | undefined) =>
    Object.fromEntries(
      Object.keys(marks ?? {})
        .filter((key) => key.startsWith("teal.dev/"))
        .map((key) => [key, null]),
    );
  return {
    by: "merge",
    body: {
      metadata: {
        resourceVersion: metadata.resourceVersion,
        labels: gone(metadata.labels),
        annotations: gone(metadata.annotations),
      },
    },
  };
}
