import { apply, begin, currentStep, type Deployment } from "../../core/deployment.ts";
import type { JournalEvent } from "../../core/journal.ts";
import type { Step } from "../../core/plan.ts";
import { assertNever, millis, type Instant } from "../../core/units.ts";
import { closingLines, warmLines } from "./closing.ts";
import type { Line } from "./line.ts";
import type { Moment, ViewContext } from "./moment.ts";
import { sawCutover, shiftedAt, turnedAt } from "./past.ts";
import { labelOf, placeOf, tookInWords } from "./words.ts";

/**
 * A deployment as lines, from its journal alone: whoever reads the same events sees the same lines. More events only
 * add lines; those that are there never change.
 */
export function view(events: readonly JournalEvent[], context: ViewContext): readonly Line[] {
  const lines: Line[] = [];
  let deployment: Deployment | undefined;
  events.forEach((event, index) => {
    const before = deployment;
    if (before !== undefined) deployment = apply(before, event).deployment;
    else if (event.kind === "opened") deployment = begin(event).deployment;
    if (deployment === undefined) throw new Error("journal does not begin with `opened`");
    lines.push(
      ...linesOf(event, {
        before: before ?? deployment,
        after: deployment,
        past: events.slice(0, index + 1),
        context,
      }),
    );
  });
  return lines;
}

function linesOf(event: JournalEvent, moment: Moment): readonly Line[] {
  const { at } = event;
  switch (event.kind) {
    case "opened":
      return [{ is: "say", at, tone: "head", text: header(moment.after, moment.context) }];
    case "verdict":
      return verdictLines(event, moment);
    case "drift":
      return [
        {
          is: "step",
          at,
          mark: "bad",
          label: "drift",
          text: `expected ${event.expected}, found ${event.observed}`,
        },
        ...waitLines(
          at,
          event.hold.until,
          event.hold.otherwise,
          moment.context,
          `teal resume --accept-drift${moment.context.suffix}`,
        ),
      ];
    case "asked": {
      const because = event.because === undefined ? "" : ` (${event.because})`;
      const what = { abort: "abort", promote: "promote", acceptDrift: "drift accepted" }[event.ask];
      return [
        {
          is: "step",
          at,
          mark: event.ask === "abort" ? "back" : "note",
          label: "asked",
          text: `${what}, by ${event.by}${because}`,
        },
      ];
    }
    case "claimed": {
      const { holder } = moment.before;
      const other = holder !== undefined && holder.name !== event.holder.name;
      return other ? [{ is: "say", at, tone: "quiet", text: `goes on in ${event.holder.name}` }] : [];
    }
    case "closed":
      return closingLines(event, moment);
    case "outcome": {
      const failed = event.result !== "applied" && event.result !== "unchanged" && event.cause !== undefined;
      return failed
        ? [{ is: "say", at, tone: "quiet", text: `write ${event.result}: ${event.cause?.message}` }]
        : [];
    }
    case "intent":
    case "replanned":
    case "borrowed":
      return [];
    default:
      return assertNever(event);
  }
}

type Verdict = Extract<JournalEvent, { kind: "verdict" }>;

function verdictLines(event: Verdict, moment: Moment): readonly Line[] {
  switch (event.then) {
    case "next":
      return passLines(event, moment);
    case "back":
      return failLines(event, moment);
    case "hold":
      return holdLines(event, moment);
    case "again":
      return [
        { is: "step", at: event.at, mark: "note", label: labelFor(event, moment), text: event.facts.summary },
      ];
    case "note":
      return [{ is: "say", at: event.at, tone: "quiet", text: `${event.of}: ${event.facts.summary}` }];
    default:
      return assertNever(event.then);
  }
}

function passLines(event: Verdict, moment: Moment): readonly Line[] {
  const { at } = event;
  const step = stepOf(event, moment);
  if (step === undefined || step.do === "restore") return [];
  const text = event.facts.summary;
  const label = labelOf(step);
  if (event.result !== "pass") return [{ is: "step", at, mark: "note", label, text }];
  if (step.do === "shift") return [];
  if (step.do === "confirm") {
    const proven = event.dir === "back" ? revertLine(event, moment) : [shiftLine(event, step, moment)];
    return event.facts.detail === undefined || proven.length === 0
      ? proven
      : [...proven, { is: "say", at, tone: "quiet", text: event.facts.detail }];
  }
  if (step.do === "warm") return step.for === 0 ? [] : [{ is: "step", at, mark: "good", label, text }];
  // Of a watch the length is the first thing its own text says.
  const took = event.took === undefined || step.do === "bake" ? {} : { took: event.took };
  return [{ is: "step", at, mark: "good", label, text, ...took }];
}

