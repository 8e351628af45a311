import { createHash } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import { sameRevision, type Cause, type Revision } from "../../../core/units.ts";
import type { Api, CallBy } from "../api/api.ts";
import type { ConfigMap } from "../api/objects.ts";
import { paths } from "../api/paths.ts";
import { ANNOTATIONS, LABELS, PARTS } from "../names.ts";
import type { KubernetesSettings } from "../settings.ts";
import { revisionText } from "./render.ts";
import type { RenderedRevision } from "./rendered.ts";

/*
 * What a revision was rendered to is kept in the namespace, one immutable ConfigMap per revision, so that whoever
 * starts it again, on whatever machine, starts the same.
 */

const PLAIN = "revision.json";
const PACKED = "revision.json.gz";
/** Characters of JSON up to which it stays readable for people; a ConfigMap may hold 1 MiB in all. */
const READABLE = 100_000;
/** What a gzipped revision may have (bytes): the API server refuses objects of more than about 1.5 MB. */
const LARGEST = 1_000_000;
/** An immutable object of ours unpacks to no more than this (bytes). */
const LARGEST_UNPACKED = 32 * 1024 * 1024;

export type Loaded =
  | { readonly is: "found"; readonly rendered: RenderedRevision }
  /** It was pruned, or never prepared here. */
  | { readonly is: "missing"; readonly cause: Cause }
  | { readonly is: "unreadable"; readonly cause: Cause };

/** Reads what a revision was rendered to when it was prepared. */
export async function loadRevision(
  api: Api,
  settings: Pick<KubernetesSettings, "service" | "namespace">,
  revision: Revision,
  call: CallBy,
): Promise<Loaded> {
  const name = revisionName(settings.service, revision);
  const answer = await api.get<ConfigMap>(paths.configMaps(settings.namespace, name), call);
  if (answer.is === "ok") return parseStored(answer.value, revision);
  if (answer.is !== "absent") return { is: "unreadable", cause: answer.cause };
  const message = `revision ${revision.id} (${revision.config}) is not kept any more: ${api.place} has no ConfigMap ${name}`;
  return { is: "missing", cause: { code: "TEAL-K230", message } };
}

/** `teal-shop-r-0123456789abcdef`: where a revision is stored. Its config is a keyed digest already. */
export function revisionName(service: string, revision: Revision): string {
  const digest = createHash("sha256")
    .update(JSON.stringify([revision.id, revision.config]))
    .digest("hex");
  return `teal-${service}-r-${digest.slice(0, 16)}`;
}

/** The ConfigMap that holds a rendered revision; undefined when it is too large to be held. */
export function storedRevision(rendered: RenderedRevision): ConfigMap | undefined {
  const json = JSON.stringify(rendered);
  const packed = json.length > READABLE ? gzipSync(json) : undefined;
  if (packed !== undefined && packed.length > LARGEST) return undefined;
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name: revisionName(rendered.service, rendered.revision),
      labels: { [LABELS.service]: rendered.service, [LABELS.part]: PARTS.revision },
      annotations: { [ANNOTATIONS.revision]: revisionText(rendered) },
    },
    immutable: true,
    ...(packed === undefined
      ? { data: { [PLAIN]: json } }
      : { binaryData: { [PACKED]: packed.toString("base64") } }),
  };
}

/** What such a ConfigMap holds; someone may have written another one by this name. */
export function parseStored(stored: ConfigMap, revision: Revision): Loaded {
  const unreadable = (why: string): Loaded => ({
    is: "unreadable",
    cause: { code: "TEAL-K231", message: `ConfigMap ${stored.metadata.name} is no revision: ${why}` },
  });
  let value: Partial<RenderedRevision> | null;
  try {
    const packed = stored.binaryData?.[PACKED];
    const json =
      packed === undefined
        ? stored.data?.[PLAIN]
        : gunzipSync(Buffer.from(packed, "base64"), { maxOutputLength: LARGEST_UNPACKED }).toString("utf8");
    if (json === undefined) return unreadable(`it has no ${PLAIN}`);
    value = JSON.parse(json) as Partial<RenderedRevision> | null;
  } catch (error) {
    return unreadable(error instanceof Error ? error.message : String(error));
  }
  if (typeof value !== "object" || value === null) return unreadable("it holds no object");
  if (value.format !== 1) return unreadable(`this version of Teal does not know format ${value.format}`);
  if (!sameRevision(value.revision, revision)) return unreadable("it holds another revision");
  return { is: "found", rendered: value as RenderedRevision };
}
