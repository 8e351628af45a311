import type { Cause } from "../../../core/units.ts";
import type { Api, CallBy } from "../api/api.ts";

/** Why nothing can be deployed here: the namespace is not there. Undefined where it is, or may not be looked at. */
export async function missingNamespace(
  api: Api,
  call: CallBy,
): Promise<{ readonly cause: Cause; readonly next: string } | undefined> {
  const answer = await api.get(`/api/v1/namespaces/${encodeURIComponent(api.namespace)}`, call);
  // Who may not look at it has rights in it all the same, so it is there.
  if (answer.is !== "absent") return undefined;
  return {
    cause: { code: "TEAL-K601", message: `there is no namespace ${api.namespace} (${api.place})` },
    next: `correct kubernetes.namespace in teal.yaml, or: kubectl create namespace ${api.namespace}`,
  };
}
