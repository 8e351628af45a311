import type { Container, PodTemplate } from "../api/objects.ts";
import { keyedDigest } from "./canonical.ts";
import { withoutDefaults } from "./defaults.ts";
import { PROGRESS_DEADLINE, STRATEGY } from "./render.ts";
import type { DeploymentRest, RenderedRevision } from "./rendered.ts";

/**
 * `Revision.config`: a keyed digest (16 hex digits) over all that decides how the revision runs but its image: the pod
 * template with the content of its copies, ports, labels and the rest of the Deployment's specification.
 * Of no influence: replicas, the Deployment's own annotations (controllers write there at any time), the order of keys,
 * and the API's defaults. It does not change with Teal's version (a frozen fixture sees to it): a new Teal that found
 * everything changed would deploy everything again.
 * @param original the pod template before its image was replaced, naming the copies.
 */
export function configDigest(
  key: Uint8Array,
  of: Omit<RenderedRevision, "revision" | "image" | "template" | "annotations">,
  original: PodTemplate,
): string {
  const { service, container, port, ports, labels, spec, own, distinguish, copies } = of;
  return keyedDigest(key, {
    format: 1,
    service,
    container,
    port,
    ports,
    labels,
    spec: filledIn(spec),
    own,
    distinguish,
    copies,
    template: withoutImage(original, container),
  });
}

/** The specification as the API server shows it, whoever wrote it. */
function filledIn(spec: DeploymentRest): unknown {
  const strategy = { ...STRATEGY, ...(spec["strategy"] as object | undefined) };
  const rolling = strategy.type === "RollingUpdate";
  return {
    minReadySeconds: 0,
    progressDeadlineSeconds: PROGRESS_DEADLINE,
    revisionHistoryLimit: 10,
    ...spec,
    strategy: rolling
      ? { ...strategy, rollingUpdate: { ...STRATEGY.rollingUpdate, ...strategy.rollingUpdate } }
      : { type: strategy.type },
  };
}

/** In the form for digests; defaults that depend on the image are gone before the image is. */
function withoutImage(template: PodTemplate, container: string): unknown {
  const { spec, ...rest } = withoutDefaults(template) as {
    readonly spec: { readonly containers: Container[] };
  };
  const containers = spec.containers.map(({ image, ...others }) =>
    others.name === container ? others : { image, ...others },
  );
  return { ...rest, spec: { ...spec, containers } };
}
