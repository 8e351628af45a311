import { afterEach, describe, expect, test } from "vitest";
import type { Borrowed } from "../../../core/observed.ts";
import type { Slot } from "../../../core/units.ts";
import { fence, instant, intentId, millis } from "../../../core/units.ts";
import type { Exchange, HttpQuestion } from "../../../ports/exchange.ts";
import type { SlotProvider } from "../../../ports/slots.ts";
import type { By } from "../../../ports/write.ts";
import { openStage, REVISIONS, type Stage, type StageOptions } from "../router/test-support.ts";
import type { Reaching } from "../settings.ts";
import { answerOfInstance } from "./own-answers.ts";
import { probing } from "./probing.ts";
import { proveReach } from "./prove.ts";
import { createLeading, type Leading } from "./reaching.ts";

const NEVER = new AbortController().signal;
const CALL = { signal: NEVER, purse: "plan" } as const;
let stage: Stage | undefined;

afterEach(async () => {
  await stage?.stop();
  stage = undefined;
});

const by = (): By => ({
  intent: intentId("i-1"),
  fence: fence(1),
  deadline: instant(Date.now() + 10_000),
  signal: NEVER,
});

const QUESTION: HttpQuestion = {
  host: "10.0.0.1",
  port: 8080,
  method: "GET",
  path: "/",
  headers: { host: "localhost:8080", connection: "close" },
};

async function open(
  reach: Reaching,
  options: StageOptions = {},
): Promise<{ stage: Stage; leading: Leading }> {
  const settings = { reach, propagation: millis(100) };
  stage = await openStage({ throttling: "off", speed: 100, ...options, settings });
  await stage.elb.converged("shop-alb");
  return { stage, leading: leadingOf(stage) };
}

function leadingOf({ api, settings, found, addresses }: Stage): Leading {
  return createLeading(api, settings, () => Promise.resolve(found), { addresses });
}

interface ForeignRule {
  readonly RuleArn: string;
  readonly Priority: string;
  readonly Conditions: readonly { readonly Field: string }[];
}

function rulesOf({ foreign, found }: Stage): readonly ForeignRule[] {
  const { Rules } = foreign<{ Rules: ForeignRule[] }>("DescribeRules", {
    ListenerArn: found.rules[0]?.listener.arn,
  });
  return Rules;
}

