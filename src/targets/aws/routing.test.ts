import {
  CreateRuleCommand,
  DeleteRuleCommand,
  DescribeRulesCommand,
  ElasticLoadBalancingV2Client,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { afterEach, beforeEach, expect, test } from "vitest";
import { clientConfig } from "../../../test/aws-sim/sdk.ts";
import { standardShop, type Shop } from "../../../test/aws-sim/shop.ts";
import { startSimulator, type Simulator } from "../../../test/aws-sim/simulator.ts";
import { allTo } from "../../core/routing.ts";
import { fence, instant, intentId, millis } from "../../core/units.ts";
import type { By } from "../../ports/write.ts";
import { systemClock } from "../../state/system-clock.ts";
import type { AwsApi } from "./api/api.ts";
import { connectAws } from "./api/connect.ts";
import { inferFrom } from "./infer.ts";
import type { AwsSettings } from "./settings.ts";
import type { AwsTarget } from "./aws-target.ts";
import { createAwsTarget } from "./target.ts";

/* What a process that has just begun can do by Elastic Load Balancing alone. */

const NEVER = new AbortController().signal;
const DOWN = { kind: "error", times: 1_000_000 } as const;
let simulator: Simulator;
let shop: Shop;
const open: { close(): Promise<void> }[] = [];

beforeEach(async () => {
  simulator = await startSimulator({ speed: 50, throttling: "off" });
  shop = await standardShop(simulator, { instances: 1 });
});

afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
  await simulator.stop();
});

const settings = (): AwsSettings => ({
  service: "shop",
  environment: "default",
  account: simulator.account,
  listeners: [`shop-alb:${shop.listeners[0]!.port}`],
  match: { host: shop.host },
  template: { by: "image" },
  reach: { by: "address" },
  sticky: "wait",
  propagation: millis(300),
});

async function connect(): Promise<AwsApi> {
  const connected = await connectAws(settings(), { environment: simulator.environment() });
  if (connected.is === "failed") throw new Error(connected.cause.message);
  return connected.api;
}

/** As another process would have it. */
async function another(holder = "ann"): Promise<AwsTarget> {
  const target = createAwsTarget(await connect(), settings(), { clock: systemClock, holder });
  open.push(target);
  return target;
}

const by = (over: Partial<By> = {}): By => ({
  intent: intentId("i-1"),
  fence: fence(3),
  deadline: instant(Date.now() + 5_000),
  signal: NEVER,
  ...over,
});

test("who claimed the fence tells every later process whose target groups they are", async () => {
  expect((await (await another()).router.claim(by())).is).toBe("applied");
  simulator.fault({ action: "autoscaling:*", ...DOWN });
  const target = await another();
  expect((await target.router.observe(NEVER)).is).toBe("seen");
  expect(await target.claimed(NEVER)).toBe(3);
  const back = by({ fence: fence(4), back: true });
  expect((await target.slots.claim(back)).is).toBe("applied");
  expect(await target.router.shift(allTo("green"), "any", back)).toMatchObject({
    is: "applied",
    seen: { weights: allTo("green") },
  });
  expect(await target.slots.observe("blue", NEVER)).toMatchObject({ is: "unreadable" });
});

test("nobody claimed it yet: nothing is guessed", async () => {
  simulator.fault({ action: "autoscaling:*", ...DOWN });
  const target = await another();
  expect(await target.router.observe(NEVER)).toMatchObject({
    is: "unreadable",
    cause: { code: "TEAL-A108" },
  });
  expect(await target.claimed(NEVER)).toMatchObject({ is: "unavailable", cause: { code: "TEAL-A108" } });
});

test("who leaves does not take the others along", async () => {
  const api = await connect();
  open.push(api);
  const inferred = inferFrom(api, settings());
  const leaving = new AbortController();
  const first = inferred.found({ signal: leaving.signal, purse: "switch" });
  const second = inferred.found({ signal: NEVER, purse: "switch" });
  leaving.abort();
  expect(await first).toMatchObject({ is: "unreadable", cause: { code: "TEAL-A111" } });
  expect((await second).is).toBe("found");
});

test("a rule that was made anew is found without another process", async () => {
  const target = await another();
  expect((await target.router.observe(NEVER)).is).toBe("seen");
  const elb = new ElasticLoadBalancingV2Client(clientConfig(simulator.environment()));
  open.push({ close: async () => elb.destroy() });
  const { rule, arn } = shop.listeners[0]!;
  const [was] = (await elb.send(new DescribeRulesCommand({ RuleArns: [rule] }))).Rules ?? [];
  await elb.send(new DeleteRuleCommand({ RuleArn: rule }));
  const { Conditions = [], Actions } = was ?? {};
  const conditions = Conditions.map(({ Field, HostHeaderConfig }) => ({ Field, HostHeaderConfig }));
  await elb.send(new CreateRuleCommand({ ListenerArn: arn, Priority: 77, Conditions: conditions, Actions }));
  const back = by({ back: true });
  // The first call learns that the rule is gone.
  await target.router.shift(allTo("green"), "any", back);
  expect(await target.router.shift(allTo("green"), "any", back)).toMatchObject({
    is: "applied",
    seen: { weights: allTo("green") },
  });
});

test("going back, a slot grows while neither rules nor tags can be read", async () => {
  const target = await another();
  const seen = await target.slots.observe("blue", NEVER);
  if (seen.is !== "seen" || seen.value.revision === undefined) throw new Error(JSON.stringify(seen));
  simulator.fault({ action: "elasticloadbalancing:DescribeRules", ...DOWN });
  simulator.fault({ action: "elasticloadbalancing:DescribeTags", ...DOWN });
  const checks = {
    checks: [],
    window: { of: 1, passes: 1, consecutive: 1, interval: millis(50), jitter: 0, deadline: millis(1_000) },
  };
  const want = { revision: seen.value.revision, replicas: 2, checks: checks as never };
  expect((await target.slots.ensure("blue", want, seen.version, by())).is).toBe("rejected");
  expect(await target.slots.ensure("blue", want, seen.version, by({ back: true }))).toMatchObject({
    is: "applied",
    seen: { wanted: 2 },
  });
});
