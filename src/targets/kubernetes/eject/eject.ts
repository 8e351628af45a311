import { setTimeout as sleep } from "node:timers/promises";
import { allTo, soleSlot } from "../../../core/routing.ts";
import {
  millis,
  type Cause,
  type Fence,
  type IntentId,
  type Millis,
  type Slot,
} from "../../../core/units.ts";
import type { TrafficRouter } from "../../../ports/router.ts";
import { templateName } from "../adoption/adoption.ts";
import { epochOf } from "../anchor.ts";
import type { Answer, Api, CallBy } from "../api/api.ts";
import type { Deployment, EndpointSlice, Labels, Pod, ReplicaSet, Service } from "../api/objects.ts";
import { paths } from "../api/paths.ts";
import { plainDeployment, plainLabels, plainTemplate, refill } from "./plain.ts";
import { namedService, slotDeployments } from "../look.ts";
import { LABELS } from "../names.ts";
import { lookAtSlices } from "../service-router/evidence.ts";
import { reaches, sameSelector, slotsOf, weightsOf } from "../service-router/selectors.ts";
import { operationsFor } from "../routing/guarded.ts";
import type { KubernetesSettings } from "../settings.ts";
import { selectorText } from "../slots/picture.ts";
import { isAdopted, slotRevision } from "../slots/revision.ts";
import { ownedBy, rolledOut, wantedOf } from "../slots/state.ts";
import { Troubles } from "../slots/troubles.ts";
import { loadRevision } from "../template/stored.ts";

/*
 * The way out: users are moved from the live slot to a plain Deployment, by the same guarded write as at any cutover,
 * and only then is anything taken away. Each part finds what an earlier run has done.
 */

export interface EjectWith {
  readonly api: Api;
  /** With the Service that users reach. */
  readonly settings: KubernetesSettings & { readonly routing: { readonly by: "service" } };
  readonly router: TrafficRouter;
  readonly fence: Fence;
  readonly intent: IntentId;
  /** Longest time that the live slot's pods may go on with what they work on. */
  readonly drainCap: Millis;
  /** The plain Deployment must be ready within this time. */
  readonly readyWithin: Millis;
  readonly progress: (line: string) => void;
}

export type Handed =
  /** Users reach this Deployment, and no slot works on anything any more. */
  | { readonly is: "handed"; readonly deployment: string; readonly selector: Labels }
  | { readonly is: "refused"; readonly cause: Cause; readonly next: string };

type Refused = Extract<Handed, { is: "refused" }>;

const AGAIN = "teal eject once more goes on from here";
/** Distance (ms) between two looks. */
const PACE = 100;

/** Moves users to the plain Deployment. */
export async function handOver(using: EjectWith, signal: AbortSignal): Promise<Handed> {
  const { api, settings, progress } = using;
  const call = { signal };
  const service = await get<Service>(api, paths.services(api.namespace, settings.routing.service), call);
  if ("is" in service) return service;
  const from = { api, settings, users: namedService(settings) };
  const look = await slotDeployments(from, "asked", call);
  if (look.is === "unreadable") return { is: "refused", cause: look.cause, next: AGAIN };
  const live = soleSlot(weightsOf(service.spec.selector, slotsOf(settings.service, look.deployments)));
  const serving = look.deployments.find(
    ({ metadata }) => live !== undefined && metadata.labels?.[LABELS.slot] === live,
  );
  const left = look.deployments.filter((each) => each !== serving && wantedOf(each) > 0).flatMap(slotOf);
  if (live === undefined || serving === undefined) return alreadyOut(using, service, left, signal);
  if (isAdopted(serving)) {
    progress(`deployment/${serving.metadata.name}, which was adopted, serves: it stays as it is`);
    return handed(using, serving, service.spec.selector ?? {}, left, signal);
  }
  const plain = await fill(using, serving, call);
  if ("is" in plain) return plain;
  const ready = await becomeReady(using, plain, signal);
  if (ready !== undefined) return undone(using, plain, ready, call);
  const selector = plain.after.spec.selector.matchLabels ?? {};
  const moved = await shift(using, selector, call);
  if (moved !== undefined) return { is: "refused", cause: moved, next: AGAIN };
  return handed(using, plain.after, selector, [live], signal);
}

