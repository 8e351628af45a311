import type { Container, PodSpec } from "../api/objects.ts";

/*
 * Where a pod's specification names ConfigMaps and Secrets whose content its containers see. Not followed:
 * `imagePullSecrets` and the credentials of volume drivers (`nodePublishSecretRef` and the like), which the kubelet uses
 * to fetch and mount, at any later time too: they decide nothing about how a revision runs, and a copy would outlive
 * their rotation. Tokens that the kubelet makes (`serviceAccountToken`) name no object.
 */

export interface Reference {
  readonly kind: "ConfigMap" | "Secret";
  readonly name: string;
  /** The pod runs without it. */
  readonly optional: boolean;
  /** Keys without which the pod does not start. */
  readonly keys: readonly string[];
  /** For people: `container web`, `volume config`. */
  readonly where: string;
}

type Tree = Readonly<Record<string, unknown>>;
type Rename = (reference: Reference) => string;

/** Everything the specification names, in its order; one entry per place. */
export function referencesOf(spec: PodSpec): readonly Reference[] {
  const found: Reference[] = [];
  renameReferences(spec, (reference) => {
    found.push(reference);
    return reference.name;
  });
  return found;
}

/** The specification with other names for what it names. */
export function renameReferences(spec: PodSpec, rename: Rename): PodSpec {
  const containers = (list: readonly Container[]) => list.map((container) => inContainer(container, rename));
  return {
    ...spec,
    containers: containers(spec.containers),
    ...(spec.initContainers === undefined ? {} : { initContainers: containers(spec.initContainers) }),
    ...(spec.volumes === undefined
      ? {}
      : { volumes: spec.volumes.map((volume) => inVolume(volume, rename)) }),
  };
}

function inContainer(container: Container, rename: Rename): Container {
  const where = `container ${container.name}`;
  const env = container.env?.map((entry) =>
    changed(entry, "valueFrom", (from) => ({
      ...changed(
        changed(from, "configMapKeyRef", (ref) =>
          renamed("ConfigMap", "name", ref, keyOf(ref), where, rename),
        ),
        "secretKeyRef",
        (ref) => renamed("Secret", "name", ref, keyOf(ref), where, rename),
      ),
    })),
  );
  const envFrom = container.envFrom?.map((entry) =>
    changed(
      changed(entry, "configMapRef", (ref) => renamed("ConfigMap", "name", ref, [], where, rename)),
      "secretRef",
      (ref) => renamed("Secret", "name", ref, [], where, rename),
    ),
  );
  return {
    ...container,
    ...(env === undefined ? {} : { env }),
    ...(envFrom === undefined ? {} : { envFrom }),
  };
}

function inVolume(volume: Tree, rename: Rename): Tree {
  const where = `volume ${String(volume["name"])}`;
  const both = (of: Tree, secretName: string) =>
    changed(
      changed(of, "configMap", (ref) => renamed("ConfigMap", "name", ref, itemsOf(ref), where, rename)),
      "secret",
      (ref) => renamed("Secret", secretName, ref, itemsOf(ref), where, rename),
    );
  return changed(both(volume, "secretName"), "projected", (projected) => {
    const { sources } = projected;
    if (!Array.isArray(sources)) return projected;
    return {
      ...projected,
      sources: sources.map((source) => (isTree(source) ? both(source, "name") : source)),
    };
  });
}

/** A reference with another name in `field`; one without a name is left to the API server to refuse. */
function renamed(
  kind: Reference["kind"],
  field: string,
  ref: Tree,
  keys: readonly string[],
  where: string,
  rename: Rename,
): Tree {
  const name = ref[field];
  if (typeof name !== "string" || name === "") return ref;
  const optional = ref["optional"] === true;
  return { ...ref, [field]: rename({ kind, name, optional, keys: optional ? [] : keys, where }) };
}

function keyOf(ref: Tree): readonly string[] {
  return typeof ref["key"] === "string" ? [ref["key"]] : [];
}

function itemsOf(ref: Tree): readonly string[] {
  const items: readonly unknown[] = Array.isArray(ref["items"]) ? ref["items"] : [];
  return items.flatMap((item) => (isTree(item) ? keyOf(item) : []));
}

function changed(of: Tree, key: string, change: (value: Tree) => Tree): Tree {
  const value = of[key];
  return isTree(value) ? { ...of, [key]: change(value) } : of;
}

function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
