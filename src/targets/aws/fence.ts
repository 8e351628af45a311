import { fence, SLOTS, type Cause, type Fence } from "../../core/units.ts";
import type { By, Write } from "../../ports/write.ts";
import { notDone, notWritten } from "./api/answers.ts";
import type { AwsApi, CallBy } from "./api/api.ts";
import { TAGS } from "./names.ts";
import type { Groups } from "./router/actions.ts";
import { callOf, LATE } from "./router/calls.ts";

export interface Tags {
  readonly fence: Fence;
  /** All tags of each target group, by ARN. */
  readonly all: ReadonlyMap<string, ReadonlyMap<string, string>>;
}

/**
 * The right to write, as numbers in tags of both target groups. AWS compares nothing when it writes, so a fence is
 * `checked`: read before every write, and a write that was on its way meanwhile is found afterwards and repaired.
 * Slots and router of one process share one of these.
 */
export interface AwsFence {
  /** What both target groups say; the higher counts. Never lower than what this process saw before. */
  read(groups: Groups, call: CallBy): Promise<Tags | Cause>;
  claim(groups: Groups, by: By): Promise<Write<Fence>>;
}

export function createFence(api: AwsApi): AwsFence {
  let highest = fence(0);
  let claiming: { readonly fence: Fence; readonly answer: Promise<Write<Fence>> } | undefined;

  async function read(groups: Groups, call: CallBy): Promise<Tags | Cause> {
    const arns = SLOTS.map((slot) => groups[slot]);
    const answer = await api.elb.tags(arns, call);
    if (answer.is === "failed") return answer.cause;
    const seen = arns.map((arn) => fenceOf(answer.value.get(arn)));
    // A read may show the past; a fence that was seen once is never lower again.
    highest = fence(Math.max(highest, ...seen));
    return { fence: highest, all: answer.value };
  }

  async function claim(groups: Groups, by: By): Promise<Write<Fence>> {
    const call = callOf(by, "write");
    if (call === undefined) return notDone(LATE);
    const before = await read(groups, call);
    if ("code" in before) return notDone(before);
    if (before.fence > by.fence) return { is: "fenced", by: before.fence };
    const arns = SLOTS.map((slot) => groups[slot]);
    if (arns.every((arn) => fenceOf(before.all.get(arn)) === by.fence))
      return { is: "unchanged", seen: by.fence };
    const answer = await api.elb.addTags(arns, { [TAGS.fence]: String(by.fence) }, call);
    if (answer.is === "failed") return notWritten(answer);
    // Of two that claim at the same time both may have read the same: the lower one learns of the other here.
    const after = await read(groups, call);
    if (!("code" in after) && after.fence > by.fence) return { is: "fenced", by: after.fence };
    highest = fence(Math.max(highest, by.fence));
    return { is: "applied", seen: by.fence };
  }

  return {
    read,
    async claim(groups, by) {
      if (claiming?.fence === by.fence) return claiming.answer;
      const mine = { fence: by.fence, answer: claim(groups, by) };
      claiming = mine;
      try {
        return await mine.answer;
      } finally {
        if (claiming === mine) claiming = undefined;
      }
    },
  };
}

/** Not a number, or none: nobody claimed it. */
function fenceOf(tags: ReadonlyMap<string, string> | undefined): Fence {
  const value = Number(tags?.get(TAGS.fence) ?? 0);
  return fence(Number.isSafeInteger(value) && value > 0 ? value : 0);
}