function slotOf({ metadata }: Deployment): readonly Slot[] {
  const slot = metadata.labels?.[LABELS.slot];
  return slot === "blue" || slot === "green" ? [slot] : [];
}

/**
 * The selector says so; that traffic has followed is still to be seen, and the slots that users left may work on. An
 * earlier run may have been cut off before it had seen that.
 */
async function handed(
  using: EjectWith,
  to: Deployment,
  selector: Labels,
  left: readonly Slot[],
  signal: AbortSignal,
): Promise<Handed> {
  const { name } = to.metadata;
  if (left.length > 0) {
    const unseen = await confirmed(using, to, signal);
    if (unseen !== undefined) return { is: "refused", cause: unseen, next: AGAIN };
    using.progress(`users reach deployment/${name}`);
    await Promise.all(left.map((slot) => drained(using, slot, signal)));
  }
  if (signal.aborted) return { is: "refused", cause: CUT_OFF, next: AGAIN };
  return { is: "handed", deployment: name, selector };
}

/** The lease was lost, or the time is over: what was not waited for to its end is not done. */
const CUT_OFF: Cause = {
  code: "TEAL-K534",
  message:
    "cut off before the slots that users left were seen to be done with their work; nothing was removed",
};

/** An earlier run has moved users; or somebody else has. */
async function alreadyOut(
  using: EjectWith,
  service: Service,
  left: readonly Slot[],
  signal: AbortSignal,
): Promise<Handed> {
  const { api, settings } = using;
  const { selector = {} } = service.spec;
  const answer = await api.list<Deployment>(paths.deployments(api.namespace), {}, { signal });
  if (answer.is !== "ok") return { is: "refused", cause: answer.cause, next: AGAIN };
  const plain = answer.value.items.find(
    (each) =>
      each.metadata.labels?.[LABELS.slot] === undefined &&
      wantedOf(each) > 0 &&
      reaches(selector, each.spec.template.metadata?.labels ?? {}),
  );
  if (plain !== undefined) return handed(using, plain, selector, left, signal);
  const message = `Service ${settings.routing.service} reaches neither one slot alone nor a plain Deployment, so it cannot be told what is to be given back`;
  return {
    is: "refused",
    cause: { code: "TEAL-K530", message },
    next: "teal status shows who serves; deploy first",
  };
}

interface Plain {
  /** As it was before, to be put back; absent: it was made. */
  readonly before?: Deployment;
  readonly after: Deployment;
}

