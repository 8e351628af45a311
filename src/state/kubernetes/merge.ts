import type { Api } from "../../targets/kubernetes/api/api.ts";
import { isConflict } from "../../targets/kubernetes/api/answers.ts";
import type { ConfigMap } from "../../targets/kubernetes/api/objects.ts";
import { paths } from "../../targets/kubernetes/api/paths.ts";
import { Fault } from "../remote/tries.ts";
import { tooBusy } from "./causes.ts";
import { call } from "./head.ts";
import { faultOf } from "./tries.ts";

/** Adds keys to a ConfigMap and makes it where there is none. Repeating it changes nothing. Faults are thrown. */
export async function merge(
  api: Api,
  name: string,
  labels: Readonly<Record<string, string>>,
  content: Pick<ConfigMap, "data" | "binaryData">,
): Promise<void> {
  const patch = { by: "merge", body: content } as const;
  const patched = await api.patch<ConfigMap>(paths.configMaps(api.namespace, name), patch, call());
  if (patched.is === "ok") return;
  if (patched.is !== "absent") throw retried(api, name, patched);
  const metadata = { name, namespace: api.namespace, labels };
  const body: ConfigMap = { apiVersion: "v1", kind: "ConfigMap", metadata, ...content };
  const created = await api.create<ConfigMap>(paths.configMaps(api.namespace), body, call());
  if (created.is !== "ok") throw retried(api, name, created);
}

function retried(api: Api, name: string, answer: Parameters<typeof faultOf>[0]): Fault {
  return isConflict(answer) ? new Fault(tooBusy(api.place, name), "at once") : faultOf(answer);
}
