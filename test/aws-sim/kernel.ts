import type { Fault, Recorded } from "./types.ts";

/* What the parts of the simulator share: time, errors, operations, and how the parts know of each other. */

/** Time of the simulated world in ms since 1970; it runs `speed` times as fast as the machine's. */
export interface WorldClock {
  readonly speed: number;
  now(): number;
  /** Runs once after `ms` of the world, unless cancelled; nothing runs after `stop`. */
  after(ms: number, run: () => void): { cancel(): void };
  sleep(ms: number): Promise<void>;
  stop(): void;
}

/** An error as the service's API answers it. */
export class AwsError extends Error {
  /** Wire code: `TargetGroupNotFound`, not the SDK's name of the exception. */
  readonly code: string;
  readonly status: number;
  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** Parsed input: lists are arrays, structures are records, every scalar a text. */
export type Input = { readonly [name: string]: InputValue };
export type InputValue = string | readonly InputValue[] | Input | undefined;

export interface CallContext {
  readonly requestId: string;
  readonly principal: string;
  /** Instant of the world whose state a read may answer (eventual consistency); writes see the present. */
  readonly seenAt: number;
}

/**
 * One operation of one API. `handle` answers the result with the API's own member names (arrays become `member` or `item`
 * lists, Dates ISO texts, undefined is left out) or throws an `AwsError`. A write is atomic: it throws before it changed anything.
 */
export interface Operation {
  /** As in IAM policies: `elasticloadbalancing:ModifyRule`. */
  readonly action: string;
  readonly mutating: boolean;
  /** Asked without a signature; nobody is authorised. */
  readonly anonymous?: true;
  /** ARNs that the call is about, for IAM; `*` where the action knows no resource. */
  readonly resources: (input: Input) => readonly string[];
  /** Context keys for IAM conditions besides the resources' tags: `aws:RequestTag/x`, `aws:TagKeys`. */
  readonly conditions?: (input: Input) => Readonly<Record<string, readonly string[]>>;
  /** Further permissions that the call needs: `iam:PassRole`, `ec2:RunInstances`. */
  readonly also?: (input: Input) => readonly {
    readonly action: string;
    readonly resources: readonly string[];
    /** `iam:PassedToService` and the like. */
    readonly conditions?: Readonly<Record<string, readonly string[]>>;
  }[];
  readonly handle: (input: Input, context: CallContext) => unknown;
}

export interface Service {
  /** As in the credential scope of signatures: `elasticloadbalancing`, `autoscaling`, `ec2`, `sts`, `monitoring`, `ssm`, `s3`. */
  readonly name: string;
  readonly protocol: "query" | "ec2" | "json" | "rest";
  readonly namespace: string;
  readonly operations: Readonly<Record<string, Operation>>;
  /** Tags of a resource by its ARN, for IAM; undefined when it is not this service's or not there. */
  tagsOf(arn: string): Readonly<Record<string, string>> | undefined;
}

/** A value with its past, so that reads can be as late as reality's. Values are immutable. */
export class Timeline<T> {
  readonly #clock: WorldClock;
  #past: { readonly from: number; readonly value: T }[];
  constructor(clock: WorldClock, value: T) {
    this.#clock = clock;
    this.#past = [{ from: Number.NEGATIVE_INFINITY, value }];
  }
  get now(): T {
    return this.#past.at(-1)!.value;
  }
  set(value: T): void {
    const at = this.#clock.now();
    // Nobody reads further back than ten minutes; the oldest stays, as what was before.
    while (this.#past.length > 1 && this.#past[1]!.from < at - 600_000) this.#past.shift();
    this.#past.push({ from: at, value });
  }
  /** As it was at `at`. */
  seen(at: number): T {
    return (this.#past.findLast(({ from }) => from <= at) ?? this.#past[0]!).value;
  }
}

/** What Auto Scaling and EC2 ask of the load balancers. */
export interface Targets {
  exists(targetGroup: string): boolean;
  /** `address` is the instance's; the target group's port is used unless `port` is given. */
  register(targetGroup: string, target: { readonly id: string; readonly port?: number }): void;
  /** Draining begins; resolves when the target is gone. */
  deregister(targetGroup: string, id: string): Promise<void>;
  /** `undefined` when it is not registered. */
  health(targetGroup: string, id: string): { readonly state: string; readonly reason?: string } | undefined;
}

/** What load balancers ask of EC2. */
export interface Machines {
  /** Where an instance listens; undefined when there is no such instance. */
  address(id: string): { readonly host: string; readonly state: string } | undefined;
}

/** Chances that repeat by seed. */
export interface Chance {
  /** 0 <= x < 1 */
  next(): number;
  /** A source of its own that does not depend on how often others were asked. */
  fork(name: string): Chance;
}

export interface World {
  readonly clock: WorldClock;
  readonly chance: Chance;
  readonly account: string;
  readonly region: string;
  /** Loopback addresses of this simulator alone, so that several run side by side: `127.x.y.n`. */
  addresses(): string;
  readonly faults: readonly Fault[];
  readonly recorded: readonly Recorded[];
}
