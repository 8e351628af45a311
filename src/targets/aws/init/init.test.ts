import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  DeleteTargetGroupCommand,
  ElasticLoadBalancingV2Client,
  ModifyRuleCommand,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import {
  AutoScalingClient,
  DeleteAutoScalingGroupCommand,
  DeleteTagsCommand,
} from "@aws-sdk/client-auto-scaling";
import hcl from "hcl2-parser";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { clientConfig } from "../../../../test/aws-sim/sdk.ts";
import { standardShop, type Shop } from "../../../../test/aws-sim/shop.ts";
import { startSimulator, type Simulator } from "../../../../test/aws-sim/simulator.ts";
import { loadConfig } from "../../../config/load.ts";

/* teal init --from a listener of a simulated account. No terraform is run: the text is parsed by HashiCorp's own grammar. */

const MAIN = join(import.meta.dirname, "../../../cli/main.ts");
let simulator: Simulator;
let shop: Shop;
let folder: string;

beforeAll(async () => {
  simulator = await startSimulator({ speed: 50 });
  shop = await standardShop(simulator, { listeners: [{ port: 8443 }, { port: 8080 }] });
});
afterAll(async () => {
  await simulator.stop();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  folder = mkdtempSync(join(tmpdir(), "teal-init-"));
});

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function teal(...words: readonly string[]): Promise<Ran> {
  const child = spawn(process.execPath, [MAIN, ...words], {
    cwd: folder,
    env: { ...process.env, ...simulator.environment(), TEAL_STATE_DIR: join(folder, "state") },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [out, err] = ["", ""];
  child.stdout.on("data", (part: Buffer) => (out += part.toString()));
  child.stderr.on("data", (part: Buffer) => (err += part.toString()));
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, out, err })));
}

const WORDS = ["init", "--from", "shop-alb:8443", "--host", "shop.example"] as const;
const printed = new Map<string, Promise<ReadonlyMap<string, string>>>();

/** The files that init would write with these options besides; asked once. */
function filesOf(...more: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const key = more.join(" ");
  const known = printed.get(key) ?? print(more);
  printed.set(key, known);
  return known;
}

async function print(more: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const ran = await teal(...WORDS, ...more, "--print", "--json");
  const result = JSON.parse(ran.out.trim().split("\n").at(-1)!) as {
    files: readonly { path: string; content: string }[];
  };
  return new Map(result.files.map(({ path, content }) => [path, content]));
}

const read = (path: string) => readFileSync(join(folder, path), "utf8");

/** A block's attributes, and its blocks in lists. */
interface Block {
  readonly [name: string]: unknown;
  readonly lifecycle?: readonly { readonly ignore_changes: readonly string[] }[];
  readonly action?: readonly {
    readonly forward: readonly { readonly target_group: readonly Weighted[] }[];
  }[];
  readonly tag?: readonly { readonly key: string; readonly value: string }[];
}

interface Weighted {
  readonly arn: string;
  readonly weight: number | string;
}

interface Terraform {
  readonly resource: Readonly<Record<string, Readonly<Record<string, readonly Block[]>>>>;
  readonly import?: readonly { readonly to: string; readonly id: string }[];
  readonly data?: Readonly<Record<string, Readonly<Record<string, readonly unknown[]>>>>;
  readonly locals?: readonly Readonly<Record<string, string>>[];
}

function terraformOf(text: string): Terraform {
  const [parsed] = hcl.parseToObject(text) as [Terraform | null];
  if (parsed === null) throw new Error(`no HCL: ${text}`);
  return parsed;
}

const ignored = (resource: Block | undefined): readonly string[] =>
  resource?.lifecycle?.[0]?.ignore_changes ?? [];

interface Workflow {
  readonly jobs: Readonly<Record<string, { readonly steps: readonly { readonly run?: string }[] }>>;
}

/** The last command of each job. */
function commandsOf({ jobs }: Workflow): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(jobs).map(([name, { steps }]) => [name, steps.at(-1)?.run ?? ""]));
}

