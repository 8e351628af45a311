import {
  AutoScalingClient,
  DeleteTagsCommand,
  DescribeAutoScalingGroupsCommand,
  PutScheduledUpdateGroupActionCommand,
  SetInstanceProtectionCommand,
  SuspendProcessesCommand,
  UpdateAutoScalingGroupCommand,
  type AutoScalingGroup,
} from "@aws-sdk/client-auto-scaling";
import { afterEach, describe, expect, test } from "vitest";
import { clientConfig } from "../../../../test/aws-sim/sdk.ts";
import { readyReplicas, type Borrowed } from "../../../core/observed.ts";
import { SLOTS, type Slot } from "../../../core/units.ts";
import { seen } from "../../../../test/contract/contract.ts";
import { TAGS } from "../names.ts";
import { by, NEVER, ready, slotsShop, until, type SlotsShop } from "./test-support.ts";

/* What the contract does not ask: sizes that are held and given back, few calls, other hands, lost answers. */

let shop: SlotsShop;

afterEach(() => shop.end());

/** Blue serves with two instances, of at least one and at most four. */
async function serving(simulated = {}): Promise<void> {
  shop = await slotsShop({ instances: 2 }, simulated);
  await until(shop.slots, "blue", ready(2));
  shop.changes();
}

async function byHand<T>(run: (client: AutoScalingClient) => Promise<T>): Promise<T> {
  const client = new AutoScalingClient(clientConfig(shop.simulator.environment()));
  try {
    return await run(client);
  } finally {
    client.destroy();
  }
}

async function groups(): Promise<Readonly<Record<Slot, AutoScalingGroup>>> {
  const answer = await byHand((client) => client.send(new DescribeAutoScalingGroupsCommand({})));
  const of = (slot: Slot) =>
    answer.AutoScalingGroups!.find((group) => group.AutoScalingGroupName === `shop-${slot}`)!;
  return { blue: of("blue"), green: of("green") };
}

/** `1 <= 2 <= 4` */
async function sizes(): Promise<Readonly<Record<Slot, string>>> {
  const now = await groups();
  const of = (slot: Slot) => {
    const { MinSize, DesiredCapacity, MaxSize } = now[slot];
    return `${MinSize} <= ${DesiredCapacity} <= ${MaxSize}`;
  };
  return { blue: of("blue"), green: of("green") };
}

async function lends(): Promise<readonly Borrowed[]> {
  const all = [];
  for (const slot of SLOTS) all.push(...(seen(await shop.slots.observe(slot, NEVER)).value.lends ?? []));
  return all;
}

test("what serves already is adopted as the very revision that its image would be deployed as", async () => {
  await serving();
  const state = seen(await shop.slots.observe("blue", NEVER)).value;
  expect(state.revision?.id).toBe(shop.shop.image);
  const { prepare } = await import("../prepare.ts");
  const { inferFrom } = await import("../infer.ts");
  const sought = await inferFrom(shop.api, shop.settings).found({ signal: NEVER, purse: "plan" });
  if (sought.is !== "found") throw new Error(sought.cause.message);
  const using = { api: shop.api, settings: shop.settings, found: sought.found };
  const prepared = await prepare(using, shop.shop.image, NEVER);
  expect(prepared).toMatchObject({ is: "ready", revision: state.revision });
});

test("a whole deployment takes six calls besides tags and the switch, and bounds end where they belong", async () => {
  await serving();
  const before = await groups();
  const borrowed = await lends();
  const want = await shop.revision("r2", {}, 2);
  const { version } = seen(await shop.slots.observe("green", NEVER));
  shop.changes();
  expect((await shop.slots.ensure("green", want, version as never, by(1))).is).toBe("applied");
  await until(shop.slots, "green", ready(2));
  expect(await sizes()).toEqual({ blue: "2 <= 2 <= 4", green: "2 <= 2 <= 4" });
  for (const each of borrowed) await shop.slots.restore(each, by(1));
  expect(await sizes()).toEqual({ blue: "1 <= 2 <= 4", green: "1 <= 2 <= 4" });
  expect((await shop.slots.retire("blue", 0, "any", by(1))).is).toBe("applied");
  await until(shop.slots, "blue", ({ settled, replicas }) => settled && replicas.length === 0);
  expect(await sizes()).toEqual({ blue: "0 <= 0 <= 4", green: "1 <= 2 <= 4" });
  expect(before.blue.LaunchTemplate?.Version).toBe("1");
  const calls = shop.changes().filter((action) => action !== "CreateOrUpdateTags");
  expect(calls).toEqual([
    "UpdateAutoScalingGroup",
    "CreateLaunchTemplateVersion",
    "UpdateAutoScalingGroup",
    "UpdateAutoScalingGroup",
    "UpdateAutoScalingGroup",
    "UpdateAutoScalingGroup",
  ]);
});

