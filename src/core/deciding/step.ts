import type { Deployment } from "../deployment.ts";
import type { Action, Step } from "../plan.ts";
import { assertNever, type Cause } from "../units.ts";
import { decideBake } from "./bake.ts";
import { decideConfirm } from "./confirm.ts";
import { decideGate } from "./gate.ts";
import { decideMigrate } from "./migrate.ts";
import { OPERATOR_WAIT, holdFor, later, pass, verdict, type Facts, type Move } from "./moves.ts";
import { decideShift, decideShiftBack } from "./shift.ts";
import { decideDrain, decideEnsure, decideRetire } from "./slots.ts";

export function decideStep(dir: "forward" | "back", step: Step, deployment: Deployment, facts: Facts): Move {
  switch (step.do) {
    case "ensure":
      return decideEnsure(dir, step, deployment, facts);
    case "probe":
      return decideProbe(step, facts);
    case "gate":
      return decideGate(step, deployment, facts);
    case "shift":
      return dir === "forward"
        ? decideShift(step, deployment, facts)
        : decideShiftBack(step, deployment, facts);
    case "confirm":
      return decideConfirm(dir, step, deployment, facts);
    case "bake":
      return decideBake(step, deployment, facts);
    case "restore":
      return decideRestore(dir, step, deployment);
    case "warm":
      return warm(step, facts);
    case "drain":
      return decideDrain(dir, step, facts);
    case "retire":
      return decideRetire(dir, step, deployment, facts);
    case "migrate":
      return decideMigrate(step, deployment, facts);
    default:
      return assertNever(step);
  }
}

function decideProbe(step: Step & Extract<Action, { do: "probe" }>, facts: Facts): Move {
  const judgement = facts.health;
  if (judgement === undefined || judgement.decision === "undecided")
    return { move: "checks", slot: step.slot, for: "step" };
  const evidence = { summary: judgement.summary, samples: judgement.failing };
  const common = { dir: "forward", of: step.id, facts: evidence } as const;
  const cause: Cause = judgement.cause ?? { code: "TEAL-H101", message: judgement.summary };
  switch (judgement.decision) {
    case "pass":
      return verdict({
        ...common,
        result: "pass",
        then: "next",
        passed: { slot: step.slot, incarnations: judgement.passed },
      });
    case "fail":
      return verdict({ ...common, result: "fail", then: "back", cause });
    case "inconclusive":
      return verdict({
        ...common,
        result: "inconclusive",
        then: "hold",
        cause,
        hold: holdFor(facts, "outage", OPERATOR_WAIT, "revert"),
      });
    default:
      return assertNever(judgement.decision);
  }
}

function decideRestore(dir: "forward" | "back", step: Step, deployment: Deployment): Move {
  const [borrowed] = deployment.borrowed;
  if (borrowed === undefined) return pass(dir, step, "nothing is held");
  return { move: "call", step: step.id, expect: "any", call: { call: "restore", borrowed } };
}

function warm(step: Step & Extract<Action, { do: "warm" }>, facts: Facts): Move {
  if (step.for === 0) return pass("forward", step, "not kept");
  const hold = { for: "operator", until: later(facts.now, step.for), otherwise: "proceed" } as const;
  return verdict({
    dir: "forward",
    of: step.id,
    result: "pass",
    then: "hold",
    hold,
    facts: { summary: `${step.slot} kept warm` },
  });
}
