import type { Found } from "./documents.ts";

/*
 * What must be there for Teal to make a slot of it. Everything else is the API server's to judge, which knows every
 * field of its version.
 */

type Tree = Readonly<Record<string, unknown>>;

/** What is wrong with a Deployment of a file, each as `file:line:column: what`. */
export function shapeProblems({ object, where }: Found): readonly string[] {
  const spec = treeAt(object, "spec");
  const template = treeAt(spec, "template");
  const pod = treeAt(template, "spec");
  const selector = treeAt(spec, "selector");
  const path = ["spec", "template"];
  if (pod === undefined) return [`${where("spec", "template", "spec")}: spec.template.spec is missing`];
  return [
    ...(selector === undefined ? [`${where("spec")}: spec.selector is missing`] : []),
    ...marksProblems(object.metadata as unknown as Tree, ["metadata"], where),
    ...marksProblems(treeAt(template, "metadata") ?? {}, [...path, "metadata"], where),
    ...marksOf(selector?.["matchLabels"], ["spec", "selector", "matchLabels"], where),
    ...containerProblems(pod["containers"], [...path, "spec", "containers"], where, true),
    ...containerProblems(pod["initContainers"], [...path, "spec", "initContainers"], where, false),
    ...listProblems(pod["volumes"], [...path, "spec", "volumes"], where),
  ];
}

/** What is wrong with a ConfigMap, Secret or Service of a file; of another object, nothing is known. */
export function besideProblems(found: Found): readonly string[] {
  const { object, where } = found;
  if (object.kind === "Service") return serviceProblems(found);
  if (object.kind !== "ConfigMap" && object.kind !== "Secret") return [];
  const { data, binaryData, stringData } = object as unknown as Tree;
  return Object.entries({ data, binaryData, stringData }).flatMap(([key, content]) =>
    marksOf(content, [key], where),
  );
}

function serviceProblems({ object, where }: Found): readonly string[] {
  const spec = treeAt(object, "spec");
  if (spec === undefined) return [`${where("spec")}: spec is missing`];
  return [
    ...marksOf(spec["selector"], ["spec", "selector"], where),
    ...listProblems(spec["ports"], ["spec", "ports"], where),
  ];
}

function marksProblems(metadata: Tree, path: readonly string[], where: Found["where"]): readonly string[] {
  return ["labels", "annotations"].flatMap((key) => marksOf(metadata[key], [...path, key], where));
}

/** Labels and annotations are text: `version: 1.10` is the number 1.1 in YAML, and must be quoted. */
function marksOf(marks: unknown, path: readonly string[], where: Found["where"]): readonly string[] {
  if (marks === undefined || marks === null) return [];
  if (!isTree(marks)) return [`${where(...path)}: ${path.join(".")} must be a map`];
  return Object.entries(marks).flatMap(([key, value]) =>
    typeof value === "string"
      ? []
      : [`${where(...path, key)}: ${path.join(".")}.${key} must be text: quote ${JSON.stringify(value)}`],
  );
}

function containerProblems(
  containers: unknown,
  path: readonly string[],
  where: Found["where"],
  required: boolean,
): readonly string[] {
  if (!required && (containers === undefined || containers === null)) return [];
  if (!Array.isArray(containers) || (required && containers.length === 0))
    return [`${where(...path)}: ${path.join(".")} must be a list${required ? " of at least one" : ""}`];
  return containers.flatMap((container: unknown, i) => {
    const at = [...path, i];
    if (!isTree(container) || typeof container["name"] !== "string")
      return [`${where(...at)}: ${path.join(".")}[${i}] has no name`];
    const { image } = container;
    if (image !== undefined && typeof image !== "string")
      return [`${where(...at, "image")}: ${path.join(".")}[${i}].image must be text`];
    return ["env", "envFrom", "ports"].flatMap((key) => listProblems(container[key], [...at, key], where));
  });
}

function listProblems(
  value: unknown,
  path: readonly (string | number)[],
  where: Found["where"],
): readonly string[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value) && value.every(isTree)) return [];
  return [`${where(...path)}: ${path.join(".")} must be a list of maps`];
}

function treeAt(of: unknown, key: string): Tree | undefined {
  const value = isTree(of) ? of[key] : undefined;
  return isTree(value) ? value : undefined;
}

function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