test("going forward, what serves is held at its size first; given back, everything is as it was", async () => {
  await serving();
  const before = await sizes();
  const { version } = seen(await shop.slots.observe("green", NEVER));
  const borrowed = await lends();
  const want = await shop.revision("r2", {}, 2);
  shop.changes();
  expect((await shop.slots.ensure("green", want, version as never, by(1))).is).toBe("applied");
  expect(shop.changes()).toEqual([
    "CreateOrUpdateTags",
    "UpdateAutoScalingGroup",
    "CreateLaunchTemplateVersion",
    "CreateOrUpdateTags",
    "UpdateAutoScalingGroup",
  ]);
  expect(await sizes()).toEqual({ blue: "2 <= 2 <= 4", green: "2 <= 2 <= 4" });
  expect(await lends()).toEqual(borrowed);
  expect((await shop.slots.retire("green", 0, "any", by(1))).is).toBe("applied");
  for (const each of borrowed) await shop.slots.restore(each, by(1));
  await until(shop.slots, "green", ({ settled, replicas }) => settled && replicas.length === 0);
  expect(await sizes()).toEqual(before);
  shop.changes();
  for (const each of borrowed) expect((await shop.slots.restore(each, by(1))).is).toBe("unchanged");
  expect(shop.changes()).toEqual([]);
});

test("bounds that somebody sets while they are held are that person's newer decision", async () => {
  await serving();
  const { version } = seen(await shop.slots.observe("green", NEVER));
  const borrowed = await lends();
  await shop.slots.ensure("green", await shop.revision("r2", {}, 2), version as never, by(1));
  await byHand((client) =>
    client.send(
      new UpdateAutoScalingGroupCommand({ AutoScalingGroupName: "shop-blue", MinSize: 2, MaxSize: 9 }),
    ),
  );
  for (const each of borrowed) await shop.slots.restore(each, by(1));
  for (const each of borrowed) await shop.slots.restore(each, by(1));
  expect((await sizes()).blue).toBe("2 <= 2 <= 9");
});

test("a group that launches $Latest goes on launching what it runs, before there is another version", async () => {
  await serving();
  const latest = { LaunchTemplateId: shop.shop.template.id, Version: "$Latest" };
  await byHand((client) =>
    client.send(
      new UpdateAutoScalingGroupCommand({ AutoScalingGroupName: "shop-blue", LaunchTemplate: latest }),
    ),
  );
  const want = await shop.revision("r2", {}, 2);
  const { version } = seen(await shop.slots.observe("green", NEVER));
  shop.simulator.fault({ action: "ec2:CreateLaunchTemplateVersion", kind: "error" });
  await shop.slots.ensure("green", want, version as never, by(1));
  expect((await groups()).blue.LaunchTemplate?.Version).toBe("1");
});

const suspended = async () => (await groups()).blue.SuspendedProcesses!.map((each) => each.ProcessName);

/** A candidate comes up beside blue, which has a schedule: both sizes and the schedule are held. */
async function holding(): Promise<readonly Borrowed[]> {
  await serving();
  await byHand((client) =>
    client.send(
      new PutScheduledUpdateGroupActionCommand({
        AutoScalingGroupName: "shop-blue",
        ScheduledActionName: "night",
        Recurrence: "0 22 * * *",
        MinSize: 0,
        DesiredCapacity: 0,
      }),
    ),
  );
  const borrowed = await lends();
  const { version } = seen(await shop.slots.observe("green", NEVER));
  await shop.slots.ensure("green", await shop.revision("r2", {}, 2), version as never, by(1));
  expect(await suspended()).toEqual(["ScheduledActions"]);
  return borrowed;
}

test("scheduled actions that would undo the size are suspended, and resumed with the size", async () => {
  const borrowed = await holding();
  for (const each of borrowed) await shop.slots.restore(each, by(1));
  expect(await suspended()).toEqual([]);
});

