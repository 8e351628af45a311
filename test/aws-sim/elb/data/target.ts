/* One target: an instance or address and a port, registered with one target group. */

export interface Health {
  readonly state: "initial" | "healthy" | "unhealthy" | "unhealthy.draining" | "unused" | "draining";
  readonly reason?: string;
  readonly description?: string;
}

/* States, reasons and what they mean: API reference, TargetHealth. The wording of the descriptions is AWS's. */

export const REGISTERING: Health = {
  state: "initial",
  reason: "Elb.RegistrationInProgress",
  description: "Target registration is in progress",
};
export const CHECKING: Health = {
  state: "initial",
  reason: "Elb.InitialHealthChecking",
  description: "Initial health checks in progress",
};
export const HEALTHY: Health = { state: "healthy" };
export const NOT_IN_USE: Health = {
  state: "unused",
  reason: "Target.NotInUse",
  description: "Target group is not configured to receive traffic from the load balancer",
};
export const NOT_REGISTERED: Health = {
  state: "unused",
  reason: "Target.NotRegistered",
  description: "Target is not registered to the target group",
};
export const invalidState = (state: string): Health => ({
  state: "unused",
  reason: "Target.InvalidState",
  description: `Target is in the ${state} state`,
});
export const draining = (state: "draining" | "unhealthy.draining"): Health => ({
  state,
  reason: "Target.DeregistrationInProgress",
  description: "Target deregistration is in progress",
});

export interface Target {
  readonly id: string;
  readonly port: number;
  readonly key: string;
  health: Health;
  /** Checks in a row that passed, or failed. */
  passed: number;
  failed: number;
  /** Requests and tunnels on their way through any node. */
  inflight: number;
  /** Cuts a tunnel (WebSocket) short. */
  readonly tunnels: Set<() => void>;
  /** While it warms up: since when, ms of the world. */
  slowSince: number | undefined;
  /** Changes with every new beginning, so that a check of before counts no more. */
  epoch: number;
  timer: { cancel(): void } | undefined;
  leaving: Leaving | undefined;
}

export interface Leaving {
  readonly done: Promise<void>;
  readonly finish: () => void;
}

/** Guide, "Target groups": a target is registered by its id and port; one id may be there with several ports. */
export const keyOf = (id: string, port: number) => `${id}:${port}`;

export const newTarget = (id: string, port: number): Target => ({
  id,
  port,
  key: keyOf(id, port),
  health: REGISTERING,
  passed: 0,
  failed: 0,
  inflight: 0,
  tunnels: new Set(),
  slowSince: undefined,
  epoch: 0,
  timer: undefined,
  leaving: undefined,
});
