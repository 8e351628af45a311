import type { Plan } from "../../../core/plan.ts";
import type { Finding } from "../../../ports/target.ts";
import { adoptable, templateName } from "./adoption.ts";
import type { Api, CallBy } from "../api/api.ts";
import type { Deployment, KubeObject, Service } from "../api/objects.ts";
import { paths } from "../api/paths.ts";
import { LABELS } from "../names.ts";
import type { ConfiguredSettings } from "../settings.ts";
import { isAdopted } from "../slots/revision.ts";
import { usersOf, whoSelects } from "../template/distinguish.ts";
import { loadRevision } from "../template/stored.ts";

interface LookWith {
  readonly api: Api;
  readonly settings: ConfiguredSettings;
  readonly service: string | undefined;
}

/** What a deployment beside an adopted Deployment, or beside a template that runs, has to know beforehand. */
export async function adoptionFindings(
  { api, settings, service }: LookWith,
  plan: Plan,
  call: CallBy,
): Promise<readonly Finding[]> {
  const { namespace } = api;
  const [deployments, services] = await Promise.all([
    api.list<Deployment>(paths.deployments(namespace), {}, call),
    api.list<Service>(paths.services(namespace), {}, call),
  ]);
  const unread = [deployments, services].find(({ is }) => is !== "ok");
  if (deployments.is !== "ok" || services.is !== "ok") {
    const because = unread !== undefined && "cause" in unread ? unread.cause.message : "it could not be read";
    return [{ is: "unproven", cause: { code: "TEAL-K616", message: `what serves already: ${because}` } }];
  }
  const all = deployments.value.items;
  const slots = all.filter(({ metadata: { labels } }) => labels?.[LABELS.service] === settings.service);
  const name = service ?? settings.routing.service ?? settings.service;
  const users = services.value.items.find(({ metadata }) => metadata.name === name);
  const found = slots.length > 0 ? { is: "nothing" as const } : adoptable(all, users, settings);
  const adopted = found.is === "adoptable" ? found.deployment : slots.find(isAdopted);
  const seers =
    adopted === undefined ? [] : await unseeing({ api, settings, service }, plan, services.value.items, call);
  return [
    ...(found.is === "several" ? [several(name, found.names)] : []),
    ...(adopted === undefined ? [] : adoptedFindings(adopted, plan)),
    ...seers,
    ...idleTemplate(all, settings),
  ];
}

function several(service: string, names: readonly string[]): Finding {
  const message = `several Deployments serve behind Service ${service} (${names.join(", ")}): none is taken for the live slot, so after the cutover there is no way back to them`;
  return {
    is: "blocks",
    cause: { code: "TEAL-K502", message },
    next: "name the one that is to be a slot: kubernetes: { template: deployment/NAME }",
  };
}

function adoptedFindings({ metadata }: Deployment, { request }: Plan): readonly Finding[] {
  if (request.strategy.kind !== "rolling") return [];
  const message = `deployment/${metadata.name} serves with labels of its own, so no selector reaches both it and a candidate, as a pool needs`;
  return [
    {
      is: "blocks",
      cause: { code: "TEAL-K503", message },
      next: "teal deploy --strategy blueGreen, until the adoption is over",
    },
  ];
}

/** Who looks at pods by the label in which the candidate's differ, and so will not see them. */
async function unseeing(
  { api, settings, service }: LookWith,
  plan: Plan,
  services: readonly Service[],
  call: CallBy,
): Promise<readonly Finding[]> {
  const loaded = await loadRevision(api, settings, plan.candidate.revision, call);
  if (loaded.is !== "found" || loaded.rendered.distinguish === undefined) return [];
  const { distinguish, template } = loaded.rendered;
  const policies = await api.list<KubeObject>(paths.networkPolicies(api.namespace), {}, call);
  const others = whoSelects(template.metadata?.labels ?? {}, {
    services: services.filter(
      ({ metadata }) => metadata.name !== service && metadata.labels?.[LABELS.slot] === undefined,
    ),
    ...(policies.is === "ok" ? { networkPolicies: policies.value.items } : {}),
  });
  const { key, value } = distinguish;
  return usersOf(key, others).map((who): Finding => {
    const message = `${who} selects pods by ${key}=${value} and does not see the slots', which have ${value}-blue or ${value}-green there`;
    const next = `let it select by ${LABELS.service}: ${settings.service} as well, or set kubernetes.distinguish to another label`;
    return { is: "warns", cause: { code: "TEAL-K504", message }, next };
  });
}

/** Somebody scaled the template up again: its pods get no traffic. */
function idleTemplate(all: readonly Deployment[], settings: ConfiguredSettings): readonly Finding[] {
  const name = templateName(settings);
  const template = all.find(({ metadata }) => metadata.name === name);
  const isTemplate = template !== undefined && template.metadata.labels?.[LABELS.slot] === undefined;
  const slots = all.some(
    ({ metadata: { labels } }) =>
      labels?.[LABELS.service] === settings.service && labels[LABELS.slot] !== undefined,
  );
  const replicas = template?.spec.replicas ?? 1;
  if (!isTemplate || !slots || replicas === 0) return [];
  const message = `deployment/${name} is only the template and has ${replicas} replicas, which get no traffic`;
  return [
    {
      is: "warns",
      cause: { code: "TEAL-K505", message },
      next: `kubectl scale deployment/${name} --replicas=0`,
    },
  ];
}
