import type { Status } from "../../api/status.ts";
import { currentStep } from "../../core/deployment.ts";
import { readyReplicas, type Read, type SlotState } from "../../core/observed.ts";
import type { Hold } from "../../core/state.ts";
import { SLOTS, assertNever, type Cause, type Instant, type Slot } from "../../core/units.ts";
import { padded, printable } from "./width.ts";
import { labelOf, servesInWords, tookInWords } from "./words.ts";

export interface StatusContext {
  readonly suffix: string;
  readonly now: Instant;
  readonly clock: (at: Instant) => string;
  readonly address?: string;
  readonly preview?: string;
}

/** `teal status` as lines: who serves first, then the slots, what is under way, and what can be done. */
export function statusLines(status: Status, context: StatusContext): readonly string[] {
  const { service, environment, place, observed } = status;
  const address = context.address === undefined ? "" : `    ${context.address}`;
  const unreadable = tellingOnce();
  const traffic =
    observed.routing.is === "unreadable" ? [`traffic  ${unreadable(observed.routing.cause)}`] : [];
  const neverDeployed =
    status.last === undefined &&
    status.open === undefined &&
    status.serves.slot === "nobody" &&
    status.store === undefined;
  const lines = [
    `${service} · ${environment}@${place}${address}`,
    neverDeployed ? "Nothing was deployed here yet." : servesInWords(status.serves),
    ...traffic,
    ...(neverDeployed ? [] : SLOTS.map((slot) => slotLine(slot, status, context, unreadable))),
    ...openLines(status, context),
    ...lastLine(status, context),
    ...(status.store === undefined ? [] : [`The journal ${unreadable(status.store)}`]),
    ...(neverDeployed ? [`Next: teal deploy${context.suffix}`] : []),
  ];
  return lines.map(printable);
}

/** Where nothing can be reached, everything is unreadable for one reason, which is said in full once. */
function tellingOnce(): (cause: Cause) => string {
  const told = new Set<string>();
  return ({ code, message }) => {
    const again = told.has(message);
    told.add(message);
    return again ? `could not be read either (${code})` : `could not be read: ${message} (${code})`;
  };
}

function slotLine(
  slot: Slot,
  { observed }: Status,
  context: StatusContext,
  unreadable: (cause: Cause) => string,
): string {
  const { routing } = observed;
  const weights = routing.is === "seen" ? routing.value.weights : undefined;
  const share = weights === undefined ? "" : weights === "pool" ? "pool" : `${weights[slot]} %`;
  const idle = weights !== undefined && weights !== "pool" && weights[slot] === 0;
  const preview =
    idle && context.preview !== undefined && hasReplicas(observed.slots[slot])
      ? `  preview ${context.preview}`
      : "";
  return `  ${padded(slot, 6)} ${padded(share, 6)} ${slotFacts(observed.slots[slot], unreadable)}${preview}`.trimEnd();
}

function hasReplicas(read: Read<SlotState>): boolean {
  return read.is === "seen" && read.value.replicas.length > 0;
}

function slotFacts(read: Read<SlotState>, unreadable: (cause: Cause) => string): string {
  if (read.is === "unreadable") return unreadable(read.cause);
  const { revision, wanted, replicas } = read.value;
  if (wanted === 0 && replicas.length === 0) return "empty";
  const restarts = replicas.reduce((sum, replica) => sum + replica.restarts, 0);
  const unwell = replicas
    .filter((replica) => replica.phase !== "ready")
    .map((replica) => `${replica.id} ${replica.phase}`);
  return [
    `${revision?.id ?? "unknown revision"}  ${readyReplicas(read.value).length}/${wanted} ready`,
    ...(restarts === 0 ? [] : [`${restarts} restart${restarts === 1 ? "" : "s"}`]),
    ...unwell,
  ].join(", ");
}

function openLines({ open }: Status, context: StatusContext): readonly string[] {
  if (open === undefined) return [];
  const { deployment, number, holder, overdue, allowed } = open;
  const { candidate } = deployment.plan;
  return [
    `r${number} (${candidate.revision.id} on ${candidate.slot}) ${stateInWords(open, context)}`,
    ...(holder === undefined ? [] : [`  advanced by ${holder}`]),
    ...(deployment.cause === undefined ? [] : [`  ${deployment.cause.message} (${deployment.cause.code})`]),
    ...(overdue === undefined ? [] : [`  overdue: ${overdue}. Next: teal resume${context.suffix}`]),
    `  possible now: ${allowed.length === 0 ? "waiting for it" : allowed.map((name) => `teal ${name}`).join(", ")}`,
  ];
}

function stateInWords({ deployment }: NonNullable<Status["open"]>, { clock, now }: StatusContext): string {
  const { state } = deployment;
  const step = currentStep(deployment);
  const since = `for ${tookInWords(Math.max(0, now - deployment.since))}`;
  switch (state.is) {
    case "running":
      return `${state.dir === "back" ? "goes back" : "is under way"}: ${step === undefined ? "ending" : labelOf(step)}, ${since}`;
    case "waiting":
      if (state.for === "history") return unwatchedInWords(state.until, clock);
      return `waits for ${waitsFor(state.for)} until ${clock(state.until)}, then ${THEN[state.otherwise]}`;
    case "warm":
      return `is proven; the previous slot is kept warm until ${clock(state.until)}`;
    case "finished":
      return `ended: ${state.outcome}`;
    default:
      return assertNever(state);
  }
}

function unwatchedInWords(until: Instant, clock: (at: Instant) => string): string {
  return `has all the traffic and nobody watches it: no automatic revert until teal resume, which from ${clock(until)} on judges the bake by its metrics' history`;
}

const THEN = { proceed: "goes on", revert: "goes back", stop: "stops as it is" } as const;

function waitsFor(what: Exclude<Hold["for"], "history">): string {
  return {
    gate: "its gate",
    drift: "a decision about drift",
    outage: "an outage to end",
    unreadable: "the target to be readable",
    operator: "a person",
  }[what];
}

function lastLine({ last }: Status, { now }: StatusContext): readonly string[] {
  if (last === undefined) return [];
  const cause = last.cause === undefined ? "" : `, ${last.cause.code}`;
  return [
    `last: r${last.number} (${last.revision}) ${last.outcome}${cause}, ${tookInWords(Math.max(0, now - last.closed))} ago`,
  ];
}
