import type { Finding } from "../../ports/target.ts";
import { epochOf } from "./anchor.ts";
import type { Api, CallBy } from "./api/api.ts";
import type { Deployment, KubeObject } from "./api/objects.ts";
import { paths } from "./api/paths.ts";
import { templateName } from "./adoption.ts";
import { lastWriter, ownerFinding, ownersOf, revertedFinding, type Field } from "./owners.ts";
import type { ConfiguredSettings } from "./settings.ts";

/** Looks up who else writes what a deployment is going to write. What cannot be read is found by the rights. */
export async function ownerFindings(
  api: Api,
  settings: Pick<ConfiguredSettings, "service" | "routing" | "template">,
  service: string | undefined,
  call: CallBy,
): Promise<readonly Finding[]> {
  const { namespace } = api;
  const { routing } = settings;
  const name = templateName(settings);
  const [traffic, template] = await Promise.all([
    routing.by === "gateway"
      ? look(api, paths.httpRoutes(namespace, routing.route), call)
      : service === undefined
        ? undefined
        : look(api, paths.services(namespace, service), call),
    settings.template.from === "image"
      ? undefined
      : look<Deployment>(api, paths.deployments(namespace, name), call),
  ]);
  const field: Field =
    routing.by === "gateway"
      ? { of: "HTTPRoute", name: routing.route, path: ["spec", "rules"] }
      : { of: "Service", name: service ?? "", path: ["spec", "selector"] };
  const size: Field = { of: "Deployment", name, path: ["spec", "replicas"] };
  return [
    ...(traffic === undefined ? [] : trafficFindings(field, traffic)),
    ...(template === undefined ? [] : ownersOf(template, size).map((owner) => ownerFinding(size, owner))),
  ];
}

/** After the first write of Teal, somebody else's last one is a revert. */
export function trafficFindings(field: Field, object: KubeObject): readonly Finding[] {
  const writer = epochOf(object) > 0 ? lastWriter(object, field.path) : undefined;
  return [
    ...(writer === undefined || !("teal.dev/intent" in (object.metadata.annotations ?? {}))
      ? []
      : [revertedFinding(field, writer)]),
    ...ownersOf(object, field).map((owner) => ownerFinding(field, owner)),
  ];
}

async function look<T extends KubeObject>(api: Api, path: string, call: CallBy): Promise<T | undefined> {
  const answer = await api.get<T>(path, call);
  return answer.is === "ok" ? answer.value : undefined;
}
