import type { Machines, Service } from "../kernel.ts";
import type { Behaviour } from "../instances/behaviour.ts";

/* What EC2 remembers, and its doors. Records are immutable: a change makes another one. */

export interface Vpc {
  readonly id: string;
  readonly cidr: string;
}

export interface Subnet {
  readonly id: string;
  readonly vpc: string;
  readonly zone: string;
  readonly cidr: string;
}

export interface SecurityGroup {
  readonly id: string;
  readonly vpc: string;
  readonly name: string;
  readonly description: string;
}

export interface Image {
  readonly id: string;
  readonly name: string;
  readonly architecture: "x86_64" | "arm64";
  readonly state: "available" | "pending" | "failed" | "deregistered";
  readonly created: number;
  readonly behaviour: Behaviour;
}

/** Launch parameters by the names of the response: `imageId`, `blockDeviceMappingSet`. */
export type LaunchData = Readonly<Record<string, unknown>>;

export interface TemplateVersion {
  readonly number: number;
  readonly created: number;
  readonly createdBy: string;
  readonly description?: string;
  readonly data: LaunchData;
}

export interface Template {
  readonly id: string;
  readonly name: string;
  readonly created: number;
  readonly createdBy: string;
  readonly default: number;
  /** The last number that was given, also when that version was deleted. */
  readonly latest: number;
  readonly versions: readonly TemplateVersion[];
}

export type InstanceState = "pending" | "running" | "shutting-down" | "terminated" | "stopping" | "stopped";

export interface Instance {
  readonly id: string;
  readonly image: string;
  readonly type: string;
  readonly subnet: string;
  readonly vpc: string;
  readonly zone: string;
  readonly host: string;
  readonly state: InstanceState;
  /** Why it left `running`: `User initiated (…)`. */
  readonly reason?: string;
  readonly launched: number;
  readonly terminated?: number;
  readonly userData?: string;
  readonly securityGroups: readonly string[];
  readonly token?: string;
  /** System status as EC2's status checks see it; a door of tests makes it `impaired`. */
  readonly status: "ok" | "impaired";
}

export interface ComputeState {
  readonly vpcs: ReadonlyMap<string, Vpc>;
  readonly subnets: ReadonlyMap<string, Subnet>;
  readonly securityGroups: ReadonlyMap<string, SecurityGroup>;
  readonly images: ReadonlyMap<string, Image>;
  readonly templates: ReadonlyMap<string, Template>;
  readonly instances: ReadonlyMap<string, Instance>;
  /** By the id of the resource. */
  readonly tags: ReadonlyMap<string, Readonly<Record<string, string>>>;
}

export interface LaunchOf {
  readonly data: LaunchData;
  readonly subnet: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly token?: string;
}

/** Launches that fail; the first that matches and is not used up acts. */
export interface LaunchFailure {
  /** `InsufficientInstanceCapacity`, `VcpuLimitExceeded`, … */
  readonly code: string;
  /** As AWS words it, when absent and the code is one that the simulator knows. */
  readonly message?: string;
  readonly zone?: string;
  readonly type?: string;
  /** How many launches fail; all by default. */
  readonly times?: number;
}

export interface ComputeWorld {
  readonly service: Service;
  readonly machines: Machines;
  /** The present, whatever reads may still answer. */
  readonly state: ComputeState;

  /** Adds an image to the catalogue; its id. `imageId` makes a known one available again with another behaviour. */
  registerImage(image: {
    readonly name: string;
    readonly behaviour?: Behaviour;
    readonly architecture?: Image["architecture"];
    readonly imageId?: string;
    readonly state?: Image["state"];
  }): string;
  /** A foreign hand deregisters it: running instances go on, launches fail. */
  deregisterImage(id: string): void;
  /** Running On-Demand vCPUs that the account may have in this region (all families in one bucket: assumed). */
  vcpuLimit: number;
  failLaunches(failure: LaunchFailure): void;
  clearLaunchFailures(): void;
  /** No longer offered in the zone (in every zone without one). */
  withdraw(type: string, zone?: string): void;
  /** The machine's status checks fail (`impaired`) or pass again. */
  impair(id: string, status?: "ok" | "impaired"): void;

  /** The program's process id; undefined while there is none. */
  pid(id: string): number | undefined;
  /** Resolves when the instance's program listens; false when it ends before, or never starts. */
  listening(id: string): Promise<boolean>;
  /** /health answers 503 from now on, or 200 again. */
  sicken(id: string): void;
  heal(id: string): void;
  /** Its program dies at once (SIGKILL); EC2 goes on saying `running`. */
  kill(id: string): void;

  /* For Auto Scaling. */
  /** @throws AwsError as RunInstances would answer. */
  launch(of: LaunchOf): Instance;
  terminate(id: string, reason?: string): void;
  /** Resolves when the instance is `terminated`. */
  terminated(id: string): Promise<void>;
  /** A template and one of its versions (`$Latest`, `$Default` or a number). @throws AwsError as EC2 would answer. */
  template(by: { id?: string | undefined; name?: string | undefined; version?: string | undefined }): {
    readonly template: Template;
    readonly version: TemplateVersion;
  };
  tag(id: string, tags: Readonly<Record<string, string>>): void;
  /** Hears of every change of an instance's state. */
  watch(hear: (instance: Instance) => void): void;
  /** Ends every program by process id and waits for the ends. */
  stop(): Promise<void>;
}
