import {
  AwsError,
  type Input,
  type InputValue,
  type Operation,
  type Service,
  type World,
} from "../kernel.ts";
import { pageByKey } from "../pagination.ts";

/*
 * CloudWatch's numbers about load balancers, made of what the data plane counted:
 * https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
 */

/** What went through one target group at one node in one minute; the data plane's own counts. */
export interface CountedMinute {
  readonly loadBalancer: string;
  readonly targetGroup: string | undefined;
  /** Start of the minute, ms of the world. */
  readonly minute: number;
  readonly requests: number;
  /** By class: `[1xx, 2xx, 3xx, 4xx, 5xx]`. */
  readonly answers: readonly number[];
  /** Answers of the load balancer itself, by status. */
  readonly own: ReadonlyMap<number, number>;
  /** Seconds until targets began to answer, summed, and of how many. */
  readonly seconds: number;
  readonly timed: number;
}

const MINUTE = 60_000;

/** "in 60-second intervals"; that the numbers of a minute can be read one minute after its end: assumed. */
const LATE = 60_000;

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html: MaxDatapoints */
const MOST_POINTS = 100_800;

type Sum = { readonly sum: number; readonly samples: number };

/** "Reporting criteria: Always reported"; the others are where they are not zero. */
const ALWAYS: ReadonlySet<string> = new Set(["RequestCount", "RequestCountPerTarget"]);

/** Metrics by name; what one minute at one node adds to them. */
const METRICS: Readonly<Record<string, (of: CountedMinute) => Sum>> = {
  RequestCountPerTarget: ({ requests }) => ({ sum: requests, samples: requests }),
  RequestCount: ({ requests }) => ({ sum: requests, samples: requests }),
  HTTPCode_Target_2XX_Count: ({ answers }) => ({ sum: answers[1] ?? 0, samples: answers[1] ?? 0 }),
  HTTPCode_Target_3XX_Count: ({ answers }) => ({ sum: answers[2] ?? 0, samples: answers[2] ?? 0 }),
  HTTPCode_Target_4XX_Count: ({ answers }) => ({ sum: answers[3] ?? 0, samples: answers[3] ?? 0 }),
  HTTPCode_Target_5XX_Count: ({ answers }) => ({ sum: answers[4] ?? 0, samples: answers[4] ?? 0 }),
  HTTPCode_ELB_5XX_Count: ({ own }) => {
    const sum = [...own].filter(([status]) => status >= 500).reduce((total, [, count]) => total + count, 0);
    return { sum, samples: sum };
  },
  TargetResponseTime: ({ seconds, timed }) => ({ sum: seconds, samples: timed }),
};

/** RequestCountPerTarget is the group's requests divided by its healthy targets; the divisor is asked for. */
export function createMonitoring(
  world: World,
  counted: () => readonly CountedMinute[],
  healthyTargets: (targetGroup: string) => number,
): Service {
  /** One value per period that has any, oldest first. */
  function series(
    metric: Metric,
    from: number,
    to: number,
  ): { readonly at: number; readonly value: number }[] {
    const measure = METRICS[metric.name];
    if (measure === undefined || metric.namespace !== "AWS/ApplicationELB") return [];
    const published = world.clock.now() - LATE;
    const known = counted();
    const visible = known.filter(
      ({ minute }) => minute >= from && minute < to && minute + MINUTE <= published,
    );
    const periods = new Map<number, Sum>();
    const add = ({ minute }: CountedMinute, { sum, samples }: Sum) => {
      const at = Math.floor(minute / metric.period) * metric.period;
      const before = periods.get(at) ?? { sum: 0, samples: 0 };
      periods.set(at, { sum: before.sum + sum, samples: before.samples + samples });
    };
    if (ALWAYS.has(metric.name)) {
      // A group that gets nothing is reported as zero while its load balancer has requests; a silent balancer reports nothing.
      const balancers = new Set(known.filter((of) => about(metric, of)).map((of) => of.loadBalancer));
      for (const of of visible) if (balancers.has(of.loadBalancer)) add(of, { sum: 0, samples: 0 });
    }
    for (const of of visible) {
      if (!about(metric, of)) continue;
      const sum = measure(of);
      if (sum.samples > 0) add(of, sum);
    }
    return [...periods]
      .toSorted(([a], [b]) => a - b)
      .map(([at, sum]) => ({ at, value: statistic(metric, sum, counted(), healthyTargets) }));
  }

  const getMetricData: Operation = {
    action: "cloudwatch:GetMetricData",
    mutating: false,
    // https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html: knows no resource
    resources: () => ["*"],
    handle: (input) => {
      const [from, to] = window(input);
      const descending = input["ScanBy"] !== "TimestampAscending";
      const queries = list(input["MetricDataQueries"]).filter((query) => query["ReturnData"] !== "false");
      const page = pageByKey(
        queries.flatMap((query, place) => {
          const metric = metricOf(query);
          const points = series(metric, from, to);
          return (descending ? points.toReversed() : points).map((point, nth) => ({
            key: `${String(place).padStart(4, "0")}/${String(nth).padStart(7, "0")}`,
            place,
            point,
          }));
        }),
        {
          key: ({ key }) => key,
          token: text(input["NextToken"]),
          size: Math.min(MOST_POINTS, Number(text(input["MaxDatapoints"]) ?? MOST_POINTS)),
          invalid: "InvalidNextToken",
        },
      );
      return {
        MetricDataResults: queries.map((query, place) => {
          const points = page.items.filter((item) => item.place === place).map(({ point }) => point);
          return {
            Id: text(query["Id"]),
            Label: text(query["Label"]) ?? metricOf(query).name,
            Timestamps: points.map(({ at }) => new Date(at)),
            Values: points.map(({ value }) => value),
            StatusCode: page.next === undefined ? "Complete" : "PartialData",
          };
        }),
        Messages: [],
        NextToken: page.next,
      };
    },
  };

  const getMetricStatistics: Operation = {
    action: "cloudwatch:GetMetricStatistics",
    mutating: false,
    resources: () => ["*"],
    handle: (input) => {
      const [from, to] = window(input);
      const kinds = texts(input["Statistics"]);
      const points = kinds.map((stat) => series(metricFrom(input, stat), from, to));
      return {
        Label: text(input["MetricName"]),
        // API_GetMetricStatistics.html: "Datapoints are not returned in chronological order."
        Datapoints: (points[0] ?? []).map(({ at }, place) => ({
          Timestamp: new Date(at),
          ...Object.fromEntries(kinds.map((kind, nth) => [kind, points[nth]![place]!.value])),
        })),
      };
    },
  };

  return {
    name: "monitoring",
    protocol: "json",
    namespace: "http://monitoring.amazonaws.com/doc/2010-08-01/",
    tagsOf: () => undefined,
    operations: { GetMetricData: getMetricData, GetMetricStatistics: getMetricStatistics },
  };
}

