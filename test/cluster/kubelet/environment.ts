import type { Json } from "./client.ts";
import type { Node } from "./context.ts";

/** A ConfigMap or Secret, or a key of it, is not there: the container waits in CreateContainerConfigError. */
export class ConfigError extends Error {}

/** Decoded values of a ConfigMap or Secret. */
export type Contents = Readonly<Record<string, Buffer>>;
type Values = Record<string, string>;

/** The variables of a container: `envFrom`, then `env` in its order, with `$(NAME)` of earlier ones. */
export async function environmentOf(
  node: Node,
  pod: Json,
  container: Json,
  address: string,
): Promise<Values> {
  const values: Values = {};
  for (const source of container.envFrom ?? []) {
    const found = await readSource(node, pod, source.configMapRef, source.secretRef);
    for (const [key, value] of Object.entries(found ?? {}))
      values[`${source.prefix ?? ""}${key}`] = String(value);
  }
  for (const { name, value, valueFrom } of container.env ?? []) {
    const given =
      valueFrom === undefined ? expand(value ?? "", values) : await from(node, pod, valueFrom, address);
    if (given !== undefined) values[name] = given;
  }
  return values;
}

/** `$(NAME)` stands for a variable, `$$(NAME)` for itself. */
export function expand(text: string, values: Readonly<Values>): string {
  return text.replace(/\$(\$?)\(([\w.-]+)\)/g, (all, escaped: string, name: string) =>
    escaped === "$" ? all.slice(1) : (values[name] ?? all),
  );
}

async function from(node: Node, pod: Json, source: Json, address: string): Promise<string | undefined> {
  if (source.fieldRef !== undefined) return field(node, pod, source.fieldRef.fieldPath, address);
  const reference = source.configMapKeyRef ?? source.secretKeyRef;
  if (reference === undefined) return "";
  const values = await readSource(node, pod, source.configMapKeyRef, source.secretKeyRef);
  const value = values?.[reference.key];
  if (value !== undefined || reference.optional === true) return value?.toString();
  const kind = source.secretKeyRef === undefined ? "ConfigMap" : "Secret";
  throw new ConfigError(
    `couldn't find key ${reference.key} in ${kind} ${pod.metadata.namespace}/${reference.name}`,
  );
}

/** What the downward API offers of a pod. */
export function field(node: Node, pod: Json, path: string, address: string): string {
  const [, map, key] = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path) ?? [];
  if (map !== undefined && key !== undefined) return String(pod.metadata[map]?.[key] ?? "");
  switch (path) {
    case "status.podIP":
    case "status.podIPs":
      return address;
    case "status.hostIP":
    case "status.hostIPs":
      return node.address;
    default: {
      const [part = "", name = ""] = path.split(".");
      return String(pod[part]?.[name] ?? "");
    }
  }
}

async function readSource(
  node: Node,
  pod: Json,
  configMap: Json,
  secret: Json,
): Promise<Contents | undefined> {
  const reference = secret ?? configMap;
  const kind = secret === undefined ? "configmaps" : "secrets";
  return reference === undefined
    ? undefined
    : readValues(node, pod, kind, reference.name, reference.optional === true);
}

/** Keys and decoded values of a ConfigMap or Secret; `undefined` for an optional one that is not there. */
export async function readValues(
  node: Node,
  pod: Json,
  kind: "configmaps" | "secrets",
  name: string,
  optional: boolean,
): Promise<Contents | undefined> {
  const path = `/api/v1/namespaces/${pod.metadata.namespace}/${kind}/${name}`;
  const { status, body } = await node.client.request("GET", path);
  if (status === 404 && optional) return undefined;
  if (status === 404) throw new ConfigError(`${kind.slice(0, -1)} "${name}" not found`);
  if (status !== 200) throw new ConfigError(`${kind.slice(0, -1)} "${name}": ${body?.message ?? status}`);
  const bytes = (values: Json, encoding: BufferEncoding): Contents =>
    Object.fromEntries(
      Object.entries<string>(values ?? {}).map(([key, value]) => [key, Buffer.from(value, encoding)]),
    );
  return { ...bytes(body.data, kind === "secrets" ? "base64" : "utf8"), ...bytes(body.binaryData, "base64") };
}
