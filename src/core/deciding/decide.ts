import { currentStep, type Deployment } from "../deployment.ts";
import { assertNever } from "../units.ts";
import { back } from "./back.ts";
import { forward } from "./forward.ts";
import { OPERATOR_WAIT, holdFor, look, pass, verdict, type Facts, type Move } from "./moves.ts";
import { decideWaiting } from "./waiting.ts";

/**
 * What to do next, from the journal's fold and the facts alone. The engine performs the move, journals what it saw,
 * and asks again.
 */
export function decide(deployment: Deployment, facts: Facts): Move {
  const move = decideFreely(deployment, facts);
  return deployment.course.pastNoReturn ? withoutReturn(move, facts) : move;
}

/** Beyond the point of no return nothing turns round by itself: what would go back waits for a person. */
function withoutReturn(move: Move, facts: Facts): Move {
  if (move.move !== "journal" || move.event.kind !== "verdict" || move.event.dir === "back") return move;
  const { event } = move;
  const hold = holdFor(facts, "operator", OPERATOR_WAIT, "stop");
  if (event.then === "back") return verdict({ ...event, then: "hold", hold });
  return event.hold?.otherwise === "revert"
    ? verdict({ ...event, hold: { ...event.hold, otherwise: "stop" } })
    : move;
}

function decideFreely(deployment: Deployment, facts: Facts): Move {
  const { state } = deployment;
  switch (state.is) {
    case "finished":
      return look("finished");
    case "warm":
      return facts.now >= state.until ? endWarm(deployment) : { move: "rest", until: state.until };
    case "waiting":
      return decideWaiting(deployment, state, facts);
    case "running":
      return state.dir === "forward" ? forward(deployment, facts) : back(deployment, facts);
    default:
      return assertNever(state);
  }
}

function endWarm(deployment: Deployment): Move {
  const step = currentStep(deployment);
  return step === undefined ? look("finished") : pass("forward", step, "no longer kept warm");
}
