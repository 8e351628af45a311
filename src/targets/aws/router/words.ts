import { type Shares, soleSlot, type Weights } from "../../../core/routing.ts";
import type { Cause } from "../../../core/units.ts";

export function describeShares(shares: Shares): string {
  if (shares.blue + shares.green === 0) return "nobody";
  const sole = soleSlot(shares);
  return sole === undefined ? `blue ${shares.blue} %, green ${shares.green} %` : `${sole} 100 %`;
}

/** The shares that a shift asks for, or why no rule can have them. */
export function possible(to: Weights): Shares | Cause {
  if (to === "pool") {
    const message =
      "a load balancer divides traffic by the weights of target groups, it has no pool in which both slots share by " +
      "readiness. Every strategy works with weights here, rolling too.";
    return { code: "TEAL-A302", message };
  }
  const sum = to.blue + to.green;
  if (sum === 100 || sum === 0) return to;
  return { code: "TEAL-A302", message: `weights ${to.blue}/${to.green} add up to neither 0 nor 100` };
}

export function gone(rule: string): Cause {
  const message = `the rule ${rule} does not exist any more. Create it again, or correct aws.listener in teal.yaml.`;
  return { code: "TEAL-A300", message };
}

export function unmanaged(rule: string, targetGroups: readonly string[]): Cause {
  const message =
    `the rule ${rule} forwards to none of the target groups ${targetGroups.join(", ")}: nothing is there to divide. ` +
    "Let its action forward to one of them, or correct aws.listener, aws.host or aws.targetGroups in teal.yaml.";
  return { code: "TEAL-A301", message };
}

export function inexact(rule: string, to: Shares): Cause {
  const message =
    `the weights of the rule ${rule} cannot express ${describeShares(to)}: they are whole numbers up to 999, and a ` +
    "third target group in it keeps its share. Use shares in tenths of a percent, or multiply all weights of that rule by 100.";
  return { code: "TEAL-A304", message };
}

/** Some rules have it and others do not, and what was written could not be taken back. */
export function mixed(moved: readonly string[], failed: string, cause: Cause): Cause {
  const message =
    `${moved.join(" and ")} follow the shift and ${failed} does not: ${cause.message}. ` +
    "Both slots get traffic until the shift is repeated; teal status shows each rule.";
  return { ...cause, code: "TEAL-A305", message };
}

/** Nothing can be written without knowing what else a rule does. */
export function neverRead(cause: Cause): Cause {
  return {
    ...cause,
    code: "TEAL-A306",
    message: `the rules could not be read, and this process never saw them, so that nothing can be written: ${cause.message}`,
  };
}
