import { answerCalls } from "./calls.ts";
import { createAuthority, type Granted } from "./iam/authorise.ts";
import { createInterception, type Interceptor } from "./interception.ts";
import type { Service } from "./kernel.ts";
import { serveEndpoint } from "./protocol/endpoint.ts";
import { documentedThrottle, unthrottled } from "./throttle.ts";
import type { Principal, SimulatorOptions } from "./types.ts";
import type { OpenWorld } from "./world/world.ts";

export interface ControlPlane {
  readonly endpoint: string;
  /** Adds a principal or takes the place of the one with the same key. */
  principal(principal: Principal): void;
  /** Variables with which the unmodified SDK talks to this world as the first principal or the one named. */
  environment(accessKeyId?: string): Record<string, string>;
  /** Meets every call from now on, until the returned function is called. */
  intercept(interceptor: Interceptor): () => void;
  readonly granted: readonly Granted[];
  stop(): Promise<void>;
}

/** Serves the services of a world at one endpoint; a part's own tests bring only the services that they are about. */
export async function serveServices(
  { world, faults, credentials, recorded }: OpenWorld,
  services: readonly Service[],
  options: SimulatorOptions = {},
): Promise<ControlPlane> {
  const authority = createAuthority(world, services);
  const principal = (of: Principal) => {
    authority.check(of);
    credentials.put(of);
  };
  for (const of of options.principals ?? [everything(world.account)]) principal(of);
  const interception = createInterception();
  const endpoint = await serveEndpoint(
    answerCalls({
      services: new Map(services.map((service) => [service.name, service])),
      credentials,
      faults,
      clock: world.clock,
      chance: world.chance.fork("staleness"),
      staleness: options.staleness ?? 0,
      throttle: options.throttling === "off" ? unthrottled : documentedThrottle(world.clock),
      authority,
      interception,
      record: (entry) => recorded.push(entry),
    }),
  );
  return {
    endpoint: endpoint.url,
    principal,
    intercept: (...by) => interception.add(...by),
    environment: (accessKeyId) => {
      const named = accessKeyId === undefined ? credentials.first() : credentials.find(accessKeyId);
      if (named === undefined) throw new Error(`no principal has the access key ${accessKeyId}`);
      return {
        AWS_ENDPOINT_URL: endpoint.url,
        AWS_REGION: world.region,
        AWS_ACCESS_KEY_ID: named.accessKeyId,
        AWS_SECRET_ACCESS_KEY: named.secretAccessKey,
        ...(named.sessionToken !== undefined && { AWS_SESSION_TOKEN: named.sessionToken }),
      };
    },
    granted: authority.granted,
    stop: () => endpoint.stop(),
  };
}

function everything(account: string): Principal {
  return {
    accessKeyId: "AKIASIMULATOREXAMPLE",
    secretAccessKey: "a-secret-of-the-simulated-world",
    arn: `arn:aws:iam::${account}:user/everything`,
  };
}