async function ask(leading: Leading, slot: Slot): Promise<Exchange> {
  const way = leading.way?.(slot);
  if (way === undefined) throw new Error("no way");
  // Until every node follows nothing is asked, and that is told.
  for (;;) {
    const got = await way.http(QUESTION, NEVER);
    if (got.is !== "unknown" || !got.why.startsWith("not every node")) return got;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const revision = (got: Exchange) => (got.is === "answer" ? got.headers["x-revision"] : got.is);

describe("a header rule", () => {
  const byHeader: Reaching = { by: "headerRule", header: "X-Teal-Probe" };

  test("leads probes to the slot without traffic, users stay where they are, and it is gone afterwards", async () => {
    const { stage: at, leading } = await open(byHeader);
    const before = rulesOf(at).length;
    expect((await leading.lead("green", by())).is).toBe("applied");
    expect((await leading.lead("green", by())).is).toBe("unchanged");
    const made = rulesOf(at).find(({ Conditions }) =>
      Conditions.some(({ Field }) => Field === "http-header"),
    );
    expect(Number(made?.Priority)).toBe(1);
    expect(revision(await ask(leading, "green"))).toBe(REVISIONS.green);
    expect((await leading.leave("green", by())).is).toBe("applied");
    expect(rulesOf(at)).toHaveLength(before);
    expect(await ask(leading, "green")).toMatchObject({ is: "unknown" });
  });

  test("what a crash left behind is put back by whoever takes over, by what was borrowed", async () => {
    const { stage: at, leading } = await open(byHeader);
    const [lent] = await lentBy(leading, "green");
    await leading.lead("green", by());
    if (lent === undefined) throw new Error("nothing lent");
    const another = leadingOf(at);
    expect((await another.restore(lent, by()))?.is).toBe("applied");
    expect((await another.restore(lent, by()))?.is).toBe("unchanged");
    expect(await another.restore({ ...lent, what: "capacity" }, by())).toBeUndefined();
  });

  test("a leftover that leads to the other slot is turned, not doubled", async () => {
    const { stage: at, leading } = await open(byHeader);
    await leading.lead("blue", by());
    const count = rulesOf(at).length;
    expect((await leading.lead("green", by())).is).toBe("applied");
    expect(rulesOf(at)).toHaveLength(count);
    expect(revision(await ask(leading, "green"))).toBe(REVISIONS.green);
  });

  test("somebody else's rule for the header is used and never removed", async () => {
    const { stage: at, leading } = await open(byHeader);
    at.foreign("CreateRule", {
      ListenerArn: at.found.rules[0]?.listener.arn,
      Priority: 3,
      Conditions: [
        { Field: "http-header", HttpHeaderConfig: { HttpHeaderName: "x-teal-probe", Values: ["ours"] } },
      ],
      Actions: [{ Type: "forward", TargetGroupArn: at.found.slots.green.targetGroup.arn }],
    });
    const count = rulesOf(at).length;
    expect((await leading.lead("green", by())).is).toBe("unchanged");
    expect((await leading.leave("green", by())).is).toBe("unchanged");
    expect(rulesOf(at)).toHaveLength(count);
  });

  test("without a free priority before the users' rule the plan is told so", async () => {
    const { stage: at } = await open(byHeader);
    at.foreign("SetRulePriorities", {
      RulePriorities: [{ RuleArn: at.found.rules[0]?.arn, Priority: 1 }],
    });
    const { api, settings, found, addresses } = at;
    const of = { api, settings, found, addresses, identity: { by: "header", header: "x-revision" } } as const;
    expect(await proveReach(of, "green", CALL)).toMatchObject([
      { is: "blocks", cause: { code: "TEAL-A320" } },
    ]);
  });

  test("the plan proves that the load balancer is reached, and writes nothing", async () => {
    const { stage: at } = await open(byHeader);
    const before = at.writes().length;
    const { api, settings, found, addresses } = at;
    const of = { api, settings, found, addresses } as const;
    const named = { by: "header", header: "x-revision" } as const;
    expect(await proveReach({ ...of, identity: named }, "green", CALL)).toEqual([]);
    expect(await proveReach({ ...of, identity: { by: "address" } }, "green", CALL)).toMatchObject([
      { is: "warns", cause: { code: "TEAL-A326" } },
    ]);
    const nowhere = () => Promise.resolve(["127.255.255.1"]);
    expect(await proveReach({ ...of, identity: named, addresses: nowhere }, "green", CALL)).toMatchObject([
      { is: "blocks", cause: { code: "TEAL-A322" } },
    ]);
    expect(at.writes()).toHaveLength(before);
  });
});

interface ForeignListener {
  readonly ListenerArn: string;
  readonly Port: number;
  readonly DefaultActions: readonly object[];
}

function testListener({ foreign, found }: Stage): ForeignListener {
  const LoadBalancerArn = found.rules[0]?.listener.loadBalancer.arn;
  const { Listeners } = foreign<{ Listeners: ForeignListener[] }>("DescribeListeners", { LoadBalancerArn });
  return Listeners.find(({ Port }) => Port === 8001)!;
}

const actionsOf = (at: Stage) => testListener(at).DefaultActions;

async function addListener(at: Stage): Promise<void> {
  at.foreign("CreateListener", {
    LoadBalancerArn: at.found.rules[0]?.listener.loadBalancer.arn,
    Protocol: "HTTP",
    Port: 8001,
    DefaultActions: [{ Type: "fixed-response", FixedResponseConfig: { StatusCode: "418" } }],
  });
  await at.elb.ready();
  await at.elb.converged("shop-alb");
}

async function lentBy(leading: Leading, slot: Slot = "blue"): Promise<readonly Borrowed[]> {
  const lent = await leading.lends(slot, NEVER);
  if ("code" in lent) throw new Error(lent.message);
  return lent;
}

describe("a test listener", () => {
  test("is pointed to the slot and gets its own actions back", async () => {
    const { stage: at, leading } = await open({ by: "testListener", listener: "shop-alb:8001" });
    await addListener(at);
    const [lent] = await lentBy(leading);
    expect((await leading.lead("green", by())).is).toBe("applied");
    expect((await leading.lead("green", by())).is).toBe("unchanged");
    expect(revision(await ask(leading, "green"))).toBe(REVISIONS.green);
    expect(await ask(leading, "blue")).toMatchObject({ is: "unknown" });
    if (lent === undefined) throw new Error("nothing lent");
    expect((await leading.restore(lent, by()))?.is).toBe("applied");
    expect(actionsOf(at)).toMatchObject([{ FixedResponseConfig: { StatusCode: "418" } }]);
    expect((await leading.restore(lent, by()))?.is).toBe("unchanged");
  });

  test("that cannot be read lends not nothing: the slot is unreadable, and nothing is written", async () => {
    const { stage: at, leading } = await open({ by: "testListener", listener: "shop-alb:8001" });
    expect(await leading.lends("blue", NEVER)).toMatchObject({ code: "TEAL-A321" });
    const value = { slot: "blue", wanted: 0, settled: true, replicas: [] } as const;
    const empty = { observe: async () => ({ is: "seen", value }) } as unknown as SlotProvider;
    const observed = await probing(empty, leading).observe("blue", NEVER);
    expect(observed).toMatchObject({ is: "unreadable", cause: { code: "TEAL-A321" } });
    await addListener(at);
    const refused = await leading.lead("green", by());
    expect(refused).toMatchObject({ is: "rejected", cause: { code: "TEAL-A327" }, retryAfter: 1_000 });
    expect(actionsOf(at)).toMatchObject([{ Type: "fixed-response" }]);
    await lentBy(leading);
    expect((await leading.lead("green", by())).is).toBe("applied");
  });

  test("that somebody set meanwhile is left as it is", async () => {
    const { stage: at, leading } = await open({ by: "testListener", listener: "shop-alb:8001" });
    await addListener(at);
    const [lent] = await lentBy(leading);
    if (lent === undefined) throw new Error("nothing lent");
    const set = (StatusCode: string) => {
      const ListenerArn = testListener(at).ListenerArn;
      const actions = [{ Type: "fixed-response", FixedResponseConfig: { StatusCode } }];
      at.foreign("ModifyListener", { ListenerArn, DefaultActions: actions });
    };
    set("404");
    expect(await leading.lead("green", by())).toMatchObject({ cause: { code: "TEAL-A327" } });
    await lentBy(leading);
    await leading.lead("green", by());
    set("410");
    expect((await leading.restore(lent, by()))?.is).toBe("unchanged");
    expect(actionsOf(at)).toMatchObject([{ FixedResponseConfig: { StatusCode: "410" } }]);
  });

  test("that is not there blocks the plan", async () => {
    const { stage: at } = await open({ by: "testListener", listener: "shop-alb:8001" });
    const { api, settings, found, addresses } = at;
    const of = { api, settings, found, addresses, identity: { by: "header", header: "x-revision" } } as const;
    expect(await proveReach(of, "green", CALL)).toMatchObject([
      { is: "blocks", cause: { code: "TEAL-A321" } },
    ]);
  });
});

describe("whose answer it is", () => {
  const page = (status: number) =>
    `<html>\r\n<head><title>${status} Service</title></head>\r\n<body><center><h1>${status}</h1></center></body>\r\n</html>\r\n`;
  const answer = (status: number, headers: Record<string, string>, body = ""): Exchange => ({
    is: "answer",
    status,
    headers,
    body,
    cut: false,
  });

  test.each([
    ["502 of the load balancer", answer(502, { server: "awselb/2.0" }), "broken"],
    ["504 of the load balancer", answer(504, { server: "awselb/2.0" }), "broken"],
    ["503 of the load balancer", answer(503, { server: "awselb/2.0" }), "unknown"],
    ["503 of one that does not name itself", answer(503, {}, page(503)), "unknown"],
    ["503 of an instance", answer(503, { server: "nginx" }, page(503)), "answer"],
    ["503 of an instance without a name", answer(503, {}, "down for maintenance"), "answer"],
    ["200 of an instance", answer(200, {}), "answer"],
    ["a connection that broke", { is: "broken", why: "ECONNRESET" }, "unknown"],
  ] satisfies [string, Exchange, Exchange["is"]][])("%s", (_name, got, is) => {
    expect(answerOfInstance(got).is).toBe(is);
  });

  test("the load balancer's own 503 for an empty target group is no answer of an instance", async () => {
    const { stage: at, leading } = await open({ by: "headerRule", header: "X-Teal-Probe" });
    await leading.lead("green", by());
    expect(revision(await ask(leading, "green"))).toBe(REVISIONS.green);
    at.foreign("DeregisterTargets", {
      TargetGroupArn: at.found.slots.green.targetGroup.arn,
      Targets: [{ Id: "i-green" }],
    });
    await at.elb.converged("shop-alb");
    expect(await ask(leading, "green")).toMatchObject({ is: "unknown", why: expect.stringContaining("503") });
  });
});
