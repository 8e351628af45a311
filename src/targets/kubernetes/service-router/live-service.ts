import type { Cause } from "../../../core/units.ts";
import type { Api, CallBy } from "../api/api.ts";
import type { Service } from "../api/objects.ts";
import { paths } from "../api/paths.ts";
import { LABELS } from "../names.ts";
import { nobodySelector } from "./selectors.ts";
import { unusable } from "./words.ts";

/**
 * Makes sure that there is a Service which the router can switch, before anything is deployed. One that is there is
 * only looked at. A new one reaches nobody until the first cutover.
 * @param name of the Service that users reach.
 * @param service what Teal calls what it deploys; on every label.
 * @param ports as a Service has them: `[{ name: "http", port: 80, targetPort: 8080 }]`.
 * @returns what stands in the way.
 */
export async function ensureLiveService(
  api: Api,
  { name, service, ports }: { readonly name: string; readonly service: string; readonly ports: Ports },
  call: CallBy,
): Promise<Cause | undefined> {
  const path = paths.services(api.namespace, name);
  const found = await api.get<Service>(path, call);
  if (found.is === "ok") return unusable(found.value, api.place);
  if (found.is !== "absent") return found.cause;
  const made = await api.create<Service>(paths.services(api.namespace), fresh(name, service, ports), call);
  if (made.is === "ok") return undefined;
  // Somebody made it meanwhile, or our own request went through without an answer.
  const again = await api.get<Service>(path, call);
  return again.is === "ok" ? unusable(again.value, api.place) : made.cause;
}

type Ports = NonNullable<Service["spec"]["ports"]>;

function fresh(name: string, service: string, ports: Ports): Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, labels: { [LABELS.service]: service } },
    spec: { selector: nobodySelector(service), ports },
  };
}
