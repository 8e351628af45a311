import type { Millis } from "./units.ts";

/**
 * A check as it stands in a plan: fixed when the deployment is opened, with every default filled in, so that
 * whoever resumes it asks the same question. How a check is asked is the business of `src/health`.
 */
export type Check = {
  /** Unique within the plan; shown to people: `ready`, `deep[0] GET /health/db`. */
  readonly name: string;
  /** `ready`: may this replica get traffic. `deep`: does the revision really work (its database, its queue). */
  readonly kind: "ready" | "deep";
  /** Bound of one attempt, body included. */
  readonly timeout: Millis;
} & Ask;

export type Ask =
  | { readonly ask: "http"; readonly http: HttpAsk }
  | { readonly ask: "tcp"; readonly tcp: { readonly port?: number } }
  | {
      readonly ask: "exec";
      readonly exec: { readonly command: readonly string[] | string; readonly expectExit: number };
    };

export interface HttpAsk {
  readonly method: "GET" | "HEAD" | "POST" | "OPTIONS";
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Inclusive ranges; a single status is a range of one. */
  readonly status: readonly (readonly [number, number])[];
  readonly expectBody?: BodyExpectation;
  /** Header name (lower case) to a regular expression its value must match. */
  readonly expectHeaders?: Readonly<Record<string, string>>;
  /** The answer, body included, must be complete within this time. */
  readonly latency?: Millis;
  /** Redirects are an answer like any other (3xx) unless this asks to follow up to so many, to the same host only. */
  readonly followRedirects: number;
}

export interface BodyExpectation {
  readonly contains?: readonly string[];
  readonly matches?: string;
  /** JSONPath (RFC 9535) to the JSON value that every node it selects must equal; at least one node is needed. */
  readonly json?: Readonly<Record<string, unknown>>;
}

/** How samples become a verdict. */
export interface Window {
  /** Samples looked at: the last `of`. */
  readonly of: number;
  /** So many of them must pass. */
  readonly passes: number;
  /** And so many at the end without a failure between them. */
  readonly consecutive: number;
  /** Distance between attempts, and the share of it (0..1) by which it varies at random. */
  readonly interval: Millis;
  readonly jitter: number;
  /** No pass by then: fail (samples failed) or inconclusive (no sample could be taken). */
  readonly deadline: Millis;
}

/** How the answering process must prove that it is the candidate. */
export type Identity =
  /** The connector reaches the replica by itself (its own port, its own pod address): nothing to prove. */
  | { readonly by: "address" }
  /** The answer must carry this header with the revision's id. */
  | { readonly by: "header"; readonly header: string }
  /** The process listening on the replica's port must belong to the replica's process group. */
  | { readonly by: "process" };

export interface CheckPlan {
  readonly checks: readonly Check[];
  readonly window: Window;
  /** So many replicas must pass every check; `all` by default. */
  readonly minHealthy: number | "all";
  readonly identity: Identity;
}

/** One answer to one check of one replica. */
export interface Sample {
  readonly check: string;
  readonly replica: string;
  /** Which life of the replica answered; a restarted replica is a new one. */
  readonly incarnation: string;
  readonly attempt: number;
  readonly took: Millis;
  readonly result: "pass" | "fail" | "unknown";
  /** For a failure: what was expected and what came, `status 200` / `503`. */
  readonly expected?: string;
  readonly actual?: string;
  /** Redacted excerpt of the body. */
  readonly excerpt?: string;
}

export type Decision = "pass" | "fail" | "inconclusive";
