import type { Action, Rule } from "@aws-sdk/client-elastic-load-balancing-v2";
import type { Cause } from "../../../core/units.ts";
import type { By, Write } from "../../../ports/write.ts";
import { notDone } from "../api/answers.ts";
import type { Answer, AwsApi } from "../api/api.ts";
import { callOf, LATE } from "./calls.ts";
import type { RuleView } from "./view.ts";
import { mixed } from "./words.ts";

/** What one rule is to do. */
export interface Change {
  readonly rule: RuleView;
  readonly actions: Action[];
  /** To be written instead when AWS refuses the first: the same traffic, without what may be refused. */
  readonly otherwise?: Action[];
}

export type Sequence =
  | { readonly is: "done"; readonly actions: ReadonlyMap<RuleView, readonly Action[]> }
  | Extract<Write<never>, { readonly is: "rejected" | "unknown" }>;

type Failed = Extract<Answer<never>, { readonly is: "failed" }>;

interface Step {
  readonly change: Change;
  readonly wrote: readonly Action[];
}

/**
 * Writes several rules, one after the other. Forward, a rule that AWS certainly refused takes the ones before it back,
 * in reverse: all or none. One whose end is unknown stops the sequence and leaves the rest as it is: both slots are
 * ready then, and whoever looks again repeats the shift. Going back, every rule is tried: what is back stays back.
 */
export async function writeAll(api: AwsApi, changes: readonly Change[], by: By): Promise<Sequence> {
  const done: Step[] = [];
  const failed: { readonly change: Change; readonly failed: Failed }[] = [];
  for (const change of changes) {
    const answer = await writeOne(api, change, by);
    if (!("is" in answer)) {
      done.push(answer);
      continue;
    }
    failed.push({ change, failed: answer });
    if (by.back !== true) break;
  }
  const [first] = failed;
  if (first === undefined)
    return { is: "done", actions: new Map(done.map((each) => [each.change.rule, each.wrote])) };
  const unsure = failed.find((each) => !each.failed.sure);
  const moved = done.map(({ change }) => change.rule.found.name);
  const { cause } = (unsure ?? first).failed;
  if (unsure !== undefined) return { is: "unknown", cause: inPart(moved, unsure.change, cause) };
  if (by.back === true) return notDone(inPart(moved, first.change, cause));
  const stuck = await undo(api, done, by);
  if (stuck.length > 0) return { is: "unknown", cause: mixed(stuck, first.change.rule.found.name, cause) };
  return notDone(cause);
}

/** Puts back what the rules said before, last first. Answers the names of those that could not be put back. */
async function undo(api: AwsApi, done: readonly Step[], by: By): Promise<readonly string[]> {
  const stuck: string[] = [];
  for (const { change } of done.toReversed()) {
    const { rule } = change;
    const before = await writeOne(api, { rule, actions: restorable(rule.actions) }, by);
    if ("is" in before) stuck.push(rule.found.name);
  }
  return stuck;
}

/** As read, in the form in which AWS takes it back. */
function restorable(actions: readonly Action[]): Action[] {
  return actions.map((action) => {
    const { AuthenticateOidcConfig: oidc, ForwardConfig: forward } = action;
    if (oidc !== undefined && oidc.ClientSecret === undefined)
      return { ...action, AuthenticateOidcConfig: { ...oidc, UseExistingClientSecret: true } };
    if (forward === undefined || (forward.TargetGroups ?? []).length < 1) return action;
    const { TargetGroupArn: _, ...rest } = action;
    return rest;
  });
}

function inPart(moved: readonly string[], change: Change, cause: Cause): Cause {
  return moved.length === 0 ? cause : mixed(moved, change.rule.found.name, cause);
}

/** One call for one rule; a second one only where AWS refuses a stickiness that the traffic does not depend on. */
async function writeOne(api: AwsApi, change: Change, by: By): Promise<Step | Failed> {
  const first = await modify(api, change.rule, change.actions, by);
  if (first.is === "ok") return { change, wrote: first.value };
  const { otherwise } = change;
  if (otherwise === undefined || !first.sure || first.code !== "InvalidConfigurationRequest") return first;
  const second = await modify(api, change.rule, otherwise, by);
  return second.is === "ok" ? { change, wrote: second.value } : second;
}

/** A default rule is modified as part of its listener, and no other way (API reference, ModifyRule). */
async function modify(
  api: AwsApi,
  { found }: RuleView,
  actions: Action[],
  by: By,
): Promise<Answer<readonly Action[]>> {
  const call = callOf(by, "switch");
  if (call === undefined) return { is: "failed", code: "network", sure: true, cause: LATE };
  if (found.isDefault) {
    const answer = await api.elb.modifyListener(found.listener.arn, actions, call);
    return answer.is === "ok" ? { is: "ok", value: answer.value.DefaultActions ?? actions } : answer;
  }
  const answer: Answer<Rule> = await api.elb.modifyRule(found.arn, actions, call);
  return answer.is === "ok" ? { is: "ok", value: answer.value.Actions ?? actions } : answer;
}
