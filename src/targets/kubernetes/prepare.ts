import type { Revision } from "../../core/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Prepared } from "../../ports/target.ts";
import type { Api, CallBy } from "./api/api.ts";
import { paths } from "./api/paths.ts";
import { ANNOTATIONS, slotName } from "./names.ts";
import type { KubernetesSettings } from "./settings.ts";
import { usersOf, type Selecting } from "./template/distinguish.ts";
import { AGAIN, inBatches, readAround, readContents } from "./template/gather.ts";
import { renderSlot } from "./template/render.ts";
import { refused, TemplateError, type Refused } from "./template/refused.ts";
import type { Copied, RenderedRevision } from "./template/rendered.ts";
import { renderRevision } from "./template/revision.ts";
import { copyOf, type Content } from "./template/snapshot.ts";
import { readTemplate } from "./template/source.ts";
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
  const around = await readAround(using, template, call);
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
  const untakeable = await rehearse(using, rendered, template.origin, call);
  if (untakeable !== undefined) return untakeable;
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

/**
 * Asks the API server whether it would take the slot's Deployment: an unknown field, a value out of range or the no of
 * an admission policy is better heard now than when the deployment is open.
 */
async function rehearse(
  { api, settings }: PrepareWith,
  rendered: RenderedRevision,
  origin: string,
  call: CallBy,
): Promise<Refused | undefined> {
  const { deployment } = renderSlot(rendered, "blue", 0);
  const answer = await api.create(`${paths.deployments(settings.namespace)}?dryRun=All`, deployment, call);
  if (answer.is === "ok") return undefined;
  if (answer.is !== "refused") return { is: "refused", cause: answer.cause, next: AGAIN };
  // It exists: that is looked at last, when everything else was found right.
  if (answer.status === 409) return undefined;
  // A webhook that cannot be asked without effect.
  if (answer.status === 400 && /dry.?run/i.test(answer.cause.message)) return undefined;
  if (answer.status !== 400 && answer.status !== 422)
    return {
      is: "refused",
      cause: answer.cause,
      next: "Grant the right, or satisfy the policy, that it names.",
    };
  return refused(
    "TEAL-K216",
    `the API server would not take the Deployment made from ${origin}: ${answer.cause.message}`,
    "Correct the template.",
    answer.cause.evidence,
  );
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
