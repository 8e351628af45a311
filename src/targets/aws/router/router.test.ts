import { Agent, request } from "node:http";
import { afterEach, describe, expect, test } from "vitest";
import { allTo, shareOf } from "../../../core/routing.ts";
import { fence, instant, intentId, type Version } from "../../../core/units.ts";
import type { By } from "../../../ports/write.ts";
import { claimText } from "../claim-tag.ts";
import { createFence } from "../fence.ts";
import { TAGS } from "../names.ts";
import { divisionOf } from "./actions.ts";
import { STICKY_TAG } from "./stickiness.ts";
import { forward, openStage, REVISIONS, type Stage, type StageOptions } from "./test-support.ts";
import { groupsOf } from "./view.ts";

const NEVER = new AbortController().signal;
const MODIFY = "elasticloadbalancing:ModifyRule";
let stage: Stage;

afterEach(() => stage.stop());

async function open(options: StageOptions = {}): Promise<Stage> {
  stage = await openStage({ throttling: "off", ...options });
  return stage;
}

const by = (over: Partial<By> = {}): By => ({
  intent: intentId("i-1"),
  fence: fence(1),
  deadline: instant(Date.now() + 10_000),
  signal: NEVER,
  ...over,
});

const GREEN = allTo("green");
const BLUE = allTo("blue");

/** Weights of every rule, as the load balancer has them. */
function weights(): readonly unknown[] {
  return stage.found.rules.map(({ arn }) => {
    const { Rules } = stage.foreign<{ Rules: { Actions: never[] }[] }>("DescribeRules", { RuleArns: [arn] });
    return divisionOf(Rules[0]?.Actions ?? [], groupsOf(stage.found))?.shares;
  });
}

async function version(): Promise<Version> {
  const read = await stage.router.observe(NEVER);
  if (read.is !== "seen") throw new Error(read.cause.message);
  return read.version;
}

describe("one call for each rule", () => {
  test("to switch, and to go back", async () => {
    const { router, writes } = await open({ rules: ["default", "host", "path"] });
    expect((await router.shift(GREEN, await version(), by())).is).toBe("applied");
    expect(writes().slice(-3)).toEqual(["ModifyListener", "ModifyRule", "ModifyRule"]);
    const before = writes().length;
    expect((await router.shift(BLUE, "any", by({ back: true }))).is).toBe("applied");
    expect(writes().slice(before)).toEqual(["ModifyListener", "ModifyRule", "ModifyRule"]);
    expect(weights()).toEqual([BLUE, BLUE, BLUE]);
  });

  test("a rule that follows already is left alone", async () => {
    const { router, foreign, found, writes } = await open({ rules: ["host", "path"] });
    foreign("ModifyRule", { RuleArn: found.rules[0]?.arn, Actions: [forward(groupsOf(found), 0, 100)] });
    const before = writes().length;
    expect((await router.shift(GREEN, "any", by())).is).toBe("applied");
    expect(writes().length - before).toBe(1);
  });
});

describe("what else a rule does", () => {
  test("its order and its stickiness stay; the answer tells what was read back", async () => {
    const { router } = await open({
      actions: (all) => [{ ...forward(all, 100, 0, 600), Order: 2 }],
    });
    const answer = await router.shift(GREEN, await version(), by());
    expect(answer).toMatchObject({ is: "applied", seen: { weights: GREEN } });
    const [rule] = answer.is === "applied" ? answer.seen.rules : [];
    expect(rule?.raw).toContain('"Enabled":true,"DurationSeconds":600');
    expect(rule?.shape?.some((line) => line.startsWith("actions[0].Order: "))).toBe(true);
  });

  test("one target group in the short form: the other joins at weight 0, and nobody is moved", async () => {
    const { router, writes } = await open({
      actions: ({ blue }) => [{ Type: "forward", TargetGroupArn: blue }],
    });
    const before = writes().length;
    expect((await router.complete(by())).is).toBe("applied");
    expect((await router.complete(by())).is).toBe("unchanged");
    expect(writes().length - before).toBe(1);
    expect(weights()).toEqual([BLUE]);
    const read = await router.observe(NEVER);
    expect(read.is === "seen" && read.value.rules[0]?.raw).toContain('"Weight":0');
  });
});