/** From the write's intent to the proof that traffic follows it. */
function shiftLine(event: Verdict, step: Step, { past }: Moment): Line {
  const began = shiftedAt(past);
  const took = began === undefined ? {} : { took: millis(event.at - began) };
  return { is: "step", at: event.at, mark: "good", label: labelOf(step), text: event.facts.summary, ...took };
}

/** Said only where traffic had moved: a candidate that nobody was sent to leaves nothing to revert. */
function revertLine(event: Verdict, { past, after }: Moment): readonly Line[] {
  if (!sawCutover(past, after)) return [];
  const turned = turnedAt(past);
  const since = turned === undefined ? "" : `, ${tookInWords(event.at - turned.at)} after the ${turned.by}`;
  return [
    { is: "step", at: event.at, mark: "back", label: "revert", text: `${event.facts.summary}${since}` },
  ];
}

function failLines(event: Verdict, moment: Moment): readonly Line[] {
  const { at, facts, cause } = event;
  const evidence = [
    ...counted(cause?.evidence ?? []),
    ...(facts.log ?? [])
      .filter((line) => cause?.evidence?.includes(line) !== true)
      .map((line) => `log ${line}`),
  ];
  return [
    {
      is: "step",
      at,
      mark: "bad",
      label: labelFor(event, moment),
      text: facts.summary,
      ...(event.took === undefined ? {} : { took: event.took }),
    },
    ...evidence.map((text): Line => ({ is: "detail", at, text })),
  ];
}

/** Equal lines once, with how often they were seen. */
function counted(lines: readonly string[]): readonly string[] {
  return [...new Set(lines)].map((line) => {
    const times = lines.filter((each) => each === line).length;
    return times === 1 ? line : `${line} ×${times}`;
  });
}

function holdLines(event: Verdict, moment: Moment): readonly Line[] {
  const { at, hold, facts, cause } = event;
  const { context } = moment;
  const step = stepOf(event, moment);
  if (step?.do === "warm") return warmLines(event, moment);
  if (hold === undefined) return [];
  if (hold.for === "gate") {
    return [
      { is: "step", at, mark: "wait", label: "gate", text: facts.summary },
      ...waitLines(
        at,
        hold.until,
        hold.otherwise,
        context,
        `teal promote${context.suffix}, or teal abort${context.suffix}`,
      ),
    ];
  }
  if (hold.for === "history") {
    const resume = `teal resume${context.suffix}`;
    return [
      { is: "step", at, mark: "wait", label: labelFor(event, moment), text: facts.summary },
      {
        is: "detail",
        at,
        text: `from ${context.clock(hold.until)} on ${resume} judges it by its metrics' history`,
      },
      { is: "detail", at, text: `answer: ${resume}, or teal rollback${context.suffix}` },
    ];
  }
  return [
    { is: "step", at, mark: "bad", label: labelFor(event, moment), text: cause?.message ?? facts.summary },
    ...(cause?.evidence ?? []).map((text): Line => ({ is: "detail", at, text })),
    ...waitLines(
      at,
      hold.until,
      hold.otherwise,
      context,
      `teal resume${context.suffix}, or teal abort${context.suffix}`,
    ),
  ];
}

const BY_ITSELF = {
  proceed: "then it goes on by itself",
  revert: "then it goes back",
  stop: "then it stops as it is",
} as const;

function waitLines(
  at: Instant,
  until: Instant,
  otherwise: keyof typeof BY_ITSELF,
  context: ViewContext,
  answers: string,
): readonly Line[] {
  return [
    { is: "detail", at, text: `waits until ${context.clock(until)}, ${BY_ITSELF[otherwise]}` },
    { is: "detail", at, text: `answer: ${answers}` },
  ];
}

/** A guard speaks beside the step that runs, and under its name. */
function labelFor(event: Verdict, moment: Moment): string {
  const step = stepOf(event, moment) ?? currentStep(moment.before);
  return step === undefined ? event.of : labelOf(step);
}

function stepOf(event: Verdict, { before }: Moment): Step | undefined {
  const steps = event.dir === "forward" ? before.course.forward : before.course.back;
  return steps?.find((step) => step.id === event.of);
}

function header({ plan }: Deployment, { place, number, liveNumber }: ViewContext): string {
  const { request, baseline, candidate } = plan;
  const { serving } = baseline;
  const live =
    serving === "nobody" ? "nobody" : placeOf(serving, baseline.slots[serving].revision, liveNumber);
  const next = placeOf(candidate.slot, candidate.revision, number);
  return `${request.service} · ${request.environment}@${place}    live: ${live}   candidate: ${next}`;
}
