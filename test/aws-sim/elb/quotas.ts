import { AwsError } from "../kernel.ts";

/** Guide, "Quotas for your Application Load Balancers": defaults, by the names that DescribeAccountLimits gives them. */
export const QUOTAS = {
  "application-load-balancers": 50,
  "target-groups": 3000,
  "listeners-per-application-load-balancer": 50,
  "rules-per-application-load-balancer": 100,
  "target-groups-per-application-load-balancer": 100,
  "target-groups-per-action-on-application-load-balancer": 5,
  "targets-per-application-load-balancer": 1000,
  "targets-per-target-group": 1000,
  "condition-values-per-alb-rule": 5,
  "condition-wildcards-per-alb-rule": 5,
  "certificates-per-application-load-balancer": 25,
} as const;

/** API reference, Tag: at most 50 tags per resource. */
export const TAGS = 50;

type Quota = keyof typeof QUOTAS;

/** The quota's own error when `count` is more than it allows. */
export function within(quota: Quota, count: number, code: string): void {
  if (count <= QUOTAS[quota]) return;
  throw new AwsError(
    code,
    `The maximum number of ${quota.replaceAll("-", " ")} (${QUOTAS[quota]}) has been reached`,
  );
}
