import {
  DescribeRulesCommand,
  ElasticLoadBalancingV2Client,
  ModifyRuleCommand,
  type Action,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { join } from "node:path";
import https from "node:https";
import { afterAll, beforeAll, expect, test } from "vitest";
import { clientConfig } from "../aws-sim/sdk.ts";
import { outcomeOf, tell } from "../e2e/support.ts";
import { AwsStory } from "./story.ts";

/* One service behind two listeners, HTTP and HTTPS, whose rules are not alike: they are switched one after the other. */

const LOGIN: Action = {
  Type: "authenticate-oidc",
  Order: 1,
  AuthenticateOidcConfig: {
    Issuer: "https://login.example",
    AuthorizationEndpoint: "https://login.example/authorize",
    TokenEndpoint: "https://login.example/token",
    UserInfoEndpoint: "https://login.example/userinfo",
    ClientId: "shop",
    ClientSecret: "never-shown-again",
    OnUnauthenticatedRequest: "allow",
  },
};

let story: AwsStory;
let elb: ElasticLoadBalancingV2Client;

beforeAll(async () => {
  story = await AwsStory.open({
    shop: { listeners: [{ port: 8080 }, { port: 8443 }], deregistrationDelay: 5 },
    aws: ["reach: address"],
    strategy: "{ blueGreen: { bake: 100ms, keepWarm: 10m, drain: 100ms } }",
    health: "{ window: { of: 1, passes: 1, consecutive: 1, interval: 50ms, deadline: 30s } }",
  });
  elb = new ElasticLoadBalancingV2Client(clientConfig(story.simulator.environment("AKIASHOPBUILDER")));
  // The second rule logs users in, and names its only target group in the short form.
  await elb.send(
    new ModifyRuleCommand({
      RuleArn: story.shop.listeners[1]!.rule,
      Actions: [LOGIN, { Type: "forward", Order: 2, TargetGroupArn: story.shop.targetGroups.blue }],
    }),
  );
});
afterAll(async () => {
  elb.destroy();
  await story.end();
});

async function actionsOf(index: number): Promise<readonly Action[]> {
  const { Rules: rules } = await elb.send(
    new DescribeRulesCommand({ RuleArns: [story.shop.listeners[index]!.rule] }),
  );
  return rules![0]!.Actions!;
}

async function weights(index: number): Promise<readonly (number | undefined)[]> {
  const forward = (await actionsOf(index)).find(({ Type }) => Type === "forward");
  const groups = forward?.ForwardConfig?.TargetGroups ?? [];
  return [story.shop.targetGroups.blue, story.shop.targetGroups.green].map(
    (arn) => groups.find(({ TargetGroupArn }) => TargetGroupArn === arn)?.Weight,
  );
}

/** Revision that answers by HTTPS at every node. */
function secureAnswers(): Promise<readonly string[]> {
  return Promise.all(
    story.simulator.elb.nodes(story.shop.loadBalancer.arn).map(
      ({ address }) =>
        new Promise<string>((resolve, reject) => {
          const options = { host: address, port: 8443, rejectUnauthorized: false, agent: false };
          https
            .get({ ...options, headers: { host: "shop.example" } }, (response) => {
              let body = "";
              response.on("data", (part: Buffer) => (body += part.toString()));
              response.on("end", () => resolve(body.split(" ")[0] ?? ""));
            })
            .on("error", reject);
        }),
    ),
  );
}

const modified = (before: number) =>
  story.simulator.recorded
    .slice(before)
    .filter(({ action, principal }) => action.endsWith(":ModifyRule") && !principal.includes("builder"))
    .map(({ input, error }) => [
      story.shop.listeners.findIndex(({ rule }) => rule === (input as { RuleArn: string }).RuleArn),
      error ?? "done",
    ]);

test("plan warns of the moment in which users may meet both revisions", async () => {
  const ran = await story.teal("plan", story.image("r-plan"));
  expect(ran.code, ran.out + ran.err).toBe(0);
  expect(ran.out).toMatch(/2 rules are switched one after the other \(shop-alb:8080 .*, shop-alb:8443 .*\)/u);
});

test("a rule that may not be written takes the one before it back; users stay where they were", async () => {
  const before = story.simulator.recorded.length;
  // The second rule takes the idle slot in at first; what is refused is its switch.
  let switching = 0;
  const off = story.simulator.intercept({
    before: ({ action, input, principal }) => {
      const mine = action.endsWith(":ModifyRule") && !principal.includes("builder");
      const second = (input as { RuleArn?: string }).RuleArn === story.shop.listeners[1]!.rule;
      if (mine && second && (switching += 1) === 2)
        story.simulator.fault({ action: "elasticloadbalancing:ModifyRule", kind: "expired", times: 1 });
      return undefined;
    },
  });
  const moved = await story.deploy(story.image("r2"));
  off();
  expect(outcomeOf(moved), tell(moved)).toBe("reverted");
  expect(tell(moved)).toContain("TEAL-A105");
  expect(modified(before)).toEqual([
    [1, "done"],
    [0, "done"],
    [1, "ExpiredToken"],
    [0, "done"],
  ]);
  expect([await weights(0), await weights(1)]).toEqual([
    [100, 0],
    [100, 0],
  ]);
  expect(await story.answers()).toEqual(["r1", "r1"]);
  expect(await secureAnswers()).toEqual(["r1", "r1"]);
});

test("both are switched in their order, HTTPS too; login and order stay as they are", async () => {
  const before = story.simulator.recorded.length;
  const moved = await story.deploy(story.image("r3"));
  expect(outcomeOf(moved), tell(moved)).toBe("warm");
  expect(modified(before)).toEqual([
    [0, "done"],
    [1, "done"],
  ]);
  expect(await story.answers()).toEqual(["r3", "r3"]);
  expect(await secureAnswers()).toEqual(["r3", "r3"]);
  const [login, forward] = await actionsOf(1);
  const { ClientSecret: _secret, ...shown } = LOGIN.AuthenticateOidcConfig!;
  expect(login).toMatchObject({ Type: "authenticate-oidc", Order: 1, AuthenticateOidcConfig: shown });
  expect(forward).toMatchObject({ Type: "forward", Order: 2 });
});

test("and back", async () => {
  const before = story.simulator.recorded.length;
  const back = await story.rollback();
  expect(outcomeOf(back), tell(back)).toBe("reverted");
  expect(modified(before)).toEqual([
    [0, "done"],
    [1, "done"],
  ]);
  expect(await story.answers()).toEqual(["r1", "r1"]);
  expect(await secureAnswers()).toEqual(["r1", "r1"]);
});

test("a hand that changes a rule between plan and deploy: the plan is refused", async () => {
  const file = join(story.folder, "plan.json");
  const image = story.image("r4");
  const planned = await story.teal("plan", image, "--out", file);
  expect(planned.code, planned.out + planned.err).toBe(0);
  const before = story.simulator.recorded.length;
  story.simulator.elb.shift(story.shop.listeners[0]!.rule, { "shop-blue": 50, "shop-green": 50 });
  const ran = await story.teal("deploy", "--plan", file);
  expect(ran.code, ran.out + ran.err).toBe(3);
  expect(ran.out + ran.err).toMatch(/TEAL-[A-Z]\d+, exit 3/u);
  expect(story.written(before)).toEqual([]);
});