describe("a service with both pairs", () => {
  test("writes four files, calls nothing that changes anything, and never overwrites", async () => {
    const before = simulator.recorded.length;
    const ran = await teal("init", "--from", "shop-alb:8443", "--host", "shop.example");
    expect(ran.err).toBe("");
    expect(ran.code).toBe(0);
    expect(ran.out).toContain("shop-alb:8443 host shop.example: forwards to shop-blue and shop-green");
    const calls = simulator.recorded.slice(before);
    expect(calls.length).toBeGreaterThan(5);
    expect(calls.filter(({ mutating }) => mutating)).toEqual([]);
    writeFileSync(join(folder, "teal.yaml"), "mine\n");
    const again = await teal("init", "--from", "shop-alb:8443", "--host", "shop.example", "--yes");
    expect(again.code).toBe(2);
    expect(again.err).toContain("TEAL-A504");
    expect(read("teal.yaml")).toBe("mine\n");
  });

  test("teal.yaml is valid and means this service", async () => {
    await teal("init", "--from", "shop-alb:8443", "--host", "shop.example", "--state", "s3://shop-teal/prod");
    const loaded = await loadConfig({ env: {}, cwd: folder, path: join(folder, "teal.yaml") });
    expect(loaded).toMatchObject({
      is: "config",
      config: {
        service: "shop",
        target: {
          aws: {
            account: simulator.account,
            region: simulator.region,
            listener: ["shop-alb:8443"],
            host: "shop.example",
            state: "s3://shop-teal/prod",
          },
        },
      },
    });
    expect(parse(read("teal.yaml")).target.aws.groups).toBeUndefined();
  });

  test("teal.tf imports what is there and ignores what Teal changes", async () => {
    const files = await filesOf();
    const { resource, import: imports } = terraformOf(files.get("teal.tf")!);
    const [rule] = resource["aws_lb_listener_rule"]!["shop"]!;
    expect(ignored(rule)).toEqual(["${action}"]);
    const groups = rule?.action?.[0]?.forward[0]?.target_group;
    expect(groups?.map(({ weight }) => weight)).toEqual([100, 0]);
    for (const slot of ["blue", "green"]) {
      const [group] = resource["aws_autoscaling_group"]![`shop_${slot}`]!;
      expect(ignored(group)).toEqual([
        "${min_size}",
        "${max_size}",
        "${desired_capacity}",
        "${launch_template[0].version}",
        "${suspended_processes}",
        "${tag}",
      ]);
      expect(ignored(resource["aws_lb_target_group"]![`shop_${slot}`]![0])).toContain(
        '${tags["teal.dev/fence"]}',
      );
    }
    expect(imports).toHaveLength(5);
    expect(imports).toContainEqual({ to: "${aws_lb_listener_rule.shop}", id: shop.listeners[0]!.rule });
  });

  test("weights published for a module are what its action reads, and need no lifecycle", async () => {
    const files = await filesOf("--publish", "/shop/weights");
    const { resource, data, locals } = terraformOf(files.get("teal.tf")!);
    const [rule] = resource["aws_lb_listener_rule"]!["shop"]!;
    expect(ignored(rule)).toEqual([]);
    const groups = rule?.action?.[0]?.forward[0]?.target_group;
    expect(groups?.map(({ weight }) => weight)).toEqual([
      "${local.shop_weights.blue}",
      "${local.shop_weights.green}",
    ]);
    expect(data?.["aws_ssm_parameter"]).toHaveProperty("shop_weights");
    expect(ignored(resource["aws_ssm_parameter"]!["shop_weights"]![0])).toEqual(["${value}"]);
    expect(locals?.[0]?.["shop_weights"]).toContain("jsondecode(");
    expect(parse(files.get("teal.yaml")!).target.aws.publish).toBe("/shop/weights");
    expect(files.get("teal-policy.json")!).toContain(":parameter/shop/weights");
  });

  test("the policy allows writes on this service's own resources only, and nothing of what Teal must never do", async () => {
    const files = await filesOf();
    const { Statement } = JSON.parse(files.get("teal-policy.json")!) as {
      Statement: readonly { Action: readonly string[]; Resource: readonly string[] }[];
    };
    const everywhere = Statement.filter(({ Resource }) => Resource.includes("*")).flatMap(
      ({ Action }) => Action,
    );
    expect(everywhere.filter((action) => !/:(?:Describe|Get)/u.test(action))).toEqual([]);
    const all = Statement.flatMap(({ Action }) => Action);
    for (const never of [
      "RegisterTargets",
      "DeregisterTargets",
      "TerminateInstances",
      "*",
      "DeleteTargetGroup",
    ])
      expect(all.filter((action) => action.endsWith(never))).toEqual([]);
    const rule = Statement.find(({ Resource }) => Resource.includes(shop.listeners[0]!.rule));
    expect(rule?.Action).toEqual(["elasticloadbalancing:ModifyRule"]);
  });

  test("the workflow plans in a pull request, deploys on main and judges on a schedule, with an OpenID Connect role", async () => {
    const files = await filesOf("--state", "s3://shop-teal/prod");
    const workflow = parse(files.get(".github/workflows/teal.yml")!);
    expect(Object.keys(workflow.on)).toEqual(["pull_request", "push", "schedule", "workflow_dispatch"]);
    expect(workflow.permissions).toEqual({ contents: "read", "id-token": "write" });
    const commands = commandsOf(workflow);
    expect(commands.plan).toMatch(/teal plan "\$REVISION"$/u);
    expect(commands.deploy).toMatch(
      /teal deploy "\$REVISION" --detach --wait-lock 10m \|\| code=\$\?\n\[ \$code -eq 6 \]/u,
    );
    expect(commands.resume).toContain("teal resume --detach");
    // GitHub cancels the older pending run of a group.
    const groups = [workflow.jobs.deploy, workflow.jobs.resume].map(({ concurrency }) => concurrency.group);
    expect(groups).toEqual(["teal-shop-deploy", "teal-shop-resume"]);
  });

  test("without shared state the workflow leaves nothing to another runner, and says what it lacks", async () => {
    const text = (await filesOf()).get(".github/workflows/teal.yml")!;
    const workflow = parse(text);
    expect(Object.keys(workflow.on)).toEqual(["pull_request", "push", "workflow_dispatch"]);
    const commands = commandsOf(workflow);
    expect(Object.keys(commands)).toEqual(["plan", "deploy"]);
    expect(commands.deploy).toMatch(/teal deploy "\$REVISION"$/u);
    expect(text).not.toContain("--detach");
    expect(text).toContain("teal init --state s3://BUCKET/PREFIX");
  });

  test("--print writes nothing, and a profile of another account is refused", async () => {
    const files = await print([]);
    expect([...files.keys()]).toEqual([
      "teal.yaml",
      "teal.tf",
      "teal-policy.json",
      ".github/workflows/teal.yml",
    ]);
    expect(() => read("teal.yaml")).toThrow();
    const other = await teal("init", "--from", "shop-alb:8443", "--account", "999999999999");
    expect(other.code).toBe(3);
    expect(other.err).toContain("TEAL-A102");
  });

  test.each([
    [["shop-alb:8443"], "TEAL-A501", "forwards to no target group: it does fixed-response"],
    [["shop-alb:9"], "TEAL-A350", "has no listener on port 9; it has shop-alb:8443, shop-alb:8080"],
    [["nowhere:443"], "TEAL-A350", "there is no load balancer nowhere"],
    [["shop-alb:8443", "--host", "other.example"], "TEAL-A352", "host shop.example"],
  ])("what does not suit is refused with what is there: %s", async (words, code, said) => {
    const { code: exit, err } = await teal("init", "--from", ...words);
    expect(exit).toBe(3);
    expect(err).toContain(code);
    expect(err).toContain(said);
  });
});

