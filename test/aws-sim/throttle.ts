import type { WorldClock } from "./kernel.ts";
import { failure } from "./protocol/failures.ts";

/** Throws when a bucket that pays for a call is empty. */
export type Throttle = (service: string, operation: string) => void;

/** Tokens that a bucket holds at most, and how many come back per second of the world. */
interface Size {
  readonly holds: number;
  readonly perSecond: number;
}

/** A bucket by its name; a call takes one token from each of its buckets, or none from any. */
type Paid = readonly (Size & { readonly bucket: string })[];

export const unthrottled: Throttle = () => {};

/** One account in one region: https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-api-throttling.html */
export function documentedThrottle(clock: WorldClock): Throttle {
  const levels = new Map<string, { tokens: number; at: number }>();
  return (service, operation) => {
    const now = clock.now();
    const buckets = paidFrom(service, operation).map((size) => {
      const level = levels.get(size.bucket) ?? { tokens: size.holds, at: now };
      level.tokens = Math.min(size.holds, level.tokens + ((now - level.at) / 1_000) * size.perSecond);
      level.at = now;
      levels.set(size.bucket, level);
      return level;
    });
    if (buckets.some(({ tokens }) => tokens < 1)) throw failure("throttled", service);
    for (const level of buckets) level.tokens -= 1;
  };
}

/** Calls that the services make for each other are paid from buckets of their own (same page), and do not come by here. */
function paidFrom(service: string, operation: string): Paid {
  switch (service) {
    case "elasticloadbalancing":
      return elb(operation);
    case "autoscaling":
      // https://docs.aws.amazon.com/autoscaling/ec2/APIReference/Welcome.html#api-request-rate: one bucket for all; its size: assumed.
      return [{ bucket: "autoscaling", holds: 40, perSecond: 10 }];
    case "ec2":
      return ec2(operation);
    case "sts":
      // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-sts: 600 requests per second.
      return [{ bucket: "sts", holds: 600, perSecond: 600 }];
    case "ssm":
      // https://docs.aws.amazon.com/general/latest/gr/ssm.html: PutParameter 3, Get* 40 per second; others as Put: assumed.
      return operation.startsWith("GetParameter")
        ? [{ bucket: "ssm get", holds: 40, perSecond: 40 }]
        : [{ bucket: `ssm ${operation}`, holds: 3, perSecond: 3 }];
    case "monitoring":
      // https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html: GetMetricData 50, GetMetricStatistics 400.
      return operation === "GetMetricStatistics"
        ? [{ bucket: "monitoring statistics", holds: 400, perSecond: 400 }]
        : [{ bucket: `monitoring ${operation}`, holds: 50, perSecond: 50 }];
    case "s3":
      // https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html: per prefix; here per simulator.
      return /^(Get|Head|List)/.test(operation)
        ? [{ bucket: "s3 read", holds: 5_500, perSecond: 5_500 }]
        : [{ bucket: "s3 write", holds: 3_500, perSecond: 3_500 }];
    default:
      return [];
  }
}

/**
 * elb-api-throttling.html: non-mutating 40, refilled by 10 a second; an account-level bucket for all actions besides (its size,
 * 40 and 10: assumed). Sizes of the mutating ones are what AWS's own load balancer controller allows itself
 * (kubernetes-sigs/aws-load-balancer-controller, pkg/aws/throttle/defaults.go): registration 20 and 4, changes 20 and 3.
 */
function elb(operation: string): Paid {
  const all = { bucket: "elb", holds: 40, perSecond: 10 };
  if (operation.startsWith("Describe")) return [all, { bucket: "elb describe", holds: 40, perSecond: 10 }];
  if (/^(Deregister|Register)Targets$/.test(operation)) {
    return [all, { bucket: "elb registration", holds: 20, perSecond: 4 }];
  }
  return [all, { bucket: "elb change", holds: 20, perSecond: 3 }];
}

/**
 * https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html: each API has its own bucket; 100 and 20 for
 * non-mutating ones (50 and 10 unfiltered: left out), 50 and 5 for mutating and resource-intensive ones, some have their own.
 */
function ec2(operation: string): Paid {
  const bucket = `ec2 ${operation}`;
  if (/^(Describe|Get|List|Search)/.test(operation)) return [{ bucket, holds: 100, perSecond: 20 }];
  if (operation === "RunInstances") return [{ bucket, holds: 5, perSecond: 2 }];
  return [{ bucket, holds: 50, perSecond: 5 }];
}