describe("drift", () => {
  test.each([
    ["weights", (all: never) => ({ Actions: [forward(all, 70, 30)] })],
    ["stickiness", (all: never) => ({ Actions: [forward(all, 100, 0, 60)] })],
    ["conditions", () => ({ Conditions: [{ Field: "host-header", Values: ["other.example"] }] })],
  ])("of %s is a conflict, and nothing is written", async (_field, change) => {
    const { router, foreign, found, writes } = await open();
    const decided = await version();
    foreign("ModifyRule", { RuleArn: found.rules[0]?.arn, ...change(groupsOf(found) as never) });
    const before = writes().length;
    expect((await router.shift(GREEN, decided, by())).is).toBe("conflict");
    expect(writes().length).toBe(before);
  });

  test("the shape tells what somebody changed, line by line, and no weight", async () => {
    const { router, foreign, found } = await open();
    const shape = async () => {
      const read = await router.observe(NEVER);
      return read.is === "seen" ? (read.value.rules[0]?.shape ?? []) : [];
    };
    const before = await shape();
    await router.shift(GREEN, "any", by());
    expect(await shape()).toEqual(before);
    foreign("ModifyRule", {
      RuleArn: found.rules[0]?.arn,
      Conditions: [{ Field: "host-header", Values: ["other.example"] }],
    });
    const after = await shape();
    expect(before.filter((line) => !after.includes(line))).toContainEqual(
      expect.stringContaining("shop.example"),
    );
    expect(after.filter((line) => !before.includes(line))).toContainEqual(
      expect.stringContaining("other.example"),
    );
  });

  test("somebody who writes right after us is seen when it is read back", async () => {
    const { router, small, foreign, found } = await open();
    const decided = await version();
    small.faults.add({ action: "elasticloadbalancing:DescribeRules", kind: "slow", delay: 2_000, after: 1 });
    const shifting = router.shift(GREEN, decided, by());
    while (weights()[0] === undefined || JSON.stringify(weights()) !== JSON.stringify([GREEN]))
      await new Promise((resolve) => setTimeout(resolve, 2));
    foreign("ModifyRule", { RuleArn: found.rules[0]?.arn, Actions: [forward(groupsOf(found), 40, 60)] });
    expect(await shifting).toMatchObject({ is: "conflict", seen: { weights: { blue: 40, green: 60 } } });
  });
});

