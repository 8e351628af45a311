import type { Cause } from "../../core/units.ts";
import type { Api, CallBy } from "./api/api.ts";
import type { Labels } from "./api/objects.ts";
import { findService, isMissing, type FoundService } from "./find-service.ts";
import { serviceKey, type ServiceKey } from "./key.ts";
import type { ConfiguredSettings, KubernetesSettings } from "./settings.ts";

/** What the configuration leaves to the namespace: asked when it is needed, kept once it is known. */
export interface Inferred {
  /** The Service that users reach. */
  service(signal: AbortSignal): Promise<FoundService>;
  /** The key of digests. */
  key(signal: AbortSignal): Promise<ServiceKey>;
  /** The settings with what was inferred in them. */
  settings(signal: AbortSignal): Promise<Settled>;
}

export type Settled =
  | { readonly is: "settled"; readonly settings: KubernetesSettings }
  | Exclude<FoundService, { readonly is: "found" }>;

/** Replicas of a first deployment where neither the configuration nor the template says a number. */
const REPLICAS = 1;

export function inferFrom(api: Api, configured: ConfiguredSettings, secrets: readonly string[]): Inferred {
  let service: FoundService | undefined =
    configured.routing.by === "service" && configured.routing.service !== undefined
      ? { is: "found", name: configured.routing.service }
      : undefined;
  let key: ServiceKey | undefined;
  const inferred: Inferred = {
    async service(signal) {
      if (service?.is === "found") return service;
      const labels = () => templateLabels(api, configured, secrets, { signal });
      const found = await findService(api, configured.service, labels, { signal });
      // An image comes with no Service; a deployment makes the one that is not there.
      const made = configured.template.from === "image" && isMissing(found);
      service = made ? { is: "found", name: configured.service } : found;
      return service;
    },
    async key(signal) {
      if (key?.is !== "key") key = await serviceKey(api, configured.service, { signal });
      return key;
    },
    async settings(signal) {
      if (configured.routing.by === "gateway")
        return { is: "settled", settings: settledWith(configured, configured.routing) };
      const found = await inferred.service(signal);
      if (found.is !== "found") return found;
      return { is: "settled", settings: settledWith(configured, { by: "service", service: found.name }) };
    },
  };
  return inferred;
}

/** The settings with this routing. */
export function settledWith(
  configured: ConfiguredSettings,
  routing: KubernetesSettings["routing"],
): KubernetesSettings {
  return { ...configured, routing, replicas: configured.replicas ?? REPLICAS };
}

async function templateLabels(
  api: Api,
  configured: ConfiguredSettings,
  secrets: readonly string[],
  call: CallBy,
): Promise<Labels | Cause> {
  const { readTemplate } = await import("./template/source.ts");
  const read = await readTemplate(api, configured, { ...call, secrets });
  return read.is === "read" ? (read.template.deployment.spec.template.metadata?.labels ?? {}) : read.cause;
}
