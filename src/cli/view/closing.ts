import type { Deployment } from "../../core/deployment.ts";
import { destination } from "../../core/deployment.ts";
import type { JournalEvent } from "../../core/journal.ts";
import { assertNever } from "../../core/units.ts";
import type { Line } from "./line.ts";
import type { Moment } from "./moment.ts";
import { firstShare, sawCutover, shiftedAt, trafficSeen, turnedAt } from "./past.ts";
import { sentence, servesInWords, tookInWords } from "./words.ts";

/** The last lines of a deployment: what happened, who serves, what to do next. */
type Closed = Extract<JournalEvent, { kind: "closed" }>;
type Verdict = Extract<JournalEvent, { kind: "verdict" }>;

export function closingLines(event: Closed, moment: Moment): readonly Line[] {
  switch (event.outcome) {
    case "done":
      return doneLines(event, moment);
    case "unchanged":
      return say(event, "result", `Nothing to do. ${servesInWords(event.serves)}`);
    case "reverted":
      return revertedLines(event, moment);
    case "refused":
    case "undecided":
      return undecidedLines(event, moment);
    default:
      return assertNever(event.outcome);
  }
}

/** The candidate is proven and has everything; the previous slot is kept. This is where `teal deploy` ends. */
export function warmLines(event: Verdict, moment: Moment): readonly Line[] {
  const { after, past, context } = moment;
  const previous = previousRevision(after);
  const until = event.hold?.until;
  const back =
    previous === undefined || until === undefined
      ? []
      : say(
          event,
          "plain",
          `Back to ${previous}${backInWords(past)} until ${context.clock(until)}: teal rollback${context.suffix}`,
        );
  return [
    ...say(
      event,
      "result",
      `${liveSentence(after)}${measured(past)} Took ${tookInWords(event.at - after.opened)}.`,
    ),
    ...back,
  ];
}

/** Going back is the same change of traffic, so it takes what the cutover took. */
function backInWords(past: readonly JournalEvent[]): string {
  const began = shiftedAt(past);
  const proven = past.findLast((event) => event.kind === "verdict" && event.of.startsWith("confirm"))?.at;
  if (began === undefined || proven === undefined) return "";
  return proven - began < 1_000 ? " in <1 s" : ` in about ${tookInWords(proven - began)}`;
}

function doneLines(event: Closed, moment: Moment): readonly Line[] {
  const { after, past } = moment;
  const kept = past.some(
    (each) => each.kind === "verdict" && each.then === "hold" && each.of.startsWith("warm"),
  );
  const { serving } = after.plan.baseline;
  if (kept)
    return say(
      event,
      "result",
      `${liveSentence(after)} ${serving === "nobody" ? "" : `${sentence(serving)} is retired; logs are kept.`}`.trimEnd(),
    );
  return say(
    event,
    "result",
    `${liveSentence(after)}${measured(past)} Took ${tookInWords(event.at - after.opened)}.`,
  );
}

function liveSentence({ plan }: Deployment): string {
  return `${plan.candidate.revision.id} is live on ${plan.candidate.slot}.`;
}

/** Only what was counted in this very run is said. */
function measured(past: readonly JournalEvent[]): string {
  const numbers = trafficSeen(past);
  if (numbers?.["lost"] !== undefined && numbers["requests"] !== 0)
    return ` Lost requests: ${numbers["lost"].toLocaleString("en-US")}.`;
  return "";
}

function revertedLines(event: Closed, moment: Moment): readonly Line[] {
  const { after, past, context } = moment;
  const { plan, cause } = after;
  const name = plan.candidate.revision.id;
  const moved = sawCutover(past, after);
  const what =
    cause === undefined ? (warmBefore(past) ? "rolled back" : "aborted") : moved ? "reverted" : "rejected";
  const users = moved ? `${nowLive(after)}${harm(event, moment)}` : stayed(after);
  const next =
    cause === undefined
      ? `teal deploy${context.suffix} when it is ready. More: teal logs r${context.number}${context.suffix}`
      : nextAfter(moved, name, moment);
  const who = cause === undefined ? by(after) : "";
  const head = moved
    ? `${name} ${what}${who}; ${users}`
    : `${name} ${what}${who}. ${users}${stoppedCandidate(moment)}`;
  return [
    ...say(event, "result", head),
    ...say(event, "plain", `Next: ${next}`),
    ...code(event, moment, cause?.code),
  ];
}

