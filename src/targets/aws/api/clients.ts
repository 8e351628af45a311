import type { AutoScalingClient } from "@aws-sdk/client-auto-scaling";
import type { CloudWatchClient } from "@aws-sdk/client-cloudwatch";
import type { EC2Client } from "@aws-sdk/client-ec2";
import type { ElasticLoadBalancingV2Client } from "@aws-sdk/client-elastic-load-balancing-v2";
import type { IAMClient } from "@aws-sdk/client-iam";
import type { SSMClient } from "@aws-sdk/client-ssm";
import type { Purse } from "./api.ts";
import { once, type ClientConfig } from "./config.ts";
import type { Credentials } from "./credentials.ts";

/* The clients of the SDK, each loaded with its first call: they take 70 to 180 ms each, and EC2's 130 MB. */

const elbSdk = () => import("@aws-sdk/client-elastic-load-balancing-v2");
const scalingSdk = () => import("@aws-sdk/client-auto-scaling");
const computeSdk = () => import("@aws-sdk/client-ec2");
const metricsSdk = () => import("@aws-sdk/client-cloudwatch");
const parametersSdk = () => import("@aws-sdk/client-ssm");
const rightsSdk = () => import("@aws-sdk/client-iam");

/** A client and the module its commands are in. */
export interface Loaded<C, M> {
  readonly client: C;
  readonly sdk: M;
}

export interface Clients {
  /** Calls that move traffic have connections of their own. */
  elb(purse: Purse): Promise<Loaded<ElasticLoadBalancingV2Client, Awaited<ReturnType<typeof elbSdk>>>>;
  scaling(): Promise<Loaded<AutoScalingClient, Awaited<ReturnType<typeof scalingSdk>>>>;
  compute(): Promise<Loaded<EC2Client, Awaited<ReturnType<typeof computeSdk>>>>;
  metrics(): Promise<Loaded<CloudWatchClient, Awaited<ReturnType<typeof metricsSdk>>>>;
  parameters(): Promise<Loaded<SSMClient, Awaited<ReturnType<typeof parametersSdk>>>>;
  rights(): Promise<Loaded<IAMClient, Awaited<ReturnType<typeof rightsSdk>>>>;
  destroy(): Promise<void>;
}

/** All clients use the same credentials: got once, and renewed for all. */
export function clientsOf(config: ClientConfig, credentials: Credentials): Clients {
  const made: { destroy(): void }[] = [];
  const keep = <C extends { destroy(): void }>(client: C): C => {
    made.push(client);
    return client;
  };
  const from = async () => ({ ...config, credentials: await credentials.provider() });
  const elb = async () => {
    const [sdk, options] = await Promise.all([elbSdk(), from()]);
    return { sdk, client: keep(new sdk.ElasticLoadBalancingV2Client(options)) };
  };
  const [common, switching] = [once(elb), once(elb)];
  return {
    elb: (purse) => (purse === "switch" ? switching() : common()),
    scaling: once(async () => {
      const [sdk, options] = await Promise.all([scalingSdk(), from()]);
      return { sdk, client: keep(new sdk.AutoScalingClient(options)) };
    }),
    compute: once(async () => {
      const [sdk, options] = await Promise.all([computeSdk(), from()]);
      return { sdk, client: keep(new sdk.EC2Client(options)) };
    }),
    metrics: once(async () => {
      const [sdk, options] = await Promise.all([metricsSdk(), from()]);
      return { sdk, client: keep(new sdk.CloudWatchClient(options)) };
    }),
    parameters: once(async () => {
      const [sdk, options] = await Promise.all([parametersSdk(), from()]);
      return { sdk, client: keep(new sdk.SSMClient(options)) };
    }),
    rights: once(async () => {
      const [sdk, options] = await Promise.all([rightsSdk(), from()]);
      return { sdk, client: keep(new sdk.IAMClient(options)) };
    }),
    destroy: async () => {
      for (const client of made.splice(0)) client.destroy();
      await credentials.destroy();
    },
  };
}
