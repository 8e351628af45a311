import {
  CloudWatchClient,
  GetMetricDataCommand,
  GetMetricStatisticsCommand,
  paginateGetMetricData,
} from "@aws-sdk/client-cloudwatch";
import { afterEach, expect, test } from "vitest";
import { smallWorld, type SmallWorld } from "../small-world.ts";
import { createMonitoring, type CountedMinute } from "./monitoring.ts";

let small: SmallWorld;

afterEach(() => small.stop());

const ALB = "app/shop-alb/0123456789abcdef";
const BLUE = "targetgroup/shop-blue/0123456789abcdef";
const GREEN = "targetgroup/shop-green/0123456789abcdef";
const arn = (of: string) => `arn:aws:elasticloadbalancing:eu-central-1:111122223333:${of}`;
const MINUTE = 60_000;

function count(group: string | undefined, minute: number, of: Partial<CountedMinute>): CountedMinute {
  return {
    loadBalancer: arn(`loadbalancer/${ALB}`),
    targetGroup: group && arn(group),
    minute,
    requests: 0,
    answers: [0, 0, 0, 0, 0],
    own: new Map(),
    seconds: 0,
    timed: 0,
    ...of,
  };
}

/** A world in which the counts lie `ago` minutes back, counted from the last full one. */
async function counted(make: (minutesAgo: (ago: number) => number) => readonly CountedMinute[]) {
  let counts: readonly CountedMinute[] = [];
  small = await smallWorld((world) => {
    const last = Math.floor(world.clock.now() / MINUTE) * MINUTE - MINUTE;
    counts = make((ago) => last - ago * MINUTE);
    return [
      createMonitoring(
        world,
        () => counts,
        () => 2,
      ),
    ];
  });
  return small.client(CloudWatchClient);
}

function asked(name: string, dimensions: Record<string, string>, stat = "Sum", period = 60) {
  return {
    StartTime: new Date(Date.now() - 30 * MINUTE),
    EndTime: new Date(Date.now() + MINUTE),
    ScanBy: "TimestampAscending" as const,
    MetricDataQueries: [
      {
        Id: "q",
        MetricStat: {
          Metric: {
            Namespace: "AWS/ApplicationELB",
            MetricName: name,
            Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
          },
          Period: period,
          Stat: stat,
        },
      },
    ],
  };
}

const values = async (metrics: CloudWatchClient, ...of: Parameters<typeof asked>) =>
  (await metrics.send(new GetMetricDataCommand(asked(...of)))).MetricDataResults![0]!.Values;

test("sums over nodes, by group and minute; requests per healthy target", async () => {
  const metrics = await counted((ago) => [
    count(BLUE, ago(5), { requests: 10, answers: [0, 9, 0, 0, 1], seconds: 5, timed: 10 }),
    count(BLUE, ago(5), { requests: 6, answers: [0, 6, 0, 0, 0], seconds: 3, timed: 6 }),
    count(GREEN, ago(5), { requests: 100, answers: [0, 100, 0, 0, 0] }),
    count(BLUE, ago(4), { requests: 4, answers: [0, 0, 0, 0, 4], seconds: 4, timed: 4 }),
    count(undefined, ago(4), {
      own: new Map([
        [503, 7],
        [404, 1],
      ]),
    }),
  ]);
  const blue = { LoadBalancer: ALB, TargetGroup: BLUE };
  // Two healthy targets.
  expect(await values(metrics, "RequestCountPerTarget", { TargetGroup: BLUE })).toEqual([8, 2]);
  expect(await values(metrics, "HTTPCode_Target_5XX_Count", blue)).toEqual([1, 4]);
  expect(await values(metrics, "TargetResponseTime", blue, "Average")).toEqual([0.5, 1]);
  expect(await values(metrics, "HTTPCode_ELB_5XX_Count", { LoadBalancer: ALB })).toEqual([7]);
  expect(await values(metrics, "RequestCount", { LoadBalancer: ALB })).toEqual([116, 4]);
});

test("a group without requests is zero while others have some; nothing at all is nothing", async () => {
  const metrics = await counted((ago) => [
    count(BLUE, ago(9), { requests: 2 }),
    count(GREEN, ago(8), { requests: 2 }),
    count(GREEN, ago(6), { requests: 2 }),
  ]);
  expect(await values(metrics, "RequestCountPerTarget", { TargetGroup: BLUE })).toEqual([1, 0, 0]);
  expect(
    await values(metrics, "HTTPCode_Target_5XX_Count", { LoadBalancer: ALB, TargetGroup: GREEN }),
  ).toEqual([]);
});

test("dimensions are taken literally, as CloudWatch does", async () => {
  const metrics = await counted((ago) => [count(BLUE, ago(5), { requests: 2, answers: [0, 0, 0, 0, 2] })]);
  expect(await values(metrics, "HTTPCode_Target_5XX_Count", { TargetGroup: BLUE })).toEqual([]);
  expect(await values(metrics, "RequestCountPerTarget", { LoadBalancer: ALB })).toEqual([]);
  expect(await values(metrics, "RequestCount", { LoadBalancer: ALB, Zone: "a" })).toEqual([]);
  expect(await values(metrics, "Unheard", { LoadBalancer: ALB })).toEqual([]);
});

test("a minute can be read a minute after its end", async () => {
  // The last full minute ended less than a minute ago, the one before it more.
  const metrics = await counted((ago) => [
    count(BLUE, ago(1), { requests: 2 }),
    count(BLUE, ago(0), { requests: 8 }),
  ]);
  expect(await values(metrics, "RequestCountPerTarget", { TargetGroup: BLUE })).toEqual([1]);
});

test("pages of points, and longer periods", async () => {
  const metrics = await counted((ago) =>
    Array.from({ length: 7 }, (_, n) => count(BLUE, ago(8 - n), { requests: 2 })),
  );
  const query = { ...asked("RequestCountPerTarget", { TargetGroup: BLUE }), MaxDatapoints: 3 };
  const pages: number[] = [];
  for await (const page of paginateGetMetricData({ client: metrics }, query)) {
    pages.push(page.MetricDataResults![0]!.Values!.length);
  }
  expect(pages).toEqual([3, 3, 1]);
  const long = await values(metrics, "RequestCountPerTarget", { TargetGroup: BLUE }, "Sum", 3_600);
  expect(long!.reduce((sum, value) => sum + value, 0)).toBe(7);
});

test("statistics in one call; what is not known is refused", async () => {
  const metrics = await counted((ago) => [count(BLUE, ago(5), { requests: 2, seconds: 3, timed: 2 })]);
  const { Datapoints: points } = await metrics.send(
    new GetMetricStatisticsCommand({
      Namespace: "AWS/ApplicationELB",
      MetricName: "TargetResponseTime",
      Dimensions: [
        { Name: "LoadBalancer", Value: ALB },
        { Name: "TargetGroup", Value: BLUE },
      ],
      StartTime: new Date(Date.now() - 30 * MINUTE),
      EndTime: new Date(),
      Period: 60,
      Statistics: ["Sum", "Average", "SampleCount"],
    }),
  );
  expect(points).toMatchObject([{ Sum: 3, Average: 1.5, SampleCount: 2 }]);
  await expect(values(metrics, "RequestCount", { LoadBalancer: ALB }, "p99")).rejects.toThrow("not p99");
  await expect(values(metrics, "RequestCount", { LoadBalancer: ALB }, "Sum", 61)).rejects.toThrow(
    "multiple of 60",
  );
});
