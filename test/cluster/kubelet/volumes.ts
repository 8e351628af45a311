import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Json } from "./client.ts";
import type { Node } from "./context.ts";
import { ConfigError, field, readValues, type Contents } from "./environment.ts";

/** Writes a volume's files into `folder`; throws ConfigError when what it is made of is not there. */
export async function fillVolume(
  node: Node,
  pod: Json,
  volume: Json,
  folder: string,
  address: string,
): Promise<void> {
  mkdirSync(folder, { recursive: true });
  if (volume.emptyDir !== undefined) return;
  const sources: readonly Json[] = volume.projected?.sources ?? [volume];
  for (const source of sources) {
    for (const [path, bytes] of Object.entries(await filesOf(node, pod, source, address))) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), bytes);
    }
  }
}

async function filesOf(node: Node, pod: Json, source: Json, address: string): Promise<Contents> {
  const optional = (from: Json): boolean => from.optional === true;
  if (source.configMap !== undefined) {
    const { name, items } = source.configMap;
    return pick(await readValues(node, pod, "configmaps", name, optional(source.configMap)), items, name);
  }
  if (source.secret !== undefined) {
    const name = source.secret.secretName ?? source.secret.name;
    return pick(
      await readValues(node, pod, "secrets", name, optional(source.secret)),
      source.secret.items,
      name,
    );
  }
  if (source.downwardAPI !== undefined) {
    const items: readonly Json[] = source.downwardAPI.items ?? [];
    const values = items.map(({ path, fieldRef }) => [
      path,
      Buffer.from(field(node, pod, fieldRef?.fieldPath ?? "", address)),
    ]);
    return Object.fromEntries(values);
  }
  if (source.serviceAccountToken !== undefined) {
    return { [source.serviceAccountToken.path]: await token(node, pod, source.serviceAccountToken) };
  }
  throw new ConfigError(`the test kubelet knows no volumes of this kind: ${Object.keys(source).join(", ")}`);
}

function pick(values: Contents | undefined, items: readonly Json[] | undefined, name: string): Contents {
  if (values === undefined || items === undefined) return values ?? {};
  const picked = items.map(({ key, path }) => {
    const bytes = values[key];
    if (bytes === undefined) throw new ConfigError(`references non-existent config key: ${key} in ${name}`);
    return [path, bytes];
  });
  return Object.fromEntries(picked);
}

async function token(node: Node, pod: Json, { audience, expirationSeconds }: Json): Promise<Buffer> {
  const { namespace, name, uid } = pod.metadata;
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${pod.spec.serviceAccountName}/token`;
  const answer = await node.client.request("POST", path, {
    spec: {
      expirationSeconds,
      boundObjectRef: { apiVersion: "v1", kind: "Pod", name, uid },
      ...(audience === undefined ? {} : { audiences: [audience] }),
    },
  });
  if (answer.status >= 300) throw new ConfigError(`no token: ${answer.body?.message ?? answer.status}`);
  return Buffer.from(answer.body.status.token);
}
