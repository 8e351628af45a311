import { instant } from "../../../core/units.ts";
import type { Metrics, Parameters } from "./api.ts";
import type { Clients } from "./clients.ts";
import type { Send } from "./send.ts";

/** `Metrics` over the SDK. @param now wall clock, ms since 1970: how far the answer reaches. */
export function metricsOver(clients: Clients, send: Send, now: () => number): Metrics {
  return {
    sums: ({ name, dimensions, since, period }, call) =>
      send({ action: "cloudwatch:GetMetricData", writes: false }, call, async (abortSignal) => {
        const { client, sdk } = await clients.metrics();
        const Dimensions = Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value }));
        const Metric = { Namespace: "AWS/ApplicationELB", MetricName: name, Dimensions };
        const sums: { at: ReturnType<typeof instant>; value: number }[] = [];
        let NextToken: string | undefined;
        do {
          const command: InstanceType<typeof sdk.GetMetricDataCommand> = new sdk.GetMetricDataCommand({
            StartTime: new Date(since),
            EndTime: new Date(now()),
            ScanBy: "TimestampAscending",
            MetricDataQueries: [{ Id: "m", MetricStat: { Metric, Period: period, Stat: "Sum" } }],
            NextToken,
          });
          const came = await client.send(command, { abortSignal });
          const [{ Timestamps = [], Values = [] } = {}] = came.MetricDataResults ?? [];
          for (const [index, at] of Timestamps.entries())
            sums.push({ at: instant(at.getTime()), value: Values[index] ?? 0 });
          NextToken = came.NextToken;
        } while (NextToken !== undefined);
        return sums;
      }),
  };
}

/** `Parameters` over the SDK. */
export function parametersOver(clients: Clients, send: Send): Parameters {
  return {
    put: (name, value, call) =>
      send({ action: "ssm:PutParameter", writes: true }, call, async (abortSignal) => {
        const { client, sdk } = await clients.parameters();
        const input = { Name: name, Value: value, Type: "String", Overwrite: true } as const;
        await client.send(new sdk.PutParameterCommand(input), { abortSignal });
      }),
  };
}