function by({ abortedBy }: Deployment): string {
  return abortedBy === undefined ? "" : ` by ${abortedBy}`;
}

function nowLive(deployment: Deployment): string {
  const previous = previousRevision(deployment);
  return previous === undefined ? "nothing was live before it." : `${previous} is live.`;
}

function stayed(deployment: Deployment): string {
  const previous = previousRevision(deployment);
  return previous === undefined
    ? "Nothing was live before; no traffic moved."
    : `Users stayed on ${previous}; no traffic moved.`;
}

function stoppedCandidate({ past, after }: Moment): string {
  const { slot } = after.plan.candidate;
  const stopped = past.some(
    (each) =>
      each.kind === "verdict" &&
      each.dir === "back" &&
      each.result === "pass" &&
      each.of === `back-retire-${slot}`,
  );
  return stopped ? ` ${sentence(slot)} stopped, logs kept.` : "";
}

/** What users saw of it, where it was counted. */
function harm(event: Closed, { past, after }: Moment): string {
  const counted = trafficSeen(past);
  // What was counted to the very end; at the verdict some requests were still under way.
  const numbers = event.users === undefined ? counted : { ...event.users };
  const from = firstShare(past, after);
  const until = turnedAt(past)?.at;
  const failed = numbers?.["failed"];
  const requests = numbers?.["requests"] ?? 0;
  if (failed === undefined || requests === 0) return "";
  const time = from === undefined || until === undefined ? "" : ` in ${tookInWords(until - from)}`;
  return ` Users saw ${failed.toLocaleString("en-US")} errors of ${requests.toLocaleString("en-US")} requests${time}.`;
}

function nextAfter(moved: boolean, name: string, { context }: Moment): string {
  const logs = `teal logs r${context.number}${moved ? " --errors" : ""}${context.suffix}`;
  return moved
    ? `${logs}. Redeploying ${name} needs --retry-reverted.`
    : `fix the cause and rerun (no flag needed). More: ${logs}`;
}

function undecidedLines(event: Closed, moment: Moment): readonly Line[] {
  const { context } = moment;
  const cause = event.cause ?? moment.after.cause;
  return [
    ...say(
      event,
      "result",
      `${moment.after.plan.candidate.revision.id}: ${cause?.message ?? "it could not be brought to an end"}. A person has to look.`,
    ),
    ...say(event, "plain", servesInWords(event.serves)),
    ...say(
      event,
      "plain",
      `Next: teal status${context.suffix}. More: teal logs r${context.number}${context.suffix}`,
    ),
    ...code(event, moment, cause?.code),
  ];
}

function warmBefore(past: readonly JournalEvent[]): boolean {
  return past.some((each) => each.kind === "verdict" && each.then === "hold" && each.of.startsWith("warm"));
}

function previousRevision(deployment: Deployment): string | undefined {
  const slot = destination(deployment.plan);
  return slot === undefined ? undefined : deployment.plan.baseline.slots[slot].revision?.id;
}

function code(event: Closed, { context }: Moment, cause: string | undefined): readonly Line[] {
  const exit = context.exits?.[event.outcome];
  const parts = [cause, exit === undefined || exit === 0 ? undefined : `exit ${exit}`].filter(
    (part) => part !== undefined,
  );
  return parts.length === 0 ? [] : say(event, "code", parts.join(", "));
}

function say(
  event: { readonly at: Closed["at"] },
  tone: Extract<Line, { is: "say" }>["tone"],
  text: string,
): readonly Line[] {
  return [{ is: "say", at: event.at, tone, text }];
}
