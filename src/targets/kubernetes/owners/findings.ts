import type { Finding } from "../../../ports/target.ts";
import { epochOf } from "../anchor.ts";
import type { Api, CallBy } from "../api/api.ts";
import type { Deployment, KubeObject } from "../api/objects.ts";
import { paths } from "../api/paths.ts";
import { templateName } from "../adoption/adoption.ts";
import { ANNOTATIONS } from "../names.ts";
import { lastWriter, ownerFinding, ownersOf, revertedFinding, type Field } from "./owners.ts";
import type { ConfiguredSettings } from "../settings.ts";

/** Looks up who else writes what a deployment is going to write. What cannot be read is found by the rights. */
export async function ownerFindings(
  api: Api,
  settings: Pick<ConfiguredSettings, "service" | "routing" | "template">,
  service: string | undefined,
  call: CallBy,
): Promise<readonly Finding[]> {
  const name = templateName(settings);
  const field = trafficField(settings, service);
  const [traffic, template] = await Promise.all([
    field === undefined ? undefined : look(api, pathOf(api, field), call),
    settings.template.from === "image"
      ? undefined
      : look<Deployment>(api, paths.deployments(api.namespace, name), call),
  ]);
  const size: Field = { of: "Deployment", name, path: ["spec", "replicas"] };
  return [
    ...(field === undefined || traffic === undefined ? [] : trafficFindings(field, traffic)),
    ...(template === undefined ? [] : ownersOf(template, size).map((owner) => ownerFinding(size, owner))),
  ];
}

/** Who took traffic to where Teal did not: undefined while its own write is the last. */
export async function revertOf(
  api: Api,
  settings: Pick<ConfiguredSettings, "routing">,
  service: string | undefined,
  call: CallBy,
): Promise<Finding | undefined> {
  const field = trafficField(settings, service);
  const object = field === undefined ? undefined : await look(api, pathOf(api, field), call);
  return field === undefined || object === undefined ? undefined : reverted(field, object);
}

/** Where traffic is divided; undefined where the Service is not known. */
function trafficField(
  { routing }: Pick<ConfiguredSettings, "routing">,
  service: string | undefined,
): Field | undefined {
  if (routing.by === "gateway") return { of: "HTTPRoute", name: routing.route, path: ["spec", "rules"] };
  return service === undefined ? undefined : { of: "Service", name: service, path: ["spec", "selector"] };
}

function pathOf({ namespace }: Api, { of, name }: Field): string {
  return of === "HTTPRoute" ? paths.httpRoutes(namespace, name) : paths.services(namespace, name);
}

export function trafficFindings(field: Field, object: KubeObject): readonly Finding[] {
  const revert = reverted(field, object);
  return [
    ...(revert === undefined ? [] : [revert]),
    ...ownersOf(object, field).map((owner) => ownerFinding(field, owner)),
  ];
}

/** After the first write of Teal, somebody else's last one is a revert. */
function reverted(field: Field, object: KubeObject): Finding | undefined {
  const wrote = epochOf(object) > 0 && ANNOTATIONS.intent in (object.metadata.annotations ?? {});
  const writer = wrote ? lastWriter(object, field.path) : undefined;
  return writer === undefined ? undefined : revertedFinding(field, writer);
}

async function look<T extends KubeObject>(api: Api, path: string, call: CallBy): Promise<T | undefined> {
  const answer = await api.get<T>(path, call);
  return answer.is === "ok" ? answer.value : undefined;
}