describe("several rules", () => {
  const anywhere = { Effect: "Allow", Action: "elasticloadbalancing:*", Resource: "*" };
  const never = (action: string, ...rules: readonly (string | undefined)[]) => ({
    Effect: "Deny",
    Action: `elasticloadbalancing:${action}`,
    Resource: rules,
  });

  test("a refusal in the middle takes the ones before it back, in reverse", async () => {
    const { allowed, found, writes } = await open({ rules: ["default", "host", "path"] });
    const router = await allowed(anywhere, never("ModifyRule", found.rules[2]?.arn));
    const before = writes().length;
    expect(await router.shift(GREEN, await version(), by())).toMatchObject({
      is: "rejected",
      cause: { code: "TEAL-A104" },
    });
    expect(weights()).toEqual([BLUE, BLUE, BLUE]);
    expect(writes().slice(before)).toEqual([
      "ModifyListener",
      "ModifyRule",
      "ModifyRule",
      "ModifyRule",
      "ModifyListener",
    ]);
  });

  test("one that cannot be taken back is told as what it is: mixed, and not known to be refused", async () => {
    const { router, small, writes } = await open({ rules: ["default", "host", "path"] });
    const before = writes().length;
    // The session ends after the second write, for rules; the listener can still be written to.
    small.faults.add({ action: MODIFY, kind: "expired", after: 1, times: 99 });
    const answer = await router.shift(GREEN, await version(), by());
    expect(answer).toMatchObject({ is: "unknown", cause: { code: "TEAL-A305" } });
    expect(answer.is === "unknown" && answer.cause.message).toMatch(/^shop-alb:8000 host follow/u);
    expect(weights()).toEqual([BLUE, GREEN, BLUE]);
    expect(writes().length).toBeGreaterThan(before);
  });

  test("going back, a rule that may not be written holds no other one up", async () => {
    const { allowed, found, router } = await open({ rules: ["default", "host", "path"] });
    await router.shift(GREEN, "any", by());
    const limited = await allowed(anywhere, never("ModifyRule", found.rules[1]?.arn));
    expect(await limited.shift(BLUE, "any", by({ back: true }))).toMatchObject({ is: "rejected" });
    expect(weights()).toEqual([BLUE, GREEN, BLUE]);
  });

  test("a rule that is gone: nothing is written to any", async () => {
    const { router, foreign, found, writes } = await open({ rules: ["default", "host"] });
    const decided = await version();
    foreign("DeleteRule", { RuleArn: found.rules[1]?.arn });
    const before = writes().length;
    expect((await router.shift(GREEN, decided, by())).is).toBe("rejected");
    expect(writes().length).toBe(before);
  });

  test("going back, what could go back stays there", async () => {
    const { router, small } = await open({ rules: ["default", "host"] });
    await router.shift(GREEN, "any", by());
    small.faults.add({ action: MODIFY, kind: "error", times: 99 });
    const answer = await router.shift(
      BLUE,
      await version(),
      by({ back: true, deadline: instant(Date.now() + 1_500) }),
    );
    expect(["rejected", "unknown"]).toContain(answer.is);
    expect(weights()).toEqual([BLUE, GREEN]);
    small.faults.clear();
    expect((await router.shift(BLUE, "any", by({ back: true }))).is).toBe("applied");
    expect(weights()).toEqual([BLUE, BLUE]);
  });
});

describe("what cannot be known", () => {
  test("an answer that is lost: it ends applied or unknown, never refused, and repeating it converges", async () => {
    const { router, small } = await open();
    small.faults.add({ action: MODIFY, kind: "lostAnswer" });
    const answer = await router.shift(GREEN, await version(), by());
    expect(["applied", "unchanged", "unknown"]).toContain(answer.is);
    expect(weights()).toEqual([GREEN]);
    expect((await router.shift(GREEN, "any", by())).is).toBe("unchanged");
  });

  test("going back works when nothing can be read any more: one blind write", async () => {
    const { router, small, writes } = await open();
    await router.shift(GREEN, await version(), by());
    small.faults.add({ action: "elasticloadbalancing:Describe*", kind: "error", times: 999 });
    expect((await router.observe(AbortSignal.timeout(300))).is).toBe("unreadable");
    const before = writes().length;
    const began = performance.now();
    const answer = await router.shift(BLUE, "any", by({ back: true, deadline: instant(Date.now() + 4_000) }));
    expect(answer).toMatchObject({ is: "applied", seen: { weights: BLUE } });
    expect(performance.now() - began).toBeLessThan(4_500);
    expect(writes().length - before).toBe(1);
    expect(weights()).toEqual([BLUE]);
  });

  test("a process that never saw the rules writes nothing blindly", async () => {
    const { another, small, writes } = await open();
    small.faults.add({ action: "elasticloadbalancing:Describe*", kind: "error", times: 999 });
    const before = writes().length;
    expect(await another().shift(BLUE, "any", by({ deadline: instant(Date.now() + 3_000) }))).toMatchObject({
      is: "rejected",
      cause: { code: "TEAL-A306" },
    });
    expect(writes().length).toBe(before);
  });
});

describe("a throttled account", () => {
  test("that leaves no time for the write refuses it for now, not for good", async () => {
    const { router, small, writes } = await open();
    const expected = await version();
    const before = writes().length;
    expect(await router.shift(GREEN, expected, by({ deadline: instant(Date.now() - 1) }))).toMatchObject({
      is: "rejected",
      cause: { code: "TEAL-A303" },
      retryAfter: 1_000,
    });
    small.faults.add({ action: "elasticloadbalancing:DescribeRules", kind: "throttle", times: 1_000 });
    const slow = by({ deadline: instant(Date.now() + 400) });
    expect(await router.shift(GREEN, expected, slow)).toMatchObject({ is: "rejected", retryAfter: 1_000 });
    expect(writes()).toHaveLength(before);
  });
});