describe("the tag that says what is held, deleted meanwhile as terraform apply does", () => {
  const loseTag = async () =>
    byHand(async (client) => {
      for (const ResourceId of ["shop-blue", "shop-green"]) {
        const of = { ResourceId, ResourceType: "auto-scaling-group", Key: TAGS.capacity };
        await client.send(new DeleteTagsCommand({ Tags: [of] }));
      }
    });

  test("sizes and schedules are given back by what the journal kept", async () => {
    const borrowed = await holding();
    await loseTag();
    for (const each of borrowed) await shop.slots.restore(each, by(1));
    expect(await sizes()).toEqual({ blue: "1 <= 2 <= 4", green: "1 <= 2 <= 4" });
    expect(await suspended()).toEqual([]);
    shop.changes();
    for (const each of borrowed) expect((await shop.slots.restore(each, by(1))).is).toBe("unchanged");
    expect(shop.changes()).toEqual([]);
  });

  test("a slot that is made smaller then does not hide that something was held", async () => {
    const borrowed = await holding();
    await loseTag();
    await shop.slots.retire("blue", 1, "any", by(1));
    for (const each of borrowed) await shop.slots.restore(each, by(1));
    expect((await sizes()).blue).toBe("1 <= 1 <= 4");
    expect(await suspended()).toEqual([]);
  });

  test("bounds and suspended processes that Teal would not have set are somebody else's", async () => {
    const borrowed = await holding();
    await loseTag();
    await byHand(async (client) => {
      const bounds = { AutoScalingGroupName: "shop-blue", MinSize: 2, MaxSize: 9 };
      await client.send(new UpdateAutoScalingGroupCommand(bounds));
      const paused = { AutoScalingGroupName: "shop-blue", ScalingProcesses: ["AZRebalance"] };
      await client.send(new SuspendProcessesCommand(paused));
    });
    for (const each of borrowed) await shop.slots.restore(each, by(1));
    expect((await sizes()).blue).toBe("2 <= 2 <= 9");
    expect(await suspended()).toEqual(["AZRebalance"]);
  });
});

test("an answer that is lost leaves it open; the same intent again makes no second version", async () => {
  await serving();
  const want = await shop.revision("r2", {}, 1);
  const mine = by(1);
  shop.simulator.fault({ action: "ec2:CreateLaunchTemplateVersion", kind: "lostAnswer" });
  expect((await shop.slots.ensure("green", want, "any", mine)).is).toBe("unknown");
  shop.simulator.fault({ action: "autoscaling:UpdateAutoScalingGroup", kind: "lostAnswer" });
  expect((await shop.slots.ensure("green", want, "any", mine)).is).toBe("unknown");
  expect((await shop.slots.ensure("green", want, "any", mine)).is).toBe("unchanged");
  await until(shop.slots, "green", ready(1));
  const versions = await shop.api.compute.templateVersions(
    { id: shop.shop.template.id },
    { signal: NEVER, purse: "plan" },
  );
  expect(versions.is === "ok" && versions.value).toHaveLength(2);
});

test("half of all calls throttled: the slot comes up all the same", async () => {
  await serving();
  const want = await shop.revision("r2", {}, 2);
  shop.simulator.fault({ action: "*", kind: "throttle", chance: 0.5 });
  const answers = new Set<string>();
  for (let tries = 0; tries < 5 && !answers.has("applied"); tries++)
    answers.add((await shop.slots.ensure("green", want, "any", by(1))).is);
  expect([...answers]).toContain("applied");
  expect([...answers]).not.toContain("unknown");
  await until(shop.slots, "green", ready(2));
});

/** Besides two that are ready blue gets one that never will be; ids of the ready ones, and of that one. */
async function unlike(): Promise<{ readonly ready: readonly string[]; readonly sick: string }> {
  await serving();
  const { replicas } = seen(await shop.slots.observe("blue", NEVER)).value;
  // The default policy takes the instance of the older launch template first: the very one that is ready here.
  const version = await byHand(async () => shop.revision("never", { health: "sick" }));
  const made = await shop.api.compute.createTemplateVersion(
    {
      template: shop.shop.template.id,
      source: "1",
      change: { imageId: version.revision.id },
      description: "by hand",
      token: "by-hand",
    },
    { signal: NEVER, purse: "write" },
  );
  if (made.is === "failed") throw new Error(made.cause.message);
  const template = { LaunchTemplateId: shop.shop.template.id, Version: String(made.value.version) };
  await byHand((client) =>
    client.send(
      new UpdateAutoScalingGroupCommand({
        AutoScalingGroupName: "shop-blue",
        LaunchTemplate: template,
        DesiredCapacity: 3,
        HealthCheckGracePeriod: 7_200,
      }),
    ),
  );
  const there = await until(
    shop.slots,
    "blue",
    (state) =>
      state.replicas.length === 3 &&
      state.wanted === 3 &&
      state.replicas.every(({ phase }) => phase !== "starting"),
  );
  const ids = replicas.map(({ id }) => id).toSorted();
  return { ready: ids, sick: there.replicas.find(({ id }) => !ids.includes(id))!.id };
}

