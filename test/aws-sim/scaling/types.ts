import type { Input, Service } from "../kernel.ts";

/* What Auto Scaling remembers, and its doors. Records are immutable: a change makes another one. */

/** https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_SuspendProcesses.html (ScalingProcesses) */
export const PROCESSES = [
  "Launch",
  "Terminate",
  "AddToLoadBalancer",
  "AlarmNotification",
  "AZRebalance",
  "HealthCheck",
  "InstanceRefresh",
  "ReplaceUnhealthy",
  "ScheduledActions",
] as const;
export type Process = (typeof PROCESSES)[number];

/** https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html */
export type LifecycleState =
  | "Pending"
  | "Pending:Wait"
  | "Pending:Proceed"
  | "InService"
  | "Terminating"
  | "Terminating:Wait"
  | "Terminating:Proceed";

export interface TemplateOf {
  readonly id: string;
  readonly name: string;
  /** Of a group as it was given (`$Latest`, `3`), of an instance always a number. */
  readonly version: string;
}

export interface Member {
  readonly id: string;
  readonly type: string;
  readonly zone: string;
  readonly state: LifecycleState;
  readonly health: "Healthy" | "Unhealthy";
  /** What found it unhealthy, for the cause of the activity that replaces it. */
  readonly failed?: string;
  readonly template: TemplateOf;
  readonly protected: boolean;
  readonly launched: number;
  /** When it came into service; the grace period counts from here. */
  readonly inService?: number;
  /** Launched beside a complete group to balance zones: nothing is terminated for it before it serves. */
  readonly balancing?: boolean;
  /** The activity that launches or terminates it. */
  readonly activity: string;
}

export interface Hook {
  readonly name: string;
  readonly transition: "autoscaling:EC2_INSTANCE_LAUNCHING" | "autoscaling:EC2_INSTANCE_TERMINATING";
  /** s */
  readonly timeout: number;
  readonly result: "CONTINUE" | "ABANDON";
  readonly metadata?: string;
}

export interface GroupTag {
  readonly key: string;
  readonly value: string;
  readonly propagate: boolean;
}

export interface Group {
  readonly name: string;
  readonly arn: string;
  readonly created: number;
  readonly template: TemplateOf;
  readonly min: number;
  readonly max: number;
  readonly desired: number;
  /** s */
  readonly cooldown: number;
  readonly subnets: readonly string[];
  readonly healthCheckType: string;
  /** s */
  readonly grace: number;
  /** s; undefined: not set */
  readonly warmup?: number;
  readonly terminationPolicies: readonly string[];
  readonly protectNew: boolean;
  readonly tags: readonly GroupTag[];
  readonly targetGroups: readonly { readonly arn: string; readonly removing: boolean }[];
  readonly suspended: ReadonlyMap<string, string>;
  readonly hooks: readonly Hook[];
  readonly members: readonly Member[];
  readonly deleting: boolean;
}

export interface Activity {
  readonly id: string;
  readonly group: string;
  readonly arn: string;
  readonly description: string;
  readonly cause: string;
  readonly started: number;
  readonly ended?: number;
  readonly status:
    | "PreInService"
    | "InProgress"
    | "MidLifecycleAction"
    | "WaitingForELBConnectionDraining"
    | "Successful"
    | "Failed"
    | "Cancelled";
  readonly message?: string;
  readonly progress: number;
  readonly details: object;
}

export interface Policy {
  readonly group: string;
  readonly name: string;
  readonly arn: string;
  readonly type: "TargetTrackingScaling" | "SimpleScaling";
  readonly enabled: boolean;
  /** As it was put, for DescribePolicies. */
  readonly configuration: Readonly<Record<string, unknown>>;
}

export interface ScheduledAction {
  readonly group: string;
  readonly name: string;
  readonly arn: string;
  readonly start?: number;
  readonly end?: number;
  readonly recurrence?: string;
  readonly min?: number;
  readonly max?: number;
  readonly desired?: number;
}

export interface Refresh {
  readonly id: string;
  readonly group: string;
  readonly status: "Pending" | "InProgress" | "Successful" | "Failed" | "Cancelled";
  readonly reason?: string;
  readonly started: number;
  readonly ended?: number;
  readonly minHealthy: number;
  /** s */
  readonly warmup: number;
  readonly skipMatching: boolean;
  /** Instances that were there when it began and are to be replaced. */
  readonly outdated: readonly string[];
  readonly total: number;
}

export interface ScalingState {
  readonly groups: ReadonlyMap<string, Group>;
  /** Newest first. */
  readonly activities: readonly Activity[];
  readonly policies: ReadonlyMap<string, Policy>;
  readonly scheduled: ReadonlyMap<string, ScheduledAction>;
  readonly refreshes: readonly Refresh[];
}

export interface ScalingWorld {
  readonly service: Service;
  /** The present, whatever reads may still answer. */
  readonly state: ScalingState;
  /** Carries an operation out as somebody else's hand would: no credentials, no faults, nothing recorded. */
  foreignHand(operation: string, input: Input): unknown;
  /** What target tracking policies of the group see: the metric's value by the number of instances in service. */
  metric(group: string, value: (inService: number) => number): void;
  /** Resolves when `holds` of the state (at once, or after a later change); nothing but the caller's deadline ends the wait. */
  until(holds: (state: ScalingState) => boolean): Promise<void>;
  stop(): Promise<void>;
}