describe("fences", () => {
  test("of two processes the higher one goes on, also when the other never heard of it", async () => {
    const { another } = await open();
    const [first, second] = [another(), another()];
    expect((await first.claim(by({ fence: fence(4) }))).is).toBe("applied");
    expect((await second.claim(by({ fence: fence(5) }))).is).toBe("applied");
    expect(await first.shift(GREEN, "any", by({ fence: fence(4) }))).toEqual({ is: "fenced", by: 5 });
    expect((await second.shift(GREEN, "any", by({ fence: fence(5) }))).is).toBe("applied");
  });

  test("of two processes with the same one, only one goes on, and the other learns why", async () => {
    const { api, another, found, foreign } = await open();
    const [ann, ben] = ["ann@a/1", "ben@b/2"].map((name) => {
      const fence = createFence(api, name);
      return { fence, router: another({ fence }) };
    });
    expect((await ann!.router.claim(by({ fence: fence(7) }))).is).toBe("applied");
    const claimed = await ben!.router.claim(by({ fence: fence(7) }));
    expect(claimed).toMatchObject({ is: "fenced", by: 7, cause: { code: "TEAL-A307" } });
    expect(claimed.is === "fenced" && claimed.cause?.message).toContain("ann@a/1");
    // Ben had read the tags before Ann wrote hers.
    const { blue, green } = groupsOf(found);
    const Tags = [{ Key: TAGS.fence, Value: claimText(fence(7), "ben@b/2", { blue, green }) }];
    foreign("AddTags", { ResourceArns: [blue, green], Tags });
    const refused = { is: "fenced", by: 7, cause: { code: "TEAL-A307" } };
    expect(await ann!.router.shift(GREEN, "any", by({ fence: fence(7) }))).toMatchObject(refused);
    expect((await ben!.router.shift(GREEN, "any", by({ fence: fence(7) }))).is).toBe("applied");
  });

  test("a lower one that was written late does not stay", async () => {
    const { api, another, found, foreign } = await open();
    const router = another({ fence: createFence(api, "ann") });
    const groups = groupsOf(found);
    expect((await router.claim(by({ fence: fence(9) }))).is).toBe("applied");
    const { blue, green } = groups;
    for (const back of [{}, { back: true }] as const) {
      const Tags = [{ Key: TAGS.fence, Value: claimText(fence(8), "ben", groups) }];
      foreign("AddTags", { ResourceArns: [blue, green], Tags });
      const to = "back" in back ? BLUE : GREEN;
      expect((await router.shift(to, await version(), by({ fence: fence(9), ...back }))).is).toBe("applied");
      const tags = await createFence(api, "cid").read(groups, { signal: NEVER, purse: "plan" });
      expect(tags).toMatchObject({ fence: 9, rival: "ann" });
    }
  });

  test("slots and router of one process claim it with one write", async () => {
    const { api, found, small } = await open();
    const shared = createFence(api);
    const groups = groupsOf(found);
    const answers = await Promise.all([1, 2].map(() => shared.claim(groups, by({ fence: fence(3) }))));
    expect(answers.map(({ is }) => is)).toEqual(["applied", "applied"]);
    expect(small.recorded.filter(({ action }) => action.endsWith(":AddTags"))).toHaveLength(1);
  });
});

