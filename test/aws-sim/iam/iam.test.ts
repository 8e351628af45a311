import { PutParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import {
  AddTagsCommand,
  DescribeRulesCommand,
  ElasticLoadBalancingV2Client,
  ModifyRuleCommand,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { afterEach, expect, test } from "vitest";
import type { Input, Operation, Service } from "../kernel.ts";
import { createSsm } from "../services/ssm.ts";
import { createSts } from "../services/sts.ts";
import { smallWorld, type SmallWorld } from "../small-world.ts";
import { evaluate, readPolicy } from "./policy.ts";

let small: SmallWorld | undefined;

afterEach(async () => {
  await small?.stop();
  small = undefined;
});

const MINE = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener-rule/app/shop/1/2/3";
const OTHERS = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener-rule/app/other/1/2/3";

/** Load balancing reduced to what policies look at: resources, tags, further permissions. */
function rules(): Service {
  const tagged = (input: Input) =>
    Array.isArray(input["Tags"]) ? (input["Tags"] as { Key: string; Value: string }[]) : [];
  const operation = (action: string, of: Partial<Operation>): Operation => ({
    action: `elasticloadbalancing:${action}`,
    mutating: true,
    resources: (input) => [input["RuleArn"] as string],
    handle: () => ({}),
    ...of,
  });
  return {
    name: "elasticloadbalancing",
    protocol: "query",
    namespace: "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/",
    tagsOf: (arn) => ({ [MINE]: { "teal.dev/service": "shop" }, [OTHERS]: {} })[arn],
    operations: {
      DescribeRules: operation("DescribeRules", { mutating: false, resources: () => ["*"] }),
      ModifyRule: operation("ModifyRule", {
        also: () => [
          {
            action: "iam:PassRole",
            resources: ["arn:aws:iam::111122223333:role/web"],
            conditions: { "iam:PassedToService": ["ec2.amazonaws.com"] },
          },
        ],
      }),
      AddTags: operation("AddTags", {
        resources: (input) => input["ResourceArns"] as readonly string[],
        conditions: (input) => ({
          "aws:TagKeys": tagged(input).map((tag) => tag.Key),
          ...Object.fromEntries(tagged(input).map((tag) => [`aws:RequestTag/${tag.Key}`, [tag.Value]])),
        }),
      }),
    },
  };
}

const PASS = { Effect: "Allow", Action: "iam:PassRole", Resource: "arn:aws:iam::*:role/web" };

async function elbAs(...statements: object[]): Promise<ElasticLoadBalancingV2Client> {
  small = await smallWorld(() => [rules()]);
  return small.client(ElasticLoadBalancingV2Client, small.allowed(...statements));
}

const modify = (rule: string) => new ModifyRuleCommand({ RuleArn: rule });

test("what no policy allows is refused, and the refusal names action and resource", async () => {
  const elb = await elbAs({ Effect: "Allow", Action: "elasticloadbalancing:Describe*", Resource: "*" }, PASS);
  await elb.send(new DescribeRulesCommand({}));
  await expect(elb.send(modify(MINE))).rejects.toMatchObject({
    name: "AccessDenied",
    $metadata: { httpStatusCode: 403 },
    message:
      "User: arn:aws:iam::111122223333:role/limited-1 is not authorized to perform: elasticloadbalancing:ModifyRule " +
      `on resource: ${MINE} because no identity-based policy allows the elasticloadbalancing:ModifyRule action`,
  });
});

test("a resource's ARN and tags decide", async () => {
  const elb = await elbAs(
    {
      Effect: "Allow",
      Action: "elasticloadbalancing:ModifyRule",
      Resource: "arn:aws:elasticloadbalancing:*:111122223333:listener-rule/app/*",
      Condition: { StringEquals: { "aws:ResourceTag/teal.dev/service": "shop" } },
    },
    PASS,
  );
  await elb.send(modify(MINE));
  await expect(elb.send(modify(OTHERS))).rejects.toMatchObject({ name: "AccessDenied" });
  await expect(elb.send(modify("arn:aws:elasticloadbalancing:x:y:listener-rule/net/a"))).rejects.toThrow(
    "ModifyRule",
  );
});

test("a deny beats every allow", async () => {
  const elb = await elbAs(
    { Effect: "Allow", Action: "*", Resource: "*" },
    { Effect: "Deny", Action: "elasticloadbalancing:Modify*", Resource: OTHERS },
  );
  await elb.send(modify(MINE));
  await expect(elb.send(modify(OTHERS))).rejects.toThrow("with an explicit deny in an identity-based policy");
});

test("what a call needs besides is asked for too, with its own conditions", async () => {
  const elb = await elbAs({ Effect: "Allow", Action: "elasticloadbalancing:*", Resource: "*" });
  await expect(elb.send(modify(MINE))).rejects.toThrow(
    "is not authorized to perform: iam:PassRole on resource: arn:aws:iam::111122223333:role/web",
  );
  const to = (service: string) => ({
    ...PASS,
    Condition: { StringEquals: { "iam:PassedToService": service } },
  });
  const all = { Effect: "Allow", Action: "elasticloadbalancing:*", Resource: "*" };
  const wrong = small!.client(ElasticLoadBalancingV2Client, small!.allowed(all, to("lambda.amazonaws.com")));
  await expect(wrong.send(modify(MINE))).rejects.toThrow("iam:PassRole");
  const right = small!.client(ElasticLoadBalancingV2Client, small!.allowed(all, to("ec2.amazonaws.com")));
  await right.send(modify(MINE));
});

test("tags of the request: only these keys, only this value", async () => {
  const elb = await elbAs({
    Effect: "Allow",
    Action: "elasticloadbalancing:AddTags",
    Resource: "*",
    Condition: {
      "ForAllValues:StringLike": { "aws:TagKeys": ["teal.dev/*"] },
      StringEqualsIfExists: { "aws:RequestTag/teal.dev/service": "shop" },
    },
  });
  const tag = (Key: string, Value: string) =>
    elb.send(new AddTagsCommand({ ResourceArns: [MINE], Tags: [{ Key, Value }] }));
  await tag("teal.dev/fence", "7");
  await tag("teal.dev/service", "shop");
  await expect(tag("teal.dev/service", "other")).rejects.toMatchObject({ name: "AccessDenied" });
  await expect(tag("Owner", "me")).rejects.toMatchObject({ name: "AccessDenied" });
});

test("everybody may ask who they are, even after a deny", async () => {
  small = await smallWorld((world) => [createSts(world)]);
  const sts = small.client(STSClient, small.allowed({ Effect: "Deny", Action: "*", Resource: "*" }));
  expect((await sts.send(new GetCallerIdentityCommand({}))).Arn).toContain("limited-1");
});

test("each service refuses in its own words", async () => {
  small = await smallWorld((world) => [createSsm(world).service]);
  const ssm = small.client(SSMClient, small.allowed());
  await expect(
    ssm.send(new PutParameterCommand({ Name: "/a", Value: "b", Type: "String" })),
  ).rejects.toMatchObject({
    name: "AccessDeniedException",
    message: expect.stringContaining("on resource: arn:aws:ssm:eu-central-1:111122223333:parameter/a "),
  });
});

test("unknown keys, wrong secrets, wrong and expired tokens", async () => {
  const temporary = {
    sessionToken: "token",
    secretAccessKey: "s",
    arn: "arn:aws:sts::111122223333:assumed-role/ci/1",
  };
  small = await smallWorld((world) => [createSts(world)]);
  small.plane.principal({ ...temporary, accessKeyId: "ASIAGONE", expires: Date.now() - 1 });
  small.plane.principal({ ...temporary, accessKeyId: "ASIAHERE", expires: Date.now() + 60_000 });
  const as = (credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string }) => {
    const sts = new STSClient({
      region: "eu-central-1",
      endpoint: small!.plane.endpoint,
      credentials,
      maxAttempts: 1,
    });
    return sts.send(new GetCallerIdentityCommand({})).finally(() => sts.destroy());
  };
  const good = { accessKeyId: "ASIAHERE", secretAccessKey: "s", sessionToken: "token" };
  expect((await as(good)).Arn).toBe(temporary.arn);
  await expect(as({ ...good, accessKeyId: "AKIAWHO" })).rejects.toMatchObject({
    name: "InvalidClientTokenId",
  });
  await expect(as({ ...good, sessionToken: "another" })).rejects.toMatchObject({
    name: "InvalidClientTokenId",
  });
  await expect(as({ accessKeyId: "ASIAHERE", secretAccessKey: "s" })).rejects.toMatchObject({
    name: "InvalidClientTokenId",
  });
  await expect(as({ ...good, secretAccessKey: "x" })).rejects.toMatchObject({
    name: "SignatureDoesNotMatch",
  });
  await expect(as({ ...good, accessKeyId: "ASIAGONE" })).rejects.toMatchObject({
    name: "ExpiredToken",
  });
  const stranger = await fetch(small.plane.endpoint, { method: "POST", body: "Action=GetCallerIdentity" });
  expect(stranger.status).toBe(403);
  expect(await stranger.text()).toContain("MissingAuthenticationToken");
});

test.each([
  ["no version", { Statement: [] }, "Version"],
  ["an unknown effect", statement({ Effect: "allow" }), "Effect"],
  ["no action", statement({ Action: undefined }), "Action"],
  ["an unknown operator", statement({ Condition: { NumericLessThan: { a: "1" } } }), "NumericLessThan"],
  ["a principal", statement({ Principal: "*" }), "Principal"],
  ["a variable", statement({ Resource: "arn:aws:s3:::${aws:username}" }), "variables"],
])("a policy with %s is refused where it is given", async (_, document, word) => {
  expect(() => readPolicy(document)).toThrow(word);
});

function statement(change: object): object {
  return { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "*", Resource: "*", ...change }] };
}

