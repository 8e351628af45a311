import type { Slot } from "../../../core/units.ts";
import type { RenderedRevision, SlotObjects } from "./rendered.ts";
import type { Deployment, Service } from "../api/objects.ts";
import { ANNOTATIONS, slotLabels, slotName } from "../names.ts";
import { narrowToSlot } from "./affinity.ts";
import { slotValue } from "./distinguish.ts";

/** A Deployment whose template says nothing of it gets what the API server would fill in, so that Teal owns it. */
export const STRATEGY = { type: "RollingUpdate", rollingUpdate: { maxSurge: "25%", maxUnavailable: "25%" } };
/** Seconds after which a Deployment that does not progress says so: the API server's default. */
export const PROGRESS_DEADLINE = 600;

/**
 * The Deployment and the Service of a slot for a revision, as apply configurations: the same answer for the same
 * question, and nothing given is changed.
 * @param replicas absent: not said, so that whoever scales the Deployment goes on doing so.
 */
export function renderSlot(rendered: RenderedRevision, slot: Slot, replicas?: number): SlotObjects {
  return { deployment: deployment(rendered, slot, replicas), service: service(rendered, slot) };
}

function deployment(rendered: RenderedRevision, slot: Slot, replicas: number | undefined): Deployment {
  const labels = slotLabels(rendered.service, slot);
  const revision = { [ANNOTATIONS.revision]: revisionText(rendered) };
  const { metadata, spec } = rendered.template;
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: {
      name: slotName(rendered.service, slot),
      labels: { ...rendered.labels, ...labels },
      annotations: { ...rendered.annotations, ...revision, [ANNOTATIONS.selector]: JSON.stringify(labels) },
    },
    spec: {
      progressDeadlineSeconds: PROGRESS_DEADLINE,
      strategy: STRATEGY,
      ...rendered.spec,
      ...(replicas === undefined ? {} : { replicas }),
      selector: { matchLabels: labels },
      template: {
        metadata: {
          ...metadata,
          labels: podLabels(rendered, slot),
          annotations: { ...metadata?.annotations, ...revision },
        },
        spec: narrowToSlot(spec, rendered, slot),
      },
    },
  };
}

/** Labels of a slot's pods: the template's, one of them changed, and the slot's. */
function podLabels(rendered: RenderedRevision, slot: Slot): Readonly<Record<string, string>> {
  const { distinguish, template } = rendered;
  return {
    ...template.metadata?.labels,
    ...(distinguish === undefined ? {} : { [distinguish.key]: slotValue(distinguish.value, slot) }),
    ...slotLabels(rendered.service, slot),
  };
}

function service(rendered: RenderedRevision, slot: Slot): Service {
  const labels = slotLabels(rendered.service, slot);
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: slotName(rendered.service, slot), labels },
    spec: { selector: labels, ports: rendered.ports },
  };
}

/** The revision as annotations hold it. */
export function revisionText({ revision }: Pick<RenderedRevision, "revision">): string {
  return JSON.stringify({ id: revision.id, config: revision.config });
}
