import { setTimeout as sleep } from "node:timers/promises";
import * as autoscaling from "@aws-sdk/client-auto-scaling";
import * as cloudwatch from "@aws-sdk/client-cloudwatch";
import * as ec2 from "@aws-sdk/client-ec2";
import * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import * as iam from "@aws-sdk/client-iam";
import * as s3 from "@aws-sdk/client-s3";
import * as ssm from "@aws-sdk/client-ssm";
import * as sts from "@aws-sdk/client-sts";
import type { ClientConfig } from "../aws-sim/sdk.ts";

/** A service by the name that IAM gives it. */
export type ServiceName =
  | "elasticloadbalancing"
  | "autoscaling"
  | "ec2"
  | "iam"
  | "sts"
  | "ssm"
  | "s3"
  | "cloudwatch";

/** What earlier calls answered, by names that the scenario gives. */
export type Memory = Record<string, string>;

/** One call of a scenario: what is asked follows from earlier answers. */
export interface Step {
  /** Names the step in lists of differences. */
  readonly name: string;
  readonly service: ServiceName;
  readonly operation: string;
  readonly input: (memory: Memory) => object;
  readonly remember?: (output: never) => Memory;
  /** Asked again until it answers this: what a write began needs its time. */
  readonly until?: (output: never) => boolean;
}

/** Longest patience (ms) with a step that is asked again, and the pause between. */
const PATIENCE = 20_000;
const PAUSE = 50;

/** What came of a step: the output without metadata, or the wire code of the error. */
export type Outcome =
  | { readonly is: "answer"; readonly output: unknown }
  | { readonly is: "error"; readonly code: string };

interface Sdk {
  readonly client: new (config: ClientConfig) => { send(command: never): Promise<object>; destroy(): void };
  readonly module: object;
}

const SDKS: Readonly<Record<ServiceName, Sdk>> = {
  elasticloadbalancing: { client: elb.ElasticLoadBalancingV2Client as never, module: elb },
  autoscaling: { client: autoscaling.AutoScalingClient as never, module: autoscaling },
  ec2: { client: ec2.EC2Client as never, module: ec2 },
  iam: { client: iam.IAMClient as never, module: iam },
  sts: { client: sts.STSClient as never, module: sts },
  ssm: { client: ssm.SSMClient as never, module: ssm },
  s3: { client: s3.S3Client as never, module: s3 },
  cloudwatch: { client: cloudwatch.CloudWatchClient as never, module: cloudwatch },
};

/**
 * Sends every step through the unmodified SDK, one after the other. A step whose input needs what an earlier one could
 * not answer throws: the scenario and the server then disagree about more than an answer.
 */
export async function play(
  steps: readonly Step[],
  config: ClientConfig,
  memory: Memory,
): Promise<ReadonlyMap<string, Outcome>> {
  const clients = new Map<ServiceName, InstanceType<Sdk["client"]>>();
  const outcomes = new Map<string, Outcome>();
  const client = (service: ServiceName) => {
    const known =
      clients.get(service) ?? new SDKS[service].client({ ...config, forcePathStyle: true } as ClientConfig);
    clients.set(service, known);
    return known;
  };
  try {
    for (const { name, service, operation, input, remember, until } of steps) {
      const Command = (SDKS[service].module as Record<string, new (input: object) => never>)[
        `${operation}Command`
      ];
      if (Command === undefined) throw new Error(`${name}: the SDK knows no ${operation} of ${service}`);
      if (outcomes.has(name)) throw new Error(`two steps are called ${name}`);
      try {
        const send = () => client(service).send(new Command(input(memory)));
        const { $metadata: _, ...output } = (await asked(name, send, until)) as { $metadata?: unknown };
        if (remember !== undefined) Object.assign(memory, remember(output as never));
        outcomes.set(name, { is: "answer", output });
      } catch (error) {
        if (!("$metadata" in (error as object))) throw new Error(`${name} got no answer`, { cause: error });
        outcomes.set(name, { is: "error", code: codeOf(error as Error) });
      }
    }
  } finally {
    for (const each of clients.values()) each.destroy();
  }
  return outcomes;
}

async function asked(
  name: string,
  send: () => Promise<object>,
  until: Step["until"] = () => true,
): Promise<object> {
  const end = performance.now() + PATIENCE;
  for (;;) {
    const output = await send();
    if (until(output as never)) return output;
    if (performance.now() > end) throw new Error(`${name}: still ${JSON.stringify(output)}`);
    await sleep(PAUSE);
  }
}

/** As it goes over the wire: the SDK adds `Exception` to some. */
function codeOf(error: Error): string {
  return error.name.replace(/Exception$/u, "");
}
