import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Simulator } from "../aws-sim/simulator.ts";
import type { Recorded } from "../aws-sim/types.ts";
import { playOnSimulator } from "./both.ts";
import { EVERY_OPERATION } from "./every-operation.ts";
import { pythonProgram } from "./moto.ts";

/* Every operation of the simulator, called by the unmodified SDK: each message must be what botocore's models say. */

interface Checked {
  readonly action: string;
  readonly operation: string | null;
  readonly wrong: readonly string[];
}

let simulator: Simulator;
let recorded: readonly Recorded[];

beforeAll(async () => {
  ({ simulator } = await playOnSimulator());
  recorded = [...simulator.recorded];
});
afterAll(() => simulator.stop());

test("every operation that the simulator has was called", () => {
  const nameOf = (service: string) => (service === "cloudwatch" ? "monitoring" : service);
  const called = new Set(EVERY_OPERATION.map((step) => `${nameOf(step.service)}:${step.operation}`));
  expect(simulator.operations.filter((operation) => !called.has(operation))).toEqual([]);
  expect(recorded.length).toBeGreaterThanOrEqual(EVERY_OPERATION.length);
});

test("every message, both ways, is what the service models say", async () => {
  const checked = await check(recorded.map(messageOf));
  expect(new Set(checked.map((each) => each.operation))).toEqual(
    new Set(EVERY_OPERATION.map((step) => step.operation)),
  );
  expect(checked.flatMap(({ action, wrong }) => wrong.map((what) => `${action}: ${what}`))).toEqual([]);
});

describe("a message that is wrong is found", () => {
  const replaced =
    (part: "request" | "response", from: string | RegExp, to: string) => (message: Message) => {
      const body = message[part]?.body.replace(from, to) ?? "";
      expect(body).not.toBe(message[part]?.body);
      return { ...message, [part]: { ...message[part], body } };
    };
  const cases: readonly (readonly [string, string, (message: Message) => object, string])[] = [
    [
      "an unknown parameter",
      "elasticloadbalancing:ModifyRule",
      replaced("request", /$/u, "&Wait=1"),
      "unknown parameter Wait",
    ],
    [
      "a missing one",
      "elasticloadbalancing:ModifyRule",
      replaced("request", /RuleArn=[^&]*&?/u, ""),
      "RuleArn",
    ],
    [
      "a number that is none",
      "elasticloadbalancing:CreateRule",
      replaced("request", "Priority=20", "Priority=x"),
      "'x' is no integer",
    ],
    [
      "a value of no enum",
      "elasticloadbalancing:CreateTargetGroup",
      replaced("request", "Protocol=HTTP", "Protocol=FTP"),
      "'FTP' is none of",
    ],
    [
      "a list that is none",
      "elasticloadbalancing:DescribeTags",
      replaced("request", /ResourceArns\.member\.1/u, "ResourceArns.1"),
      "a list without member",
    ],
    [
      "a gap in a list",
      "elasticloadbalancing:DescribeTags",
      replaced("request", "member.2", "member.3"),
      "numbered [1, 3]",
    ],
    [
      "another version",
      "autoscaling:DescribePolicies",
      replaced("request", "2011-01-01", "2009-05-15"),
      "version 2009-05-15",
    ],
    [
      "an unknown member",
      "elasticloadbalancing:ModifyRule",
      replaced("response", "<Priority>", "<Weight>1</Weight><Priority>"),
      "unknown member Weight",
    ],
    [
      "an answer's number",
      "autoscaling:DescribeAutoScalingGroups",
      replaced("response", /<MaxSize>\d+/u, "<MaxSize>many"),
      "'many' is no integer",
    ],
    [
      "an answer's enum",
      "elasticloadbalancing:DescribeLoadBalancers",
      replaced("response", "<Code>", "<Code>re"),
      "is none of",
    ],
    [
      "an answer's required member",
      "autoscaling:DescribeAutoScalingGroups",
      replaced("response", /<MaxSize>\d+<\/MaxSize>/u, ""),
      "MaxSize",
    ],
    [
      "an answer without its wrapper",
      "sts:GetCallerIdentity",
      replaced("response", /GetCallerIdentityResult/gu, "Result"),
      "no GetCallerIdentityResult",
    ],
    [
      "items of another name",
      "ec2:DescribeImages",
      replaced("response", /<item>/u, "<member>"),
      "not well-formed",
    ],
    [
      "a member of JSON",
      "ssm:GetParameter",
      replaced("response", '"Version"', '"Revision"'),
      "unknown member Revision",
    ],
    [
      "an error that the operation does not know",
      "elasticloadbalancing:DeleteTargetGroup",
      replaced("response", "ResourceInUse", "RuleNotFound"),
      "answers no RuleNotFound",
    ],
  ];
  test.each(cases)("%s", async (_, action, change, says) => {
    const found = recorded.find(
      (each) =>
        each.action === action && (says.startsWith("answers") ? each.status >= 400 : each.status === 200),
    );
    const [checked] = await check([change(messageOf(found!)) as Message]);
    expect(checked?.wrong.join("\n")).toContain(says);
  });
});

type Message = Recorded["raw"] & { readonly action: string; readonly status: number };

function messageOf({ action, status, raw }: Recorded): Message {
  return { action, status, ...raw };
}

async function check(messages: readonly Message[]): Promise<readonly Checked[]> {
  const child = spawn(pythonProgram(), [join(import.meta.dirname, "models.py")], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(child, "close");
  child.stdin.end(messages.map((message) => `${JSON.stringify(message)}\n`).join(""));
  const lines = (await text(child.stdout)).split("\n").filter((line) => line !== "");
  expect(await ended).toEqual([0, null]);
  return lines.map((line) => JSON.parse(line) as Checked);
}
