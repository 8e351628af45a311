import type { Unavailable } from "../../ports/store.ts";
import type { Target } from "../../ports/target.ts";
import type { Sought } from "./found.ts";

/* By itself, so that the published types of a connection need none of the SDK's. */

/** A service in an AWS account. */
export interface AwsTarget extends Target {
  readonly kind: "aws";
  /** What the configuration means in the account; kept once it was found. */
  found(signal: AbortSignal): Promise<Sought>;
  /** The highest fence that the target groups' tags say; 0 where nobody ever claimed one. */
  claimed(signal: AbortSignal): Promise<number | Unavailable>;
  /** Where users reach the service, as far as its first rule says. */
  address(signal: AbortSignal): Promise<string | undefined>;
}
