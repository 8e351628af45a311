/* What tests and examples see of the simulator. */

export interface SimulatorOptions {
  /** Seconds of the simulated world per second: every delay, interval, period and bucket of the world; 1 by default. */
  readonly speed?: number;
  /** Decides every chance in the world: delays, faults, which target a request goes to. */
  readonly seed?: number;
  readonly account?: string;
  readonly region?: string;
  /** Delay (ms of the world) until a node of a load balancer applies an acknowledged change; per node, in turn. */
  readonly propagation?: readonly number[];
  /** Reads may answer the state of up to so many ms (of the world) ago; 0 by default. */
  readonly staleness?: number;
  /** Tokens per API as AWS documents them; `off` for tests of something else. */
  readonly throttling?: "documented" | "off";
  /** Credentials and what their policy allows; by default one that may everything. */
  readonly principals?: readonly Principal[];
}

export interface Principal {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly arn: string;
  /** IAM policy documents; absent: everything is allowed. */
  readonly policies?: readonly object[];
  /** When the credentials end, ms since 1970 on the machine's clock. */
  readonly expires?: number;
}

/** A fault of the control plane, by what it is about; the first that matches and is not used up acts. */
export interface Fault {
  /** `elasticloadbalancing:ModifyRule`, or a prefix that ends in `*`. */
  readonly action: string;
  readonly kind: "throttle" | "error" | "reset" | "lostAnswer" | "slow" | "expired" | "late";
  /** How many matching calls go untouched first (0), and how many are hit then (1). */
  readonly after?: number;
  readonly times?: number;
  /** Instead of `after`/`times`: each matching call is hit by this chance. */
  readonly chance?: number;
  /** For `slow` and `late` (applied after the answer, an unknown write that lands later): how long, ms of the world. */
  readonly delay?: number;
}

/** A call that the simulator answered. */
export interface Recorded {
  readonly at: number;
  /** `elasticloadbalancing:ModifyRule` */
  readonly action: string;
  readonly principal: string;
  readonly mutating: boolean;
  /** What was asked, parsed by the protocol. */
  readonly input: unknown;
  /** HTTP status; 0 where no answer was given. */
  readonly status: number;
  readonly error?: string;
  /** Raw messages, for the check against the service models. */
  readonly raw: {
    readonly service: string;
    readonly request: {
      readonly headers: Readonly<Record<string, string>>;
      readonly method: string;
      readonly path: string;
      readonly body: string;
    };
    readonly response?: { readonly headers: Readonly<Record<string, string>>; readonly body: string };
  };
}