interface Metric {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
  /** ms */
  readonly period: number;
  readonly stat: string;
}

/** Whether a count belongs to what the dimensions say: exactly these must be given, as CloudWatch aggregates nothing by itself. */
function about({ name, dimensions }: Metric, of: CountedMinute): boolean {
  const keys = Object.keys(dimensions).toSorted().join();
  if (!dimensionsOf(name).includes(keys)) return false;
  return (
    (dimensions["LoadBalancer"] === undefined ||
      of.loadBalancer.endsWith(`:loadbalancer/${dimensions["LoadBalancer"]}`)) &&
    (dimensions["TargetGroup"] === undefined ||
      (of.targetGroup?.endsWith(`:${dimensions["TargetGroup"]}`) ?? false))
  );
}

/** load-balancer-cloudwatch-metrics.html: the dimensions under which a metric is kept (without availability zones). */
function dimensionsOf(name: string): readonly string[] {
  if (name === "RequestCountPerTarget") return ["TargetGroup", "LoadBalancer,TargetGroup"];
  return name.startsWith("HTTPCode_ELB") ? ["LoadBalancer"] : ["LoadBalancer", "LoadBalancer,TargetGroup"];
}

function statistic(
  metric: Metric,
  { sum, samples }: Sum,
  counted: readonly CountedMinute[],
  healthyTargets: (targetGroup: string) => number,
): number {
  if (metric.name === "RequestCountPerTarget") {
    const arn = counted.find((of) => about(metric, of))?.targetGroup;
    return sum / Math.max(1, arn === undefined ? 1 : healthyTargets(arn));
  }
  switch (metric.stat) {
    case "Sum":
      return sum;
    case "SampleCount":
      return samples;
    case "Average":
      return sum / samples;
    default:
      throw new AwsError(
        "InvalidParameterValue",
        `The simulator knows Sum, Average and SampleCount, not ${metric.stat}`,
      );
  }
}

function metricOf(query: Input): Metric {
  const stat = query["MetricStat"];
  if (typeof stat !== "object" || Array.isArray(stat)) {
    throw new AwsError(
      "ValidationError",
      "The simulator's CloudWatch knows queries with a MetricStat, not expressions",
    );
  }
  const of = stat as Input;
  return metricFrom({ ...(of["Metric"] as Input), Period: of["Period"] }, text(of["Stat"]) ?? "");
}

function metricFrom(input: Input, stat: string): Metric {
  const period = Number(text(input["Period"]));
  // API_MetricStat.html: 1, 5, 10, 20, 30, or a multiple of 60 seconds; these metrics have minutes
  if (!(period > 0) || period % 60 !== 0) {
    throw new AwsError(
      "ValidationError",
      `The value ${period} for parameter Period is invalid: it must be a multiple of 60`,
    );
  }
  return {
    namespace: text(input["Namespace"]) ?? "",
    name: text(input["MetricName"]) ?? "",
    dimensions: Object.fromEntries(
      list(input["Dimensions"]).map((dimension) => [
        text(dimension["Name"]) ?? "",
        text(dimension["Value"]) ?? "",
      ]),
    ),
    period: period * 1_000,
    stat,
  };
}

/** Start is inclusive, end exclusive (API_GetMetricData.html); seconds since 1970 on the wire. */
function window(input: Input): readonly [from: number, to: number] {
  const [from, to] = [instant(input["StartTime"]), instant(input["EndTime"])];
  if (!(from < to)) {
    throw new AwsError("ValidationError", "The parameter StartTime must be less than the parameter EndTime.");
  }
  return [Math.floor(from / MINUTE) * MINUTE, to];
}

function instant(value: InputValue): number {
  return Number(text(value) ?? Number.NaN) * 1_000;
}

function list(value: InputValue): readonly Input[] {
  return Array.isArray(value) ? (value as readonly Input[]) : [];
}

function texts(value: InputValue): readonly string[] {
  return Array.isArray(value) ? (value as readonly string[]) : [];
}

function text(value: InputValue): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
