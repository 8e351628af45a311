import type { Cause, Revision } from "../../core/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Prepared } from "../../ports/target.ts";
import type { Answer, Api, CallBy } from "./api/api.ts";
import type { Deployment, KubeObject, Service } from "./api/objects.ts";
import { paths } from "./api/paths.ts";
import { ANNOTATIONS, slotName } from "./names.ts";
import type { KubernetesSettings } from "./settings.ts";
import { usersOf, whoSelects, type Selecting } from "./template/distinguish.ts";
import { refused, TemplateError, type Refused } from "./template/refused.ts";
import type { Copied, RenderedRevision } from "./template/rendered.ts";
import { renderRevision } from "./template/revision.ts";
import { selects } from "./template/selectors.ts";
import { copyOf, wantedBy, type Content, type Wanted } from "./template/snapshot.ts";
import { readTemplate, type Template } from "./template/source.ts";
import { loadRevision, storedRevision } from "./template/stored.ts";

/** What preparing needs besides the revision's name. */
export interface PrepareWith {
  readonly api: Api;
  readonly settings: KubernetesSettings;
  /** Of the service: keeps digests of Secrets from telling what is in them. */
  readonly key: Uint8Array;
  readonly clock: Pick<Clock, "now">;
  /** Values never to be shown. */
  readonly secrets?: readonly string[];
}

type Progress = (line: string) => void;

/** Requests at a time: a template may name dozens of Secrets. */
const AT_ONCE = 8;
const AGAIN = "Nothing that runs was changed. Try again: teal deploy";

/**
 * Makes a revision ready to be started: reads the template, copies the ConfigMaps and Secrets it names, and stores
 * what it was rendered to. All it writes are immutable objects of its own; nothing that runs is touched.
 */
export async function prepare(
  using: PrepareWith,
  name: string | undefined,
  signal: AbortSignal,
  progress: Progress = () => {},
): Promise<Prepared> {
  try {
    return await prepared(using, name, { signal }, progress);
  } catch (error) {
    if (error instanceof TemplateError) return error.refusal;
    throw error;
  }
}

async function prepared(
  using: PrepareWith,
  name: string | undefined,
  call: CallBy,
  progress: Progress,
): Promise<Prepared> {
  const { api, settings, key, secrets = [] } = using;
  checkName(settings.service);
  const read = await readTemplate(api, settings, { ...call, secrets });
  if (read.is === "refused") return read;
  const { template } = read;
  const contents = await readContents(using, template, call);
  const copies = contents.flatMap(
    ([wanted, content]) => copyOf(wanted, content, key, settings.service) ?? [],
  );
  const around = await readAround(api, settings, template, call);
  const rendered = renderRevision({
    template,
    settings,
    name,
    key,
    copies: copies.map(({ copied }) => copied),
    ...around,
  });
  progress(
    `revision ${rendered.revision.id} (${rendered.revision.config}) from ${template.origin}: ${rendered.image}`,
  );
  tellApart(rendered, around.others, progress);
  const objects = copies.flatMap(({ object }) => object ?? []);
  const failed = (await inBatches(objects, (object) => putCopy(using, object, call))).find((each) => each);
  if (failed !== undefined) return failed;
  if (objects.length > 0) progress(`copied ${summary(objects)}`);
  const stored = await store(using, rendered, template.origin, call);
  if (stored.is !== "ready") return stored;
  // A template that slots took over from has none any more.
  return { ...stored, replicas: Math.max(1, template.deployment.spec.replicas ?? 1) };
}

/** Names that Teal derives are Services' too: letters, digits and dashes, a letter first, at most 63. */
function checkName(service: string): void {
  const longest = slotName(service, "green");
  if (/^[a-z](?:[a-z0-9-]*[a-z0-9])?$/.test(service) && longest.length <= 63) return;
  throw new TemplateError(
    "TEAL-K210",
    longest.length > 63
      ? `"${longest}" has ${longest.length} characters, a Service's name may have 63`
      : `"${service}" cannot be part of a Service's name: letters a-z, digits and dashes, a letter first`,
    "Choose another `service`.",
  );
}