async function shielded(): Promise<readonly string[]> {
  const { Instances = [] } = (await groups()).blue;
  return Instances.filter((each) => each.ProtectedFromScaleIn).map((each) => each.InstanceId ?? "");
}

const shield = (...InstanceIds: string[]) =>
  byHand((client) =>
    client.send(
      new SetInstanceProtectionCommand({
        AutoScalingGroupName: "shop-blue",
        InstanceIds,
        ProtectedFromScaleIn: true,
      }),
    ),
  );

test("of instances that are not alike the ready ones stay, and only Teal's protection of them ends", async () => {
  const { ready: well, sick } = await unlike();
  await shield(well[0]!, sick);
  const borrowed = await lends();
  expect((await shop.slots.retire("blue", 2, "any", by(1))).is).toBe("applied");
  const after = await until(shop.slots, "blue", (state) => state.replicas.length === 2);
  expect(
    readyReplicas(after)
      .map(({ id }) => id)
      .toSorted(),
  ).toEqual(well);
  expect((await shielded()).toSorted()).toEqual(well);
  for (const each of borrowed) await shop.slots.restore(each, by(1));
  expect(await shielded()).toEqual([well[0]]);
  for (const each of borrowed) expect((await shop.slots.restore(each, by(1))).is).toBe("unchanged");
});

test("an instance that was to go and stays after all is protected again, as its owner wants it", async () => {
  const { sick } = await unlike();
  await shield(sick);
  const borrowed = await lends();
  shop.simulator.fault({ action: "autoscaling:UpdateAutoScalingGroup", kind: "error", times: 9 });
  expect((await shop.slots.retire("blue", 2, "any", by(1))).is).not.toBe("applied");
  expect(await shielded()).not.toContain(sick);
  shop.simulator.clearFaults();
  for (const each of borrowed) await shop.slots.restore(each, by(1));
  expect(await shielded()).toEqual([sick]);
});

test("what somebody tells the group between the look and the write is a conflict, and nothing is written", async () => {
  await serving();
  const want = await shop.revision("r2", {}, 2);
  const { version } = seen(await shop.slots.observe("green", NEVER));
  await byHand((client) =>
    client.send(new UpdateAutoScalingGroupCommand({ AutoScalingGroupName: "shop-green", MaxSize: 7 })),
  );
  shop.changes();
  expect((await shop.slots.ensure("green", want, version as never, by(1))).is).toBe("conflict");
  expect(shop.changes()).toEqual([]);
});

test("a slot that is waited for is asked only for what it waits for", async () => {
  await serving();
  await shop.slots.ensure("green", await shop.revision("r2", { boots: 3_000 }, 1), "any", by(1));
  const from = shop.simulator.recorded.length;
  await until(shop.slots, "green", ready(1));
  const asked = shop.simulator.recorded.slice(from).map(({ action }) => action.replace(/^.*:/u, ""));
  expect(new Set(asked)).toEqual(
    new Set(["DescribeAutoScalingGroups", "DescribeTargetHealth", "DescribeScalingActivities"]),
  );
});

test("a call that is refused after others of the same write were carried out is not told as nothing", async () => {
  await serving();
  const want = await shop.revision("r2", {}, 2);
  const { version } = seen(await shop.slots.observe("green", NEVER));
  shop.changes();
  // Blue is held first, then green is told.
  shop.simulator.fault({
    action: "autoscaling:UpdateAutoScalingGroup",
    kind: "throttle",
    after: 1,
    times: 99,
  });
  const answer = await shop.slots.ensure("green", want, version as never, by(1, 3_000));
  expect(shop.changes().length).toBeGreaterThan(1);
  expect(answer).toMatchObject({ is: "unknown", cause: { code: "TEAL-A106" } });
});
