import type { Revision } from "../../../core/units.ts";
import type { Deployment, ManagedFields, Meta } from "../api/objects.ts";
import { ANNOTATIONS, FIELD_MANAGER } from "../names.ts";
import { revisionOf as revisionOfImage } from "../template/image.ts";

/** Where the Deployment controller counts the templates that a Deployment has had. */
export const ROLLOUT = "deployment.kubernetes.io/revision";

/** The revision an object's annotation names; undefined where there is none, or none that can be read. */
export function revisionOf(
  metadata: Meta | { readonly annotations?: Meta["annotations"] },
): Revision | undefined {
  const text = metadata.annotations?.[ANNOTATIONS.revision];
  if (text === undefined) return undefined;
  try {
    const { id, config } = JSON.parse(text) as Partial<Revision>;
    return typeof id === "string" && typeof config === "string" ? { id, config } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * What a slot runs by its Deployment. A template that somebody edited runs something nobody named: it gets a
 * revision of its own, equal to no other, so that it is taken neither for the one that was proven nor for the one to
 * go back to.
 */
export function slotRevision(deployment: Deployment): Revision | undefined {
  const named = revisionOf(deployment.metadata);
  if (named === undefined) return undefined;
  if (isAdopted(deployment)) return adoptedRevision(deployment, named);
  const editors = templateEditors(deployment);
  return editors.length === 0 ? named : { id: named.id, config: `edited by ${editors.join(", ")}` };
}

/** The Deployment controller counts templates: an adopted one whose count went on was given another one since. */
function adoptedRevision({ metadata, spec }: Deployment, named: Revision): Revision {
  const { annotations = {} } = metadata;
  const { rollout, container } = adoptedAs(annotations[ANNOTATIONS.adopted] ?? "");
  if (rollout === undefined || rollout === annotations[ROLLOUT]) return named;
  const image = spec.template.spec.containers.find(({ name }) => name === container)?.image;
  // What it runs now is what people look for.
  const id = (image === undefined ? undefined : revisionOfImage(image)) ?? named.id;
  return { id, config: "edited by somebody since it was adopted" };
}

/** The annotation `teal.dev/adopted` holds JSON: where the count stood, and whose image names the revision. */
function adoptedAs(text: string): { readonly rollout?: string; readonly container?: string } {
  try {
    const { rollout, container } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    return {
      ...(typeof rollout === "string" ? { rollout } : {}),
      ...(typeof container === "string" ? { container } : {}),
    };
  } catch {
    return {};
  }
}

export function isAdopted(deployment: Deployment): boolean {
  return deployment.metadata.annotations?.[ANNOTATIONS.adopted] !== undefined;
}

/** Annotations of a template that only make its pods start anew. */
const HARMLESS = ["f:kubectl.kubernetes.io/restartedAt"];

/** Who else than Teal wrote into the pod template of a slot that Teal made: names of field managers. */
export function templateEditors(deployment: Deployment): readonly string[] {
  const others = (deployment.metadata.managedFields ?? []).filter(
    ({ manager, subresource }) => manager !== FIELD_MANAGER && subresource === undefined,
  );
  return [...new Set(others.filter(editsTemplate).map(({ manager }) => manager))];
}

function editsTemplate({ fieldsV1 }: ManagedFields): boolean {
  const template = into(into(fieldsV1, "f:spec"), "f:template");
  return template !== undefined && leaves(template).some((leaf) => !HARMLESS.includes(leaf));
}

function into(fields: unknown, key: string): object | undefined {
  const value = (fields as Record<string, unknown> | undefined)?.[key];
  return typeof value === "object" && value !== null ? value : undefined;
}

/** Names of the fields at the ends of a field set; `.` marks that the parent itself is meant. */
function leaves(fields: object): readonly string[] {
  return Object.entries(fields).flatMap(([key, value]: [string, unknown]) => {
    if (key === ".") return [];
    const inner = typeof value === "object" && value !== null ? leaves(value) : [];
    return inner.length === 0 ? [key] : inner;
  });
}