/** What the template names, from its own documents, else from the namespace. */
async function readContents(
  { api, settings }: PrepareWith,
  { deployment, beside }: Template,
  call: CallBy,
): Promise<readonly (readonly [Wanted, Content | undefined])[]> {
  const wanted = wantedBy(deployment.spec.template.spec, settings.liveSecrets);
  return inBatches(wanted, async (each) => {
    const given = beside.find(({ kind, metadata }) => kind === each.kind && metadata.name === each.name);
    if (given !== undefined) return [each, given as Content] as const;
    const path = each.kind === "Secret" ? paths.secrets : paths.configMaps;
    const answer = await api.get<Content>(path(settings.namespace, each.name), call);
    if (answer.is === "ok") return [each, answer.value] as const;
    if (answer.is === "absent") return [each, undefined] as const;
    throw notAnswered(answer.cause);
  });
}

interface Around {
  readonly services: readonly Service[];
  readonly others: readonly Selecting[];
  readonly avoid: readonly Deployment["spec"]["selector"][];
}

/** What else is in the namespace. Of policies that may not be listed nothing is said; the Services are needed. */
async function readAround(
  api: Api,
  { namespace }: KubernetesSettings,
  { deployment, own, beside }: Template,
  call: CallBy,
): Promise<Around> {
  const list = <T extends KubeObject>(path: string) => api.list<T>(path, {}, call);
  const [services, networkPolicies, disruptionBudgets, deployments] = await Promise.all([
    list<Service>(paths.services(namespace)),
    list(paths.networkPolicies(namespace)),
    list(paths.disruptionBudgets(namespace)),
    list<Deployment>(paths.deployments(namespace)),
  ]);
  if (services.is !== "ok") throw notAnswered(services.cause);
  const labels = deployment.spec.template.metadata?.labels ?? {};
  const given = <T extends KubeObject>(kind: string, listed: readonly T[]): readonly T[] => [
    ...listed,
    ...(beside.filter(
      (object) =>
        object.kind === kind && !listed.some(({ metadata }) => metadata.name === object.metadata.name),
    ) as T[]),
  ];
  const all = given("Service", services.value.items);
  return {
    services: all,
    others: whoSelects(labels, {
      services: all,
      networkPolicies: given("NetworkPolicy", itemsOf(networkPolicies)),
      disruptionBudgets: given("PodDisruptionBudget", itemsOf(disruptionBudgets)),
    }),
    avoid:
      own === undefined
        ? []
        : itemsOf(deployments)
            .map(({ spec }) => spec.selector)
            .filter((selector) => selects(selector, labels)),
  };
}

function itemsOf<T>(answer: Answer<{ readonly items: readonly T[] }>): readonly T[] {
  return answer.is === "ok" ? answer.value.items : [];
}

/** Says in which label slots differ and who will not see them. */
function tellApart(
  { distinguish, service }: RenderedRevision,
  others: readonly Selecting[],
  progress: Progress,
) {
  if (distinguish === undefined) return;
  const users = usersOf(distinguish.key, others);
  const { key, value } = distinguish;
  progress(
    `pods of ${service}'s slots have the label ${key} ${value}-blue or ${value}-green instead of ${value}`,
  );
  if (users.length > 0) progress(`selecting by ${key} and not seeing the slots' pods: ${users.join(", ")}`);
}

