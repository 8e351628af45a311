import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { UpdateAutoScalingGroupCommand, AutoScalingClient } from "@aws-sdk/client-auto-scaling";
import { CloudWatchClient, GetMetricDataCommand } from "@aws-sdk/client-cloudwatch";
import {
  DescribeLoadBalancersCommand,
  ElasticLoadBalancingV2Client,
  ModifyRuleCommand,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { afterEach, expect, test } from "vitest";
import { clientConfig } from "./sdk.ts";
import { standardShop, type Shop } from "./shop.ts";
import { startSimulator, type Simulator } from "./simulator.ts";

let simulator: Simulator | undefined;

afterEach(() => simulator?.stop());

/** What a request for the shop gets at one address of the load balancer: status and revision. */
function ask(address: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: address, port, path: "/", headers: { host: "shop.example" }, agent: false },
      (answer) => {
        answer.resume();
        answer.once("end", () =>
          resolve(`${answer.statusCode} ${String(answer.headers["x-revision"] ?? "-")}`),
        );
      },
    );
    sent.once("error", reject);
    sent.end();
  });
}

async function askAll(shop: Shop, times: number): Promise<string[]> {
  const answers = new Set<string>();
  for (const { address } of simulator!.elb.nodes(shop.loadBalancer.arn)) {
    for (let n = 0; n < times; n += 1) answers.add(await ask(address, shop.listeners[0]!.port));
  }
  return [...answers];
}

test("a shop of real processes, switched by one call, counted by the minute, and nothing left of it", async () => {
  simulator = await startSimulator({ speed: 50, propagation: [0, 3_000] });
  // Checks have 380 ms of the machine: a busy one must not make instances ill.
  const shop = await standardShop(simulator, { instances: 1, healthInterval: 20 });
  const config = clientConfig(simulator.environment());
  const elb = new ElasticLoadBalancingV2Client(config);
  const scaling = new AutoScalingClient(config);
  const metrics = new CloudWatchClient(config);
  const began = simulator.clock.now();

  expect(await askAll(shop, 3)).toEqual(["200 r1"]);
  expect((await elb.send(new DescribeLoadBalancersCommand({}))).LoadBalancers).toMatchObject([
    { LoadBalancerName: "shop-alb", DNSName: shop.loadBalancer.dnsName },
  ]);

  await scaling.send(
    new UpdateAutoScalingGroupCommand({ AutoScalingGroupName: "shop-green", MinSize: 1, DesiredCapacity: 1 }),
  );
  await shop.healthy("green", 1);
  const groups = [
    { TargetGroupArn: shop.targetGroups.blue, Weight: 0 },
    { TargetGroupArn: shop.targetGroups.green, Weight: 100 },
  ];
  const before = simulator.elb.requests("shop-blue");
  await elb.send(
    new ModifyRuleCommand({
      RuleArn: shop.listeners[0]!.rule,
      Actions: [{ Type: "forward", ForwardConfig: { TargetGroups: groups } }],
    }),
  );
  await simulator.elb.converged(shop.loadBalancer.arn);
  expect(await askAll(shop, 3)).toEqual(["200 r1"]);
  expect(simulator.elb.requests("shop-blue")).toBe(before);
  expect(simulator.elb.requests("shop-green")).toBe(6);

  // The minute's end, and one more until its numbers can be read.
  await simulator.clock.sleep(121_000);
  const { MetricDataResults: results } = await metrics.send(
    new GetMetricDataCommand({
      StartTime: new Date(began - 60_000),
      EndTime: new Date(simulator.clock.now()),
      MetricDataQueries: ["blue", "green"].map((slot) => ({
        Id: slot,
        MetricStat: {
          Metric: {
            Namespace: "AWS/ApplicationELB",
            MetricName: "RequestCountPerTarget",
            Dimensions: [
              { Name: "TargetGroup", Value: shop.targetGroups[slot as "blue" | "green"].split(":").at(-1)! },
            ],
          },
          Period: 60,
          Stat: "Sum",
        },
      })),
    }),
  );
  const sums = results!.map(({ Id, Values }) => [Id, Values!.reduce((sum, value) => sum + value, 0)]);
  expect(sums).toEqual([
    ["blue", before],
    ["green", 6],
  ]);

  for (const client of [elb, scaling, metrics]) client.destroy();
  const pids = [...simulator.compute.state.instances.keys()].map((id) => simulator!.compute.pid(id)!);
  expect(pids).toHaveLength(2);
  expect(pids.filter((pid) => existsSync(`/proc/${pid}`))).toEqual(pids);
  const addresses = simulator.elb.nodes(shop.loadBalancer.arn).map(({ address }) => address);
  await simulator.stop();
  expect(pids.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
  for (const address of addresses) {
    await expect(ask(address, shop.listeners[0]!.port)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  }
  await expect(fetch(simulator.endpoint)).rejects.toThrow("fetch failed");
  expect(process.getActiveResourcesInfo().filter((kind) => /Server|UDP|ProcessWrap/.test(kind))).toEqual([]);
});

test("several shops side by side, over the default rule, with more nodes and both protocols", async () => {
  simulator = await startSimulator({ speed: 100 });
  const other = await startSimulator({ speed: 100, account: "444455556666" });
  try {
    const [shop] = await Promise.all([
      standardShop(simulator, {
        rule: "default",
        nodes: 3,
        instances: 1,
        healthInterval: 30,
        listeners: [{ port: 8080 }, { port: 8443 }],
        sticky: 60,
      }),
      standardShop(other, { instances: 1, healthInterval: 30 }),
    ]);
    expect(simulator.elb.nodes("shop-alb")).toHaveLength(3);
    expect(shop.listeners.map(({ port }) => port)).toEqual([8080, 8443]);
    expect(await askAll(shop, 1)).toEqual(["200 r1"]);
    const [mine, theirs] = [simulator, other].map(
      (one) => one.elb.nodes("shop-alb")[0]!.address.split(".")[1],
    );
    expect(mine).not.toBe(theirs);
  } finally {
    await other.stop();
  }
});

test("as a program: the command gets the account in its environment, and its exit code is the program's", () => {
  const script =
    "console.log(Object.keys(process.env).filter((n) => /^AWS_|^TEAL_/.test(n)).sort().join()); process.exit(3)";
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [join(import.meta.dirname, "main.ts"), "--no-shop", ...args], {
      encoding: "utf8",
      env: { PATH: process.env["PATH"] },
    });
  const { status, stdout, stderr } = run(process.execPath, "--input-type=module", "-e", script);
  expect({ status, stdout: stdout.trim(), stderr }).toEqual({
    status: 3,
    stdout:
      "AWS_ACCESS_KEY_ID,AWS_ENDPOINT_URL,AWS_REGION,AWS_SECRET_ACCESS_KEY,TEAL_NAME_SERVER,TEAL_STATE_DIR",
    stderr: "",
  });
  expect(run("teal", "--version")).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^\d+\.\d+\.\d+/),
  });
  expect(run("no-such-program")).toMatchObject({ status: 127, stderr: expect.stringContaining("ENOENT") });
});
