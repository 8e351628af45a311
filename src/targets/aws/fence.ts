import { fence, SLOTS, type Cause, type Fence } from "../../core/units.ts";
import type { By, Write } from "../../ports/write.ts";
import { notDone, notWritten } from "./api/answers.ts";
import type { AwsApi, CallBy } from "./api/api.ts";
import { claimOf, claimText } from "./claim-tag.ts";
import { TAGS } from "./names.ts";
import type { Groups } from "./router/actions.ts";
import { callOf, LATE } from "./router/calls.ts";

export interface Tags {
  readonly fence: Fence;
  /** Who else claimed just this fence. */
  readonly rival?: string;
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
  /** Writes the fence again where a lower one, that came late, stands in its place. */
  renew(groups: Groups, tags: Tags, by: By): Promise<void>;
}

/** @param holder this process, as `holderText` makes it: of two that hold the same number only one may write. */
export function createFence(api: AwsApi, holder = ""): AwsFence {
  let highest = fence(0);
  let own = fence(0);
  let claiming: { readonly fence: Fence; readonly answer: Promise<Write<Fence>> } | undefined;
  const claimsIn = (groups: Groups, all: Tags["all"]) =>
    SLOTS.map((slot) => claimOf(all.get(groups[slot])?.get(TAGS.fence)));
  const write = (groups: Groups, value: Fence, call: CallBy) =>
    api.elb.addTags([groups.blue, groups.green], { [TAGS.fence]: claimText(value, holder, groups) }, call);

  async function read(groups: Groups, call: CallBy): Promise<Tags | Cause> {
    const answer = await api.elb.tags([groups.blue, groups.green], call);
    if (answer.is === "failed") return answer.cause;
    const claims = claimsIn(groups, answer.value);
    // A read may show the past; a fence that was seen once is never lower again.
    highest = fence(Math.max(highest, ...claims.map((claim) => claim.fence)));
    const rival = claims.find((claim) => claim.fence === highest && claim.holder !== holder);
    const named = rival === undefined || highest === 0 ? {} : { rival: rival.holder };
    return { fence: highest, ...named, all: answer.value };
  }

  async function claim(groups: Groups, by: By): Promise<Write<Fence>> {
    const call = callOf(by, "write");
    if (call === undefined) return notDone(LATE);
    const before = await read(groups, call);
    if ("code" in before) return notDone(before);
    const refused = overtaken(before, by);
    if (refused !== undefined) return refused;
    own = by.fence;
    if (claimsIn(groups, before.all).every((each) => each.fence === by.fence))
      return { is: "unchanged", seen: by.fence };
    const answer = await write(groups, by.fence, call);
    if (answer.is === "failed") return notWritten(answer);
    // Of two that claim at the same time both may have read the same: the one that was written over learns of it here.
    const after = await read(groups, call);
    const late = "code" in after ? undefined : overtaken(after, by);
    if (late !== undefined) return late;
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
    async renew(groups, tags, by) {
      const lower = claimsIn(groups, tags.all).some((each) => each.fence < own);
      const call = callOf(by, "write");
      // What fails here is tried again with the next write.
      if (lower && own === by.fence && own === tags.fence && call !== undefined)
        await write(groups, own, call);
    },
  };
}

/** Why this fence may write no more: a higher one is in force, or the same by somebody else. */
export function overtaken(tags: Tags, by: By): Extract<Write<never>, { is: "fenced" }> | undefined {
  if (tags.fence > by.fence) return { is: "fenced", by: tags.fence };
  if (tags.fence < by.fence || tags.rival === undefined) return undefined;
  const who = tags.rival === "" ? "somebody who gave no name" : tags.rival;
  const message =
    `${who} claimed fence ${by.fence} too: it deploys the same service at this moment with a journal of its own. ` +
    "Wait until it is done, then run the command again; let all machines share one journal: state: s3://bucket/prefix under target.aws.";
  return { is: "fenced", by: tags.fence, cause: { code: "TEAL-A307", message } };
}