/** Makes a copy, or shows that the one there is needed again, so that pruning leaves it. */
async function putCopy(
  { api, settings, clock }: PrepareWith,
  object: Content,
  call: CallBy,
): Promise<Refused | undefined> {
  const { kind, metadata } = object;
  const path = (kind === "Secret" ? paths.secrets : paths.configMaps)(settings.namespace, metadata.name);
  const annotations = {
    ...metadata.annotations,
    [ANNOTATIONS.prepared]: new Date(clock.now()).toISOString(),
  };
  const body = { ...object, metadata: { ...metadata, annotations } };
  const answer = await api.patch(path, { by: "apply", body, force: true }, call);
  if (answer.is === "ok") return undefined;
  if (answer.is === "refused" && answer.status === 422)
    return refused(
      "TEAL-K222",
      `${kind} ${metadata.name} could not be made: ${answer.cause.message}`,
      `If another one by this name is there, remove it: kubectl delete ${(kind ?? "").toLowerCase()} ${metadata.name}`,
    );
  return { is: "refused", cause: answer.cause, next: AGAIN };
}

/** Stores the revision, or finds it stored: it is the first one's, which may run already, that counts. */
async function store(
  { api, settings }: PrepareWith,
  rendered: RenderedRevision,
  origin: string,
  call: CallBy,
): Promise<Prepared> {
  const { revision } = rendered;
  const ready = (how: string): Prepared => ({ is: "ready", revision, detail: `${rendered.image}, ${how}` });
  const before = await loadRevision(api, settings, revision, call);
  if (before.is === "found") return ready("as prepared before");
  if (before.is === "unreadable") return { is: "refused", cause: before.cause, next: AGAIN };
  const object = storedRevision(rendered);
  if (object === undefined)
    return refused("TEAL-K215", `${origin} is too large to be kept`, "Make the Deployment smaller.");
  const answer = await api.create(paths.configMaps(settings.namespace), object, call);
  if (answer.is === "ok") return ready(`rendered from ${origin}`);
  if (answer.is === "refused" && answer.status !== 409)
    return { is: "refused", cause: answer.cause, next: AGAIN };
  // Someone else stored it meanwhile, or this request did and its answer was lost.
  const after = await loadRevision(api, settings, revision, call);
  if (after.is === "found") return ready(`rendered from ${origin}`);
  return { is: "refused", cause: answer.cause, next: AGAIN };
}

/** Whether an earlier revision can be started again exactly as it was: it is stored, and its copies are there. */
export async function recall(
  { api, settings }: Pick<PrepareWith, "api" | "settings">,
  revision: Revision,
  signal: AbortSignal,
): Promise<Prepared> {
  const call = { signal };
  const loaded = await loadRevision(api, settings, revision, call);
  const next = `Deploy it anew: teal deploy ${revision.id}`;
  if (loaded.is === "missing") return { is: "refused", cause: loaded.cause, next };
  if (loaded.is === "unreadable") return { is: "refused", cause: loaded.cause, next: AGAIN };
  const { copies, image } = loaded.rendered;
  const looked = await inBatches(
    copies.filter(({ digest }) => digest !== undefined),
    async (copied) => [copied, await lookAt(api, settings, copied, call)] as const,
  );
  for (const [{ kind, copy }, answer] of looked) {
    if (answer.is === "absent")
      return refused("TEAL-K232", `${kind} ${copy}, which revision ${revision.id} uses, is gone`, next);
    if (answer.is !== "ok") return { is: "refused", cause: answer.cause, next: AGAIN };
  }
  return { is: "ready", revision, detail: `${image}, kept` };
}

function lookAt(api: Api, { namespace }: KubernetesSettings, { kind, copy }: Copied, call: CallBy) {
  return api.get((kind === "Secret" ? paths.secrets : paths.configMaps)(namespace, copy), call);
}

function summary(objects: readonly Content[]): string {
  return objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`).join(", ");
}

/** The API server's word ends the preparation; it is no fault of the template. */
function notAnswered(cause: Cause): TemplateError {
  return new TemplateError(cause.code, cause.message, AGAIN, cause.evidence);
}

async function inBatches<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  for (let i = 0; i < items.length; i += AT_ONCE)
    results.push(...(await Promise.all(items.slice(i, i + AT_ONCE).map(work))));
  return results;
}
