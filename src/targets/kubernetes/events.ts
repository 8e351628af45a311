import type { Direction, JournalEvent } from "../../core/journal.ts";
import { soleSlot, type Weights } from "../../core/routing.ts";
import type { Instant, Slot } from "../../core/units.ts";
import type { Notifier } from "../../ports/notifier.ts";
import type { Api, CallBy } from "./api/api.ts";
import type { KubeObject } from "./api/objects.ts";
import { paths } from "./api/paths.ts";
import { FIELD_MANAGER, slotName } from "./names.ts";

/*
 * What became of the traffic, as Events of Kubernetes on the Service and on the slot's Deployment: `kubectl describe` and
 * every dashboard show them. Best effort: an Event that cannot be written changes nothing.
 */

/** Something worth an Event, and whose Deployment it is about. */
export interface Told {
  readonly slot: Slot;
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
}

/** A notifier that also waits for what it began, when its process is about to end. */
export interface EventNotifier extends Notifier {
  settled(): Promise<void>;
}

/** So long (ms) an Event may take; a deployment waits for none, only the end of the process does. */
const AT_MOST = 2_000;

/**
 * @param route name of the Service that users reach, where there is one.
 * @param others is told too, first.
 */
export function createEventNotifier(
  api: Api,
  service: string,
  route: (signal: AbortSignal) => Promise<string | undefined>,
  others?: Notifier,
): EventNotifier {
  const under = new Set<Promise<void>>();
  const worthTelling = createTeller();
  return {
    tell(event) {
      others?.tell(event);
      const told = worthTelling(event);
      if (told === undefined) return;
      const signal = AbortSignal.timeout(AT_MOST);
      const writing = writeAll(api, service, route, told, event.at, { signal })
        .catch(() => undefined)
        .finally(() => under.delete(writing));
      under.add(writing);
    },
    settled: async () => {
      await Promise.all(under);
    },
  };
}

/** Which events are worth telling. Remembers the shifts that are under way, and nothing else. */
export function createTeller(): (event: JournalEvent) => Told | undefined {
  const shifts = new Map<string, { readonly to: Weights; readonly dir: Direction }>();
  return (event) => {
    if (event.kind === "intent" && event.call.call === "shift")
      shifts.set(event.intent, { to: event.call.to, dir: event.dir });
    if (event.kind === "closed") return closedAs(event);
    if (event.kind !== "outcome" || event.result !== "applied") return undefined;
    const shift = shifts.get(event.intent);
    const slot = shift === undefined ? undefined : soleSlot(shift.to);
    if (shift === undefined || slot === undefined) return undefined;
    return shift.dir === "forward"
      ? { slot, type: "Normal", reason: "Cutover", message: `users reach ${slot}` }
      : { slot, type: "Warning", reason: "Reverted", message: `users reach ${slot} again` };
  };
}

function closedAs({ outcome, serves, cause }: Extract<JournalEvent, { kind: "closed" }>): Told | undefined {
  const { slot, revision = "an unknown revision" } = serves;
  if (slot !== "blue" && slot !== "green") return undefined;
  if (outcome === "done")
    return { slot, type: "Normal", reason: "Deployed", message: `${revision} is live on ${slot}` };
  if (outcome !== "reverted") return undefined;
  const because = cause === undefined ? "" : `: ${cause.message} (${cause.code})`;
  return {
    slot,
    type: "Warning",
    reason: "DeploymentReverted",
    message: `${revision} stays live on ${slot}${because}`,
  };
}

async function writeAll(
  api: Api,
  service: string,
  route: (signal: AbortSignal) => Promise<string | undefined>,
  told: Told,
  at: Instant,
  call: CallBy,
): Promise<void> {
  const name = await route(call.signal);
  await Promise.all([
    writeOne(
      api,
      { kind: "Deployment", apiVersion: "apps/v1" },
      slotName(service, told.slot),
      told,
      at,
      call,
    ),
    name === undefined
      ? undefined
      : writeOne(api, { kind: "Service", apiVersion: "v1" }, name, told, at, call),
  ]);
}

type Kind =
  | { readonly kind: "Deployment"; readonly apiVersion: "apps/v1" }
  | { readonly kind: "Service"; readonly apiVersion: "v1" };

async function writeOne(
  api: Api,
  kind: Kind,
  name: string,
  { type, reason, message }: Told,
  at: Instant,
  call: CallBy,
): Promise<void> {
  const { namespace } = api;
  const path = kind.kind === "Service" ? paths.services : paths.deployments;
  const about = await api.get<KubeObject>(path(namespace, name), call);
  if (about.is !== "ok") return;
  const { uid, resourceVersion } = about.value.metadata;
  const time = new Date(at).toISOString().replace(/\.\d+Z$/u, "Z");
  const body = {
    apiVersion: "v1",
    kind: "Event",
    metadata: { generateName: `${name}.` },
    involvedObject: { ...kind, namespace, name, uid, resourceVersion },
    type,
    reason,
    message: message.slice(0, MESSAGE_LENGTH),
    source: { component: FIELD_MANAGER },
    firstTimestamp: time,
    lastTimestamp: time,
    count: 1,
  };
  await api.create(paths.events(namespace), body, call);
}

/** Longest message of an Event, by its API. */
const MESSAGE_LENGTH = 1_000;
