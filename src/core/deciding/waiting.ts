import { currentStep, type Deployment } from "../deployment.ts";
import type { Step } from "../plan.ts";
import { SLOTS, assertNever, millis, type Cause } from "../units.ts";
import { isOpen } from "./bake.ts";
import { ending } from "./ending.ts";
import { decideGuardsWaiting } from "./guards.ts";
import { decideHistory } from "./history.ts";
import { look, verdict, type Facts, type Move } from "./moves.ts";
import { decideStep } from "./step.ts";

type Waiting = Extract<Deployment["state"], { is: "waiting" }>;

/** A wait ends by being answered (in `transition`), by what it waits for, or by its deadline's default answer. */
export function decideWaiting(deployment: Deployment, state: Waiting, facts: Facts): Move {
  const step = currentStep(deployment);
  if (step === undefined) return ending(deployment, facts, "undecided", deployment.cause);
  if (state.for === "history") return decideHistory(step, state.until, deployment, facts);
  const over = facts.now >= state.until;
  const noAnswer: Cause = deployment.held ??
    deployment.cause ?? { code: "TEAL-D103", message: `waiting for ${state.for} ended without an answer` };
  const answer = (
    then: "next" | "back" | "again",
    result: "pass" | "fail" | "inconclusive",
    summary: string,
    cause?: Cause,
  ) =>
    verdict({
      dir: state.dir,
      of: step.id,
      result,
      then,
      facts: { summary },
      ...(cause === undefined ? {} : { cause }),
    });
  const guard = over ? undefined : decideGuardsWaiting(deployment, facts);
  if (guard !== undefined) return guard;
  if (!over)
    return isOver(deployment, state, step, facts)
      ? answer(step.do === "gate" && state.for === "gate" ? "next" : "again", "pass", "goes on")
      : rest(deployment, state);
  switch (state.otherwise) {
    case "proceed":
      return answer("next", "inconclusive", "nobody answered in time; the plan says to go on");
    case "revert":
      if (deployment.course.pastNoReturn) return ending(deployment, facts, "undecided", noAnswer);
      return answer("back", "inconclusive", "nobody answered in time; the plan says to go back", noAnswer);
    case "stop":
      return ending(deployment, facts, "undecided", noAnswer);
    default:
      return assertNever(state.otherwise);
  }
}

/** What is waited for has come about by itself. A person's decision never does. */
function isOver(deployment: Deployment, state: Waiting, step: Step, facts: Facts): boolean {
  if (!canEndByItself(deployment)) return false;
  const readable =
    facts.observed.routing.is === "seen" && SLOTS.every((slot) => facts.observed.slots[slot].is === "seen");
  switch (state.for) {
    case "gate":
      return step.do === "gate" && step.gate.gate === "schedule" && isOpen(step.gate, facts.now);
    case "unreadable":
      return readable;
    case "outage":
      return readable && facts.steady?.decision === "pass";
    case "operator":
      return obstacleGone(deployment, state, step, facts);
    case "drift":
    case "history":
      return false;
    default:
      return assertNever(state.for);
  }
}

/** Causes of holds that were only seen, never answered by the target: they can go as they came. */
const OBSTACLES: readonly string[] = [
  "TEAL-B301",
  "TEAL-D101",
  "TEAL-D108",
  "TEAL-M901",
  "TEAL-M902",
  "TEAL-M903",
  "TEAL-R101",
];

/** The step could go on now. A write that was refused is not tried again by itself. */
function obstacleGone(deployment: Deployment, state: Waiting, step: Step, facts: Facts): boolean {
  if (!OBSTACLES.includes(deployment.held?.code ?? "")) return false;
  const anew = decideStep(state.dir, step, deployment, { ...facts, elapsed: millis(0) });
  return (
    anew.move === "call" ||
    (anew.move === "journal" && anew.event.kind === "verdict" && anew.event.then === "next")
  );
}

/** Waits that the world may end at any moment are looked at; for a gate, whoever does not stay need not. */
function rest(deployment: Deployment, state: Waiting): Move {
  return state.for !== "gate" && canEndByItself(deployment)
    ? look(`waiting: ${state.for}`)
    : { move: "rest", until: state.until };
}

/** A step whose waits came and went so often has a world that flutters: the next one lasts until its deadline. */
const AGAINS = 10;

/** Whether the present wait can end without anybody's answer. */
export function canEndByItself(deployment: Deployment): boolean {
  const { state } = deployment;
  if (state.is !== "waiting" || deployment.agains >= AGAINS) return false;
  const step = currentStep(deployment);
  switch (state.for) {
    case "unreadable":
    case "outage":
    case "history":
      return true;
    case "operator":
      return OBSTACLES.includes(deployment.held?.code ?? "");
    case "gate":
      return step?.do === "gate" && step.gate.gate === "schedule";
    case "drift":
      return false;
    default:
      return assertNever(state.for);
  }
}