test.each([
  // operator, what the policy wants, what the request has; whether it allows
  ["StringEquals", ["a", "b"], ["b"], true],
  ["StringEquals", ["a"], undefined, false],
  ["StringNotEquals", ["a", "b"], ["b"], false],
  ["StringNotEquals", ["a"], undefined, true],
  ["StringLike", ["a*d?"], ["abcde"], true],
  ["StringLike", ["a.c"], ["abc"], false],
  ["StringEqualsIgnoreCase", ["A"], ["a"], true],
  ["ArnLike", ["arn:*:b"], ["arn:a:b"], true],
  ["Bool", ["true"], ["True"], true],
  ["Null", ["true"], undefined, true],
  ["Null", ["true"], ["a"], false],
  ["Null", ["false"], ["a"], true],
  ["ForAllValues:StringEquals", ["a", "b"], ["a", "b"], true],
  ["ForAllValues:StringEquals", ["a"], ["a", "b"], false],
  ["ForAllValues:StringEquals", ["a"], undefined, true],
  ["ForAnyValue:StringEquals", ["a"], ["a", "b"], true],
  ["ForAnyValue:StringEquals", ["a"], undefined, false],
  ["StringEqualsIfExists", ["a"], undefined, true],
  ["StringEqualsIfExists", ["a"], ["b"], false],
] as const)("%s %j on %j: %s", (operator, wanted, has, allowed) => {
  const policy = readPolicy(statement({ Condition: { [operator]: { "Some:Key": wanted } } }));
  const context = new Map(has === undefined ? [] : [["some:key", has]]);
  expect(evaluate([policy], { action: "a:B", resource: "r", context })).toBe(allowed ? "allowed" : "denied");
});

test("actions know no case, resources do; NotAction and NotResource turn round", () => {
  const asked = { action: "S3:getobject", resource: "arn:A", context: new Map() };
  const decide = (change: object) => evaluate([readPolicy(statement(change))], asked);
  expect(decide({ Action: "s3:GetObject", Resource: "arn:A" })).toBe("allowed");
  expect(decide({ Action: "s3:GetObject", Resource: "arn:a" })).toBe("denied");
  expect(decide({ Action: undefined, NotAction: "s3:*" })).toBe("denied");
  expect(decide({ Resource: undefined, NotResource: "arn:B" })).toBe("allowed");
});