/** The plain Deployment with live's revision and size, made or filled. */
async function fill(
  { api, settings, progress }: EjectWith,
  serving: Deployment,
  call: CallBy,
): Promise<Plain | Refused> {
  const revision = slotRevision(serving);
  const loaded = revision === undefined ? undefined : await loadRevision(api, settings, revision, call);
  if (loaded?.is !== "found") {
    const cause = loaded?.cause ?? {
      code: "TEAL-K531",
      message: "what the live slot runs was named by nobody",
    };
    return { is: "refused", cause, next: "deploy a revision, which is kept then; after that: teal eject" };
  }
  const { rendered } = loaded;
  const template = await plainTemplate(api, rendered, call);
  const replicas = Math.max(1, wantedOf(serving), serving.status?.readyReplicas ?? 0);
  const name = templateName(settings);
  progress(`deployment/${name}: ${replicas} replicas of ${revision?.id}`);
  const path = paths.deployments(api.namespace, name);
  for (let tries = 1; ; tries++) {
    const seen = await api.get<Deployment>(path, call);
    if (seen.is !== "ok" && seen.is !== "absent") return { is: "refused", cause: seen.cause, next: AGAIN };
    if (seen.is === "ok" && !sameSelector(seen.value.spec.selector.matchLabels, plainLabels(rendered)))
      return {
        is: "refused",
        cause: other(seen.value),
        next: "name the template in teal.yaml, or remove that Deployment",
      };
    const wrote: Answer<Deployment> =
      seen.is === "ok"
        ? await api.patch(path, { by: "json", operations: refill(seen.value, template, replicas) }, call)
        : await api.create(
            paths.deployments(api.namespace),
            plainDeployment(name, rendered, template, replicas),
            call,
          );
    if (wrote.is === "ok") return { after: wrote.value, ...(seen.is === "ok" ? { before: seen.value } : {}) };
    const raced = wrote.is === "absent" || (wrote.is === "refused" && [409, 422].includes(wrote.status));
    if (!raced || tries === TRIES) return { is: "refused", cause: wrote.cause, next: AGAIN };
  }
}

const TRIES = 6;

function other({ metadata }: Deployment): Cause {
  const message = `deployment/${metadata.name} is there and selects other pods than the template's`;
  return { code: "TEAL-K532", message };
}

/** Waits until it is rolled out; why not, when that is sure or the time is over. */
async function becomeReady(
  { api, readyWithin, progress }: EjectWith,
  { after }: Plain,
  signal: AbortSignal,
): Promise<Cause | undefined> {
  const troubles = new Troubles(api, () => performance.now());
  const end = performance.now() + readyWithin;
  const path = paths.deployments(api.namespace, after.metadata.name);
  for (;;) {
    const answer = await api.get<Deployment>(path, { signal });
    if (answer.is === "ok" && rolledOut(answer.value)) {
      progress(`deployment/${after.metadata.name} is ready`);
      return undefined;
    }
    const stuck = answer.is === "ok" ? await stuckOf(api, troubles, answer.value, signal) : undefined;
    if (stuck?.sure === true) return stuck.cause;
    if (performance.now() > end || signal.aborted) {
      const message = `deployment/${after.metadata.name} was not ready within ${readyWithin / 1_000} s`;
      return stuck?.cause ?? { code: "TEAL-K533", message };
    }
    await sleep(PACE * 3, undefined, { signal }).catch(() => undefined);
  }
}

async function stuckOf(api: Api, troubles: Troubles, deployment: Deployment, signal: AbortSignal) {
  const labels = selectorText(deployment.spec.selector);
  const [sets, pods] = await Promise.all([
    api.list<ReplicaSet>(paths.replicaSets(api.namespace), { labels }, { signal }),
    api.list<Pod>(paths.pods(api.namespace), { labels }, { signal }),
  ]);
  if (sets.is !== "ok" || pods.is !== "ok") return undefined;
  const own = ownedBy(pods.value.items, ownedBy(sets.value.items, [deployment]));
  return troubles.look({ slot: "blue", deployment, pods: own }, { signal });
}

/** Users were not moved: the plain Deployment goes back to what it was. */
async function undone(
  { api }: EjectWith,
  { before, after }: Plain,
  cause: Cause,
  call: CallBy,
): Promise<Refused> {
  const { name, uid } = after.metadata;
  const path = paths.deployments(api.namespace, name);
  const back =
    before === undefined ? await api.remove(path, { ...(uid && { uid }) }, call) : await refilled();
  const left =
    back.is === "ok" || back.is === "absent"
      ? ""
      : `, and deployment/${name} is not what it was (${back.cause.message})`;
  return {
    is: "refused",
    cause,
    next: `users stayed on the live slot${left}. Remove the cause, then: teal eject`,
  };

  function refilled(): Promise<Answer<Deployment>> {
    const operations = [
      { op: "replace", path: "/spec/template", value: before?.spec.template },
      { op: "add", path: "/spec/replicas", value: wantedOf(before) },
    ] as const;
    return api.patch<Deployment>(path, { by: "json", operations }, call);
  }
}

