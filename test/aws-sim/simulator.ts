import { createCompute } from "./compute/service.ts";
import type { ComputeWorld } from "./compute/types.ts";
import { serveServices } from "./control-plane.ts";
import { createElb, type ElbWorld } from "./elb/service.ts";
import type { Interceptor } from "./interception.ts";
import type { Granted } from "./iam/authorise.ts";
import type { WorldClock } from "./kernel.ts";
import { createScaling } from "./scaling/service.ts";
import type { ScalingWorld } from "./scaling/types.ts";
import { createIam } from "./services/iam.ts";
import { createMonitoring } from "./services/monitoring.ts";
import { createS3, type S3World } from "./services/s3.ts";
import { createSsm, type SsmWorld } from "./services/ssm.ts";
import { createSts } from "./services/sts.ts";
import type { Fault, Principal, Recorded, SimulatorOptions } from "./types.ts";
import { openWorld } from "./world/world.ts";

export interface Simulator {
  /** `http://127.0.0.1:PORT`, for every service. */
  readonly endpoint: string;
  readonly account: string;
  readonly region: string;
  /** Variables for the SDK and the CLI: endpoint, region, name server, credentials of the first or the named principal. */
  environment(accessKeyId?: string): Record<string, string>;
  readonly clock: WorldClock;
  /** Everything that can be called: `elasticloadbalancing:ModifyRule`, by the service's name in signatures. */
  readonly operations: readonly string[];
  /** Every call, in the order in which they were answered. */
  readonly recorded: readonly Recorded[];
  /** What policies were asked for and allowed, with what calls need besides: launching, passing a role. */
  readonly granted: readonly Granted[];
  fault(fault: Fault): void;
  clearFaults(): void;
  /** Meets every call from now on, until the returned function is called. */
  intercept(interceptor: Interceptor): () => void;
  /** Adds a principal, or takes the place of the one with the same access key. */
  principal(principal: Principal): void;

  /* Doors: look inside, act as a foreign hand, delay nodes, read what went through. */
  readonly elb: ElbWorld;
  readonly scaling: ScalingWorld;
  readonly compute: ComputeWorld;
  readonly s3: S3World;
  readonly ssm: SsmWorld;

  /** Ends the instances by their process ids, closes every socket, stops the clock; leaves nothing. May be called twice. */
  stop(): Promise<void>;
}

/** An AWS account in one region, in this process; its instances are processes of their own. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const opened = await openWorld(options);
  const { world, faults, recorded } = opened;
  const compute = createCompute(world);
  const elb = createElb(world, compute.machines, {
    propagation: options.propagation ?? [],
    subnet: (id) => compute.state.subnets.get(id),
  });
  const scaling = createScaling(world, elb.targets, compute);
  const s3 = createS3(world);
  const ssm = createSsm(world);
  const healthy = (targetGroup: string) =>
    [...compute.state.instances.keys()].filter(
      (id) => elb.targets.health(targetGroup, id)?.state === "healthy",
    ).length;
  const services = [
    elb.service,
    scaling.service,
    compute.service,
    createSts(world, opened.credentials),
    createIam(world, opened.credentials),
    ssm.service,
    s3.service,
    createMonitoring(world, () => elb.counted(), healthy),
  ];
  const plane = await serveServices(opened, services, options);
  await elb.ready();

  let stopping: Promise<void> | undefined;
  /** From the outside to the inside: first no more calls, then nobody who starts instances, then those, then what served them. */
  async function stop(): Promise<void> {
    await plane.stop();
    await scaling.stop();
    await compute.stop();
    await elb.stop();
    await opened.close();
  }

  return {
    endpoint: plane.endpoint,
    account: world.account,
    region: world.region,
    environment: (accessKeyId) => ({ ...plane.environment(accessKeyId), TEAL_NAME_SERVER: elb.nameServer }),
    clock: world.clock,
    operations: services.flatMap(({ name, operations }) =>
      Object.keys(operations).map((each) => `${name}:${each}`),
    ),
    recorded,
    granted: plane.granted,
    fault: (fault) => faults.add(fault),
    clearFaults: () => faults.clear(),
    intercept: (...by) => plane.intercept(...by),
    principal: (principal) => plane.principal(principal),
    elb,
    scaling,
    compute,
    s3: s3.world,
    ssm: ssm.world,
    stop: () => (stopping ??= stop()),
  };
}
