import type { Deployment, Labels, LabelSelector, PodTemplate, Service } from "../api/objects.ts";
import { LABELS } from "../names.ts";
import type { KubernetesSettings } from "../settings.ts";
import { mainContainer, mainPort } from "./container.ts";
import { configDigest } from "./digest.ts";
import { chooseDistinguish, type Selecting } from "./distinguish.ts";
import { imageOf, revisionOf } from "./image.ts";
import { TemplateError } from "./refused.ts";
import type { Copied, DeploymentRest, RenderedRevision, ServicePorts } from "./rendered.ts";
import { selects } from "./selectors.ts";
import { withCopies } from "./snapshot.ts";
import type { Template } from "./source.ts";
import { podMetadata, withoutOwner } from "./strip.ts";

/** All that a rendered revision depends on. */
export interface Rendering {
  readonly template: Template;
  readonly settings: Pick<KubernetesSettings, "service" | "container" | "port" | "distinguish" | "routing">;
  /** What the user called the revision; absent: what the template's own image is. */
  readonly name: string | undefined;
  /** The Services of the namespace and of the template's documents. */
  readonly services: readonly Service[];
  readonly others: readonly Selecting[];
  /** Selectors of Deployments that must not select the slots' pods. */
  readonly avoid: readonly LabelSelector[];
  readonly copies: readonly Copied[];
  readonly key: Uint8Array;
}

/**
 * Renders a revision for either slot. Of the template's Deployment it takes what its author wrote: nothing that the
 * API server put there (status, uid, managed fields, a node), no replicas, no `paused`, no mark of an owner.
 * @throws TemplateError for what the user has to correct.
 */
export function renderRevision(rendering: Rendering): RenderedRevision {
  const { template, settings, copies, key } = rendering;
  const { deployment, own, origin } = template;
  const pods = podTemplate(deployment);
  const labels = pods.metadata?.labels ?? {};
  const container = mainContainer(pods.spec, settings.container, origin);
  const { id, image } = revisionImage(rendering.name, container.image, container.name, origin);
  const service = serviceOf(settings, labels, rendering.services);
  const port = mainPort(pods.spec, container, settings.port, service, origin);
  const copied = withCopies(pods, copies);
  const rest: Omit<RenderedRevision, "revision" | "image" | "template"> = {
    format: 1,
    service: settings.service,
    container: container.name,
    port,
    ports: portsOf(service, port),
    labels: withoutOwner(deployment.metadata.labels),
    annotations: withoutOwner(deployment.metadata.annotations),
    spec: restOf(deployment),
    ...(own === undefined
      ? {}
      : {
          own,
          distinguish: chooseDistinguish(
            labels,
            own,
            rendering.avoid,
            rendering.others,
            settings.distinguish,
          ),
        }),
    copies,
  };
  return {
    ...rest,
    revision: { id, config: configDigest(key, rest, copied) },
    image,
    template: withImage(copied, container.name, image),
  };
}

/** The template's pods as their author wrote them. */
function podTemplate({ spec }: Deployment): PodTemplate {
  const { nodeName: _, ...pod } = spec.template.spec;
  return { metadata: podMetadata(spec.template.metadata), spec: pod };
}

function restOf({ spec }: Deployment): DeploymentRest {
  const { replicas: _replicas, selector: _selector, template: _template, paused: _paused, ...rest } = spec;
  return rest;
}

function withImage(template: PodTemplate, name: string, image: string): PodTemplate {
  const containers = template.spec.containers.map((container) =>
    container.name === name ? { ...container, image } : container,
  );
  return { ...template, spec: { ...template.spec, containers } };
}

function revisionImage(
  name: string | undefined,
  image: string | undefined,
  container: string,
  origin: string,
): { readonly id: string; readonly image: string } {
  const id = name ?? (image === undefined ? undefined : revisionOf(image));
  if (id === undefined)
    throw new TemplateError(
      "TEAL-K214",
      `the image of container ${container} of ${origin} (${image ?? "none"}) says no version`,
      "Name the revision: teal deploy REVISION",
    );
  if (id === image) return { id, image };
  const meant = imageOf(id, image ?? "");
  if (meant.is === "image" && (image !== undefined || id.includes("/"))) return { id, image: meant.image };
  throw new TemplateError(
    "TEAL-K214",
    meant.is === "invalid"
      ? meant.why
      : `container ${container} of ${origin} has no image that "${id}" could be a tag of`,
    "Name a tag of the template's image, or a whole image reference.",
  );
}

/**
 * The Service that users reach: the named one; behind a route without a name, the one named after the service, else
 * the first by name that selects the template's pods.
 */
function serviceOf(
  { routing, service }: Pick<KubernetesSettings, "routing" | "service">,
  labels: Labels,
  services: readonly Service[],
): Service | undefined {
  const wanted = routing.service ?? service;
  const named = services.find(({ metadata }) => metadata.name === wanted);
  if (named !== undefined || routing.service !== undefined) return named;
  return services
    .filter(({ metadata, spec }) => {
      if (metadata.labels?.[LABELS.slot] !== undefined) return false;
      const selector = spec.selector ?? {};
      return Object.keys(selector).length > 0 && selects({ matchLabels: selector }, labels);
    })
    .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))[0];
}

/**
 * Ports of a slot's Service: those of the Service that users reach, so that a route can name either; a node's port
 * belongs to one Service only.
 */
function portsOf(service: Service | undefined, port: number): ServicePorts {
  const ports = service?.spec.ports ?? [];
  if (ports.length === 0) return [{ name: "http", port, targetPort: port, protocol: "TCP" }];
  return ports.map((each) => {
    const { name, appProtocol } = each as { readonly name?: string; readonly appProtocol?: string };
    return {
      ...(name === undefined ? {} : { name }),
      ...(appProtocol === undefined ? {} : { appProtocol }),
      port: each.port,
      targetPort: each.targetPort ?? each.port,
      protocol: each.protocol ?? "TCP",
    };
  });
}
