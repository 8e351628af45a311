import { randomBytes } from "node:crypto";
import type { Cause } from "../../core/units.ts";
import type { Api, CallBy } from "./api/api.ts";
import type { Secret } from "./api/objects.ts";
import { paths } from "./api/paths.ts";
import { keyName, LABELS, PARTS } from "./names.ts";

/*
 * Digests stand for secrets in revisions and journals. Their key lies in the namespace, so that every machine makes the
 * same digest of the same value, and nobody who reads only the journal can guess a value from it.
 */

const ENTRY = "key";
/** Bytes of the key: as many as the digest has. */
const LENGTH = 32;

export type ServiceKey =
  | { readonly is: "key"; readonly key: Uint8Array }
  | { readonly is: "unreadable"; readonly cause: Cause };

/** The service's key; made when it is first asked for. The first one made stays: another one would change every digest. */
export async function serviceKey(api: Api, service: string, call: CallBy): Promise<ServiceKey> {
  const path = paths.secrets(api.namespace, keyName(service));
  const before = await api.get<Secret>(path, call);
  if (before.is === "ok") return keyIn(api, before.value);
  if (before.is !== "absent") return { is: "unreadable", cause: before.cause };
  const made = await api.create<Secret>(paths.secrets(api.namespace), freshKey(service), call);
  if (made.is === "ok") return keyIn(api, made.value);
  // Made by somebody else meanwhile, or by this request, whose answer was lost.
  const after = await api.get<Secret>(path, call);
  return after.is === "ok" ? keyIn(api, after.value) : { is: "unreadable", cause: made.cause };
}

function freshKey(service: string): Secret {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name: keyName(service),
      labels: { [LABELS.service]: service, [LABELS.part]: PARTS.key },
    },
    type: "Opaque",
    immutable: true,
    data: { [ENTRY]: randomBytes(LENGTH).toString("base64") },
  };
}

function keyIn(api: Api, { metadata, data }: Secret): ServiceKey {
  const key = Buffer.from(data?.[ENTRY] ?? "", "base64");
  if (key.length === LENGTH) return { is: "key", key };
  const message = `Secret ${metadata.name} in ${api.place} holds no key of ${LENGTH} bytes; somebody changed it. With another one every revision and sealed secret counts as changed`;
  return { is: "unreadable", cause: { code: "TEAL-K609", message } };
}