/** Writes the selector if epoch and selector are what was read; again when somebody else was faster. */
async function shift(
  { api, settings, fence, intent }: EjectWith,
  selector: Labels,
  call: CallBy,
): Promise<Cause | undefined> {
  const path = paths.services(api.namespace, settings.routing.service);
  for (let tries = 1; ; tries++) {
    const seen = await api.get<Service>(path, call);
    if (seen.is !== "ok") return seen.cause;
    const epoch = epochOf(seen.value);
    // The patch tests the epoch that was just read: whoever was shut out meanwhile has to see it here.
    if (epoch > fence)
      return { code: "TEAL-K537", message: `somebody else holds the service now (fence ${epoch})` };
    const before = seen.value.spec.selector;
    const change = {
      field: "/spec/selector",
      before,
      ...(sameSelector(before, selector) ? {} : { after: selector }),
    };
    const operations = operationsFor(seen.value, change, { fence, intent });
    const wrote = await api.patch<Service>(path, { by: "json", operations }, call);
    if (wrote.is === "ok") return undefined;
    if (wrote.is !== "refused" || wrote.status !== 422 || tries === TRIES) return wrote.cause;
  }
}

/** The EndpointSlices hold only ready pods of the Deployment, and every node had the time to follow. */
async function confirmed(
  { api, settings }: EjectWith,
  plain: Deployment,
  signal: AbortSignal,
): Promise<Cause | undefined> {
  const { service } = settings.routing;
  const end = performance.now() + CONFIRM_WITHIN;
  const of = { labels: `kubernetes.io/service-name=${service}` };
  for (;;) {
    const [slices, pods] = await Promise.all([
      api.list<EndpointSlice>(paths.endpointSlices(api.namespace), of, { signal }),
      api.list<Pod>(paths.pods(api.namespace), { labels: selectorText(plain.spec.selector) }, { signal }),
    ]);
    const blue = new Set(
      (pods.is === "ok" ? pods.value.items : []).map(({ metadata }) => metadata.uid ?? ""),
    );
    const items = slices.is === "ok" ? slices.value.items : [];
    const seen = lookAtSlices(items, { blue, green: new Set() }, allTo("blue"));
    if (slices.is === "ok" && pods.is === "ok" && seen.agree) break;
    if (performance.now() > end || signal.aborted)
      return {
        code: "TEAL-K534",
        message: `Service ${service} was moved, and its endpoints do not show it yet: ${seen.detail}`,
      };
    await sleep(PACE, undefined, { signal }).catch(() => undefined);
  }
  await sleep(settings.propagation, undefined, { signal }).catch(() => undefined);
  return signal.aborted ? CUT_OFF : undefined;
}

const CONFIRM_WITHIN = 60_000;

/** The slot's pods end what they work on: until they say that it is nothing, or the cap. */
async function drained(
  { router, drainCap, progress }: EjectWith,
  slot: Slot,
  signal: AbortSignal,
): Promise<void> {
  const end = performance.now() + drainCap;
  for (;;) {
    const read = await router.residual(slot, signal);
    const inFlight = read.is === "seen" ? read.value.inFlight : undefined;
    if (inFlight === 0 || performance.now() > end || signal.aborted) {
      progress(`${slot}: ${inFlight === undefined ? "the drain's time is over" : `${inFlight} in flight`}`);
      return;
    }
    await sleep(millis(PACE * 3), undefined, { signal }).catch(() => undefined);
  }
}

async function get<T extends Service>(api: Api, path: string, call: CallBy): Promise<T | Refused> {
  const answer = await api.get<T>(path, call);
  return answer.is === "ok" ? answer.value : { is: "refused", cause: answer.cause, next: AGAIN };
}
