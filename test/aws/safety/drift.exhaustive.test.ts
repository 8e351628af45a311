import { afterEach, beforeEach, expect, test } from "vitest";
import { deploy, type Moved } from "../../../src/api/deploying.ts";
import { abort, resume } from "../../../src/api/steering.ts";
import type { JournalEvent } from "../../../src/core/journal.ts";
import type { Input } from "../../aws-sim/kernel.ts";
import { SLOTS, type ShopSlot } from "../../aws-sim/shop.ts";
import { outcomeOf, tell } from "../../e2e/support.ts";
import { livesOn } from "./crashing.ts";
import { groupOf, ruleOf, sizeOf } from "./picture.ts";
import { openPlace, WARM, type Place } from "./place.ts";

/* Somebody else changes the account while a deployment runs, and between a plan and its deployment. */

let place: Place;
beforeEach(async () => {
  place = await openPlace({ strategy: WARM });
});
afterEach(() => place.end());

const signal = new AbortController().signal;

/** What the journal said of drift: what was expected, and what is there. */
const drifts: string[] = [];

/** Deploys, and lets a foreign hand act as soon as the journal says what is about to be written. */
async function meddled(
  revision: string,
  isIt: (event: JournalEvent) => boolean,
  act: () => void,
): Promise<Moved> {
  let acted = false;
  drifts.length = 0;
  const tell = (event: JournalEvent) => {
    if (event.kind === "drift") drifts.push(`${event.expected} | ${event.observed}`);
    if (acted || !isIt(event)) return;
    acted = true;
    act();
  };
  const moved = await place.story.with((connection) =>
    deploy({ ...connection, notifier: { tell } }, { revision }, { signal }),
  );
  expect(acted, "the foreign hand came").toBe(true);
  return moved;
}

const calls = (call: string) => (event: JournalEvent) => event.kind === "intent" && event.call.call === call;
const verdict = (of: string) => (event: JournalEvent) => event.kind === "verdict" && event.of.startsWith(of);

const end = () => place.story.with((connection) => abort(connection, { signal }));
const accept = () => place.story.with((connection) => resume(connection, { signal, acceptDrift: true }));

const rule = () => place.story.shop.listeners[0]?.rule ?? "";
const named = (slot: ShopSlot) => place.story.shop.groups[slot];

const hand = (operation: string, input: Input) => place.story.simulator.scaling.foreignHand(operation, input);
const split = () => place.story.simulator.elb.shift(rule(), { "shop-blue": 90, "shop-green": 10 });

/** The rule as it is, with something of its own that a shift must carry along. */
function stick(): void {
  const { elb } = place.story.simulator;
  const actions = ruleOf(place.story).Actions.map((action) => ({
    ...action,
    TargetGroupArn: undefined,
    ForwardConfig: {
      ...action.ForwardConfig,
      TargetGroupStickinessConfig: { Enabled: true, DurationSeconds: 600 },
    },
  }));
  elb.act("ModifyRule", { RuleArn: rule(), Actions: JSON.parse(JSON.stringify(actions)) as unknown });
}

function tag(slot: ShopSlot, key: string, value: string): void {
  const of = { ResourceId: named(slot), ResourceType: "auto-scaling-group", PropagateAtLaunch: "false" };
  hand("CreateOrUpdateTags", { Tags: [{ ...of, Key: key, Value: value }] });
}

/** What stops a deployment: where the foreign hand comes, what it does, and what the diff says of it. */
const REFUSED: readonly [string, (event: JournalEvent) => boolean, () => void, RegExp][] = [
  ["weights, before the candidate is started", calls("ensure"), split, /blue 90/u],
  ["weights, before the cutover", calls("shift"), split, /blue 90/u],
  ["another action of the rule, before the candidate is started", calls("ensure"), stick, /stickiness/iu],
  ["another action of the rule, before the cutover", calls("shift"), stick, /stickiness/iu],
  [
    "the revision that a slot is tagged with",
    calls("ensure"),
    () => tag(livesOn(place), "teal.dev/revision", '{"id":"ami-somebody","config":"else","version":1}'),
    /ami-somebody/u,
  ],
];

test.each(REFUSED)(
  "%s: it stops with a diff, overwrites nothing; --accept-drift goes on",
  async (_, when, act, says) => {
    let after: unknown;
    const moved = await meddled(place.image("meddled"), when, () => {
      act();
      after = picture();
    });
    expect(moved.is, tell(moved)).toBe("waiting");
    expect(drifts).toHaveLength(1);
    expect(drifts[0]).toMatch(says);
    expect(picture()).toEqual(after);
    const ended = await accept();
    expect(outcomeOf(ended), tell(ended)).toBeOneOf(["warm", "waiting"]);
    const back = await end();
    expect(outcomeOf(back), tell(back)).toBe("reverted");
  },
);

/** What belongs to others: sizes and processes of a group. It stays as it was set, and the deployment goes on. */
const KEPT: readonly [string, (event: JournalEvent) => boolean, () => void, () => unknown, unknown][] = [
  [
    "a group's upper bound",
    verdict("probe"),
    () => hand("UpdateAutoScalingGroup", { AutoScalingGroupName: named(livesOn(place)), MaxSize: "9" }),
    () => sizeOf(place.story, "blue")[1],
    9,
  ],
  [
    "more instances",
    verdict("probe"),
    () => hand("SetDesiredCapacity", { AutoScalingGroupName: named("blue"), DesiredCapacity: "3" }),
    () => sizeOf(place.story, "blue")[2],
    3,
  ],
  [
    "a process that somebody suspends",
    calls("shift"),
    () =>
      hand("SuspendProcesses", {
        AutoScalingGroupName: named("blue"),
        ScalingProcesses: ["AlarmNotification"],
      }),
    () => groupOf(place.story, "blue").suspended.has("AlarmNotification"),
    true,
  ],
];

test.each(KEPT)("%s: it stays as somebody set it", async (_, when, act, is, value) => {
  const moved = await meddled(place.image("sized"), when, act);
  expect(outcomeOf(moved), tell(moved)).toBe("warm");
  expect(is()).toEqual(value);
  const back = await end();
  expect(outcomeOf(back), tell(back)).toBe("reverted");
  expect(is()).toEqual(value);
});

test("a higher fence than its own: it lets go and writes nothing more", async () => {
  const { story } = place;
  const arns = Object.values(story.shop.targetGroups);
  let from = 0;
  const moved = await meddled(place.image("fenced"), verdict("probe"), () => {
    const { TagDescriptions } = story.simulator.elb.act("DescribeTags", { ResourceArns: arns }) as {
      TagDescriptions: readonly {
        readonly Tags: readonly { readonly Key: string; readonly Value: string }[];
      }[];
    };
    const fence = TagDescriptions[0]?.Tags.find(({ Key }) => Key === "teal.dev/fence")?.Value ?? "0";
    const Tags = [{ Key: "teal.dev/fence", Value: String(Number.parseInt(fence, 10) + 1) }];
    story.simulator.elb.act("AddTags", { ResourceArns: arns, Tags });
    from = story.simulator.recorded.length;
  });
  expect(outcomeOf(moved), tell(moved)).toBe("failed");
  expect(story.written(from).filter((action) => !action.startsWith("s3:"))).toEqual([]);
  expect(livesOn(place)).toBe("blue");
});

/** Rule and groups as they are, without what lives. */
function picture(): unknown {
  const { Actions } = ruleOf(place.story);
  return { Actions, sizes: SLOTS.map((slot) => groupOf(place.story, slot).max) };
}