describe("a service with one pair", () => {
  beforeAll(async () => {
    const config = clientConfig(simulator.environment());
    const elb = new ElasticLoadBalancingV2Client(config);
    const scaling = new AutoScalingClient(config);
    const plain = [{ Type: "forward", TargetGroupArn: shop.targetGroups.blue }] as const;
    for (const { rule } of shop.listeners)
      await elb.send(new ModifyRuleCommand({ RuleArn: rule, Actions: [...plain] }));
    await scaling.send(
      new DeleteAutoScalingGroupCommand({ AutoScalingGroupName: shop.groups.green, ForceDelete: true }),
    );
    await elb.send(new DeleteTargetGroupCommand({ TargetGroupArn: shop.targetGroups.green }));
    const tag = { ResourceId: shop.groups.blue, ResourceType: "auto-scaling-group" };
    await scaling.send(
      new DeleteTagsCommand({ Tags: ["teal.dev/service", "teal.dev/slot"].map((Key) => ({ ...tag, Key })) }),
    );
    elb.destroy();
    scaling.destroy();
  });

  test("gets the second one as Terraform: empty, of the same template, in the same subnets", async () => {
    const ran = await teal("init", "--from", "shop-alb:8080", "--host", "shop.example");
    expect(ran.err).toBe("");
    expect(ran.out).toContain("the second pair is missing: teal.tf makes it");
    const { resource, import: imports } = terraformOf(read("teal.tf"));
    const [blue] = resource["aws_autoscaling_group"]!["shop_blue"]!;
    const [green] = resource["aws_autoscaling_group"]!["shop_green"]!;
    expect(green).toMatchObject({
      name: "shop-green",
      min_size: 0,
      desired_capacity: 0,
      max_size: blue!["max_size"],
      launch_template: [{ id: shop.template.id, version: "1" }],
      vpc_zone_identifier: shop.subnets,
      target_group_arns: ["${aws_lb_target_group.shop_green.arn}"],
    });
    expect(blue).toMatchObject({ min_size: 1, desired_capacity: 2 });
    const tags = green?.tag?.map(({ key, value }) => [key, value]);
    expect(tags).toEqual([
      ["teal.dev/service", "shop"],
      ["teal.dev/slot", "green"],
    ]);
    expect(resource["aws_lb_target_group"]!["shop_green"]![0]).toMatchObject({
      name: "shop-green",
      port: 8080,
      deregistration_delay: 30,
      health_check: [{ path: "/health", interval: 5, healthy_threshold: 2 }],
    });
    expect(imports?.map(({ to }) => to)).toEqual([
      "${aws_lb_target_group.shop_blue}",
      "${aws_autoscaling_group.shop_blue}",
      "${aws_lb_listener_rule.shop}",
    ]);
    expect(parse(read("teal.yaml")).target.aws.groups).toEqual({ blue: "shop-blue", green: "shop-green" });
    expect(read("teal-policy.json")).toContain(":targetgroup/shop-green/*");
  });
});
