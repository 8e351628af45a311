import { currentStep, type Deployment } from "../deployment.ts";
import { shapesOf, type Routing } from "../observed.ts";
import { sameWeights } from "../routing.ts";
import { SLOTS, sameRevision, type Revision } from "../units.ts";
import { OPERATOR_WAIT, holdFor, look, unreadable, type Facts, type Move } from "./moves.ts";
import { describeWeights } from "./shift.ts";

/**
 * Somebody else changed what this deployment relies on. Looked at before every step forward; going back, the
 * baseline wins and drift is overwritten. Sizes are no drift: autoscalers are allowed to work.
 */
export function decideDrift(deployment: Deployment, facts: Facts): Move | undefined {
  if (deployment.open.length > 0) return undefined;
  const found = differences(deployment, facts);
  if (found === undefined) return undefined;
  // A target without compare-and-set may show the past for a while after a write: until then it is no drift, but what
  // is decided on it would overwrite it.
  if (facts.fencing === "checked" && facts.sinceWrite < facts.settle)
    return currentStep(deployment)?.do === "shift"
      ? look(`${found.observed} to become ${found.expected}, or to prove another's doing`)
      : undefined;
  return {
    move: "journal",
    event: { kind: "drift", ...found, hold: holdFor(facts, "drift", OPERATOR_WAIT, "stop") },
  };
}

function differences(
  deployment: Deployment,
  facts: Facts,
): { expected: string; observed: string } | undefined {
  const { routing, slots } = facts.observed;
  const { expected } = deployment;
  if (routing.is === "seen" && !sameWeights(routing.value.weights, expected.weights)) {
    return {
      expected: `router: ${describeWeights(expected.weights)}`,
      observed: `router: ${describeWeights(routing.value.weights)}`,
    };
  }
  const reshaped = routing.is === "seen" ? differentRules(expected.shapes, routing.value) : undefined;
  if (reshaped !== undefined) return reshaped;
  for (const slot of SLOTS) {
    const seen = slots[slot];
    if (seen.is === "unreadable" || seen.value.wanted === 0) continue;
    const should = expected.revisions[slot];
    if (should === "empty" || !sameRevision(seen.value.revision, should)) {
      return {
        expected: `${slot}: ${name(should)}`,
        observed: `${slot}: ${name(seen.value.revision ?? "empty")}`,
      };
    }
  }
  return undefined;
}

/** Lines of a diff that are told; whoever changed more knows what it was. */
const MOST_LINES = 6;

/** What somebody changed of a rule beside its weights: the lines that went, and those that came. */
function differentRules(
  expected: Deployment["expected"]["shapes"],
  { rules }: Routing,
): { expected: string; observed: string } | undefined {
  for (const { id, shape } of rules) {
    const before = expected?.[id];
    if (before === undefined || shape === undefined) continue;
    const gone = before.filter((line) => !shape.includes(line));
    const came = shape.filter((line) => !before.includes(line));
    if (gone.length + came.length > 0)
      return { expected: `rule ${id}: ${lines(gone)}`, observed: `rule ${id}: ${lines(came)}` };
  }
  return undefined;
}

function lines(all: readonly string[]): string {
  const more = all.length > MOST_LINES ? [`${all.length - MOST_LINES} more`] : [];
  return all.length === 0 ? "without what is there now" : [...all.slice(0, MOST_LINES), ...more].join("; ");
}

function name(revision: Revision | "empty"): string {
  return revision === "empty" ? "empty" : `${revision.id} (${revision.config.slice(0, 8)})`;
}

/** The operator looked and said that what is there is right: it becomes what is expected. */
export function acceptDrift(deployment: Deployment, facts: Facts): Move {
  const { routing, slots } = facts.observed;
  const { state, course, expected } = deployment;
  const step = currentStep(deployment);
  if (routing.is === "unreadable" && step !== undefined)
    return unreadable("forward", step, facts, routing.cause);
  if (routing.is === "unreadable" || state.is !== "running") return look("the router to be read");
  const revision = (slot: "blue" | "green") => {
    const seen = slots[slot];
    return seen.is === "seen" && seen.value.wanted > 0
      ? (seen.value.revision ?? "empty")
      : expected.revisions[slot];
  };
  return {
    move: "journal",
    event: {
      kind: "replanned",
      dir: "forward",
      steps: course.forward,
      from: state.step,
      because: "drift accepted",
      seen: {
        weights: routing.value.weights,
        revisions: { blue: revision("blue"), green: revision("green") },
        ...shapesOf(routing.value.rules),
      },
    },
  };
}
