import type { Fence } from "../../../core/units.ts";
import type { JsonOperation } from "../api/api.ts";
import type { Deployment, KubeObject } from "../api/objects.ts";
import { ANNOTATIONS } from "../names.ts";
import { annotation } from "./autoscaler.ts";

/**
 * Tests that let a JSON patch apply only to what was read: the fence on it and, of a Deployment, all that it is told
 * (its generation). Its status may change meanwhile. An object that no fence was ever written to is compared whole.
 */
export function unchanged(object: KubeObject & Partial<Pick<Deployment, "spec">>): readonly JsonOperation[] {
  const { annotations, generation, resourceVersion } = object.metadata;
  const epoch = annotations?.[ANNOTATIONS.epoch];
  if (epoch === undefined) return [{ op: "test", path: "/metadata/resourceVersion", value: resourceVersion }];
  const fenced: JsonOperation = { op: "test", path: annotation(ANNOTATIONS.epoch), value: epoch };
  // Kinds without a generation have their own fields tested by whoever changes them.
  if (generation === undefined) return [fenced];
  return [fenced, { op: "test", path: "/metadata/generation", value: generation }];
}

/** Leaves the writer's fence on the object, and the intent where there is one. */
export function stamped(object: KubeObject, fence: Fence, intent?: string): readonly JsonOperation[] {
  const marks = marksOf(fence, intent);
  if (object.metadata.annotations === undefined)
    return [{ op: "add", path: "/metadata/annotations", value: marks }];
  return Object.entries(marks).map(([name, value]) => ({ op: "add", path: annotation(name), value }));
}

export function marksOf(fence: Fence, intent?: string): Readonly<Record<string, string>> {
  return {
    [ANNOTATIONS.epoch]: String(fence),
    ...(intent === undefined ? {} : { [ANNOTATIONS.intent]: intent }),
  };
}