describe("cookies", () => {
  test("cut: off in the call that gives one slot everything, on again where the traffic is divided", async () => {
    const { another, found, api, writes } = await open({ actions: (all) => [forward(all, 100, 0, 900)] });
    const router = another({}, { sticky: "cut" });
    const stickiness = async () => {
      const read = await router.observe(NEVER);
      return read.is === "seen" ? (read.value.rules[0]?.raw ?? "") : "";
    };
    const before = writes().length;
    expect((await router.shift(GREEN, "any", by())).is).toBe("applied");
    expect(await stickiness()).toContain('"Enabled":false');
    const tags = await api.elb.tags([groupsOf(found).blue], { signal: NEVER, purse: "plan" });
    expect(tags.is === "ok" && tags.value.get(groupsOf(found).blue)?.get(STICKY_TAG)).toBe("900");
    expect((await router.shift(shareOf("blue", 10), "any", by())).is).toBe("applied");
    expect(await stickiness()).toContain('"Enabled":true,"DurationSeconds":900');
    expect((await router.shift(GREEN, "any", by({ back: true }))).is).toBe("applied");
    expect(await stickiness()).toContain('"Enabled":false');
    expect(writes().length - before).toBe(3);
  });

  test("cut: where AWS refuses it, the traffic goes all the same", async () => {
    const { another, found, foreign } = await open({ actions: (all) => [forward(all, 100, 0, 900)] });
    foreign("ModifyTargetGroupAttributes", {
      TargetGroupArn: groupsOf(found).blue,
      Attributes: [
        { Key: "stickiness.enabled", Value: "true" },
        { Key: "stickiness.type", Value: "lb_cookie" },
      ],
    });
    const router = another({}, { sticky: "cut" });
    expect((await router.shift(GREEN, "any", by({ back: true }))).is).toBe("applied");
    expect(weights()).toEqual([GREEN]);
  });

  test("whoever has the cookie of a slot without weight is let go by a cut, and by nothing else", async () => {
    const { another, addresses, elb } = await open({ actions: (all) => [forward(all, 50, 50, 900)] });
    const [address = ""] = await addresses();
    const first = await get(address);
    const home = first.revision === REVISIONS.blue ? "blue" : "green";
    const away = home === "blue" ? GREEN : BLUE;
    await another().shift(away, "any", by());
    await elb.converged("shop-alb");
    expect((await get(address, first.cookies)).revision).toBe(first.revision);
    const cutting = another({}, { sticky: "cut" });
    await cutting.shift(shareOf("blue", 50), "any", by());
    await cutting.shift(away, "any", by());
    await elb.converged("shop-alb");
    expect((await get(address, first.cookies)).revision).not.toBe(first.revision);
  });
});

describe("switching under traffic", () => {
  test("no request fails while nodes follow one after the other, and the proof waits for the last one", async () => {
    const { another, addresses, elb, world, served } = await open({ propagation: [0, 8_000], speed: 20 });
    const revision = (slot: "blue" | "green") => Promise.resolve(REVISIONS[slot]);
    const router = another({ addresses, identity: { header: "x-revision", path: "/", revision } });
    const nodes = await addresses();
    await elb.converged("shop-alb");
    const agents = nodes.map(() => new Agent({ keepAlive: true, maxSockets: 2 }));
    let going = true;
    const statuses = new Map<number, number>();
    const users = nodes.map(async (address, index) => {
      while (going) {
        const { status } = await get(address, "", agents[index]);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    });
    for (const to of [GREEN, BLUE, GREEN]) {
      expect((await router.shift(to, "any", by())).is).toBe("applied");
      for (;;) {
        const look = await router.sample(to, NEVER);
        if (look.is === "seen" && look.value.moved) {
          expect(look.value.strength).toBe("identity");
          expect(elb.nodes("shop-alb").every(({ current }) => current)).toBe(true);
          break;
        }
        await world.clock.sleep(500);
      }
    }
    going = false;
    await Promise.all(users);
    for (const agent of agents) agent.destroy();
    expect([...statuses.keys()]).toEqual([200]);
    expect(served.blue).toBeGreaterThan(0);
    expect(served.green).toBeGreaterThan(0);
  });
});

function get(
  host: string,
  cookies = "",
  agent: Agent | false = false,
): Promise<{ status: number; revision: string; cookies: string }> {
  return new Promise((resolve, reject) => {
    const headers = { host: "shop.example", ...(cookies === "" ? {} : { cookie: cookies }) };
    const sent = request({ host, port: 8000, path: "/", headers, agent }, (response) => {
      response.resume();
      response.on("error", reject);
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          revision: String(response.headers["x-revision"]),
          cookies: (response.headers["set-cookie"] ?? []).map((each) => each.split(";")[0]).join("; "),
        }),
      );
    });
    sent.on("error", reject);
    sent.end();
  });
}
