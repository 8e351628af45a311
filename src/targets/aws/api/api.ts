import type { Activity, AutoScalingGroup, UpdateAutoScalingGroupType } from "@aws-sdk/client-auto-scaling";
import type {
  Action,
  Listener,
  LoadBalancer,
  Rule,
  RuleCondition,
  Tag,
  TargetGroup,
  TargetHealthDescription,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import type { Cause, Instant } from "../../../core/units.ts";

/* The calls that Teal makes, and no others: what the generated policy allows is derived from this list. */

/** What came of a call. Nothing is thrown for what AWS or the network does. */
export type Answer<T> =
  | { readonly is: "ok"; readonly value: T }
  | {
      readonly is: "failed";
      /** The wire code without `Exception`: `TargetGroupNotFound`, `AccessDenied`, `Throttling`; `network` without an answer. */
      readonly code: string;
      readonly cause: Cause;
      /** Certainly not carried out. A write that is not sure may have been, and may still be. */
      readonly sure: boolean;
    };

/**
 * From which bucket of tokens a call is paid. `look`: polling, at most one a second. `plan`: reading for people and
 * plans. `write`: changes. `switch`: writes that move traffic or go back, and what they must read; starved by nothing.
 * `rights`: what IAM is asked, whose allowance is none of the others'.
 */
export type Purse = "look" | "plan" | "write" | "switch" | "rights";

export interface CallBy {
  readonly signal: AbortSignal;
  readonly purse: Purse;
}

export interface Caller {
  readonly account: string;
  readonly arn: string;
  /** When the credentials end; undefined where they do not, or do not say. */
  readonly expires?: Instant;
  /** The provider gets new ones by itself (instance profile, web identity with a file that is kept fresh). */
  readonly renews: boolean;
}

export interface Elb {
  loadBalancers(by: { names?: string[]; arns?: string[] }, call: CallBy): Promise<Answer<LoadBalancer[]>>;
  listeners(by: { loadBalancer: string } | { arns: string[] }, call: CallBy): Promise<Answer<Listener[]>>;
  rules(by: { listener: string } | { arns: string[] }, call: CallBy): Promise<Answer<Rule[]>>;
  targetGroups(by: { names?: string[]; arns?: string[] }, call: CallBy): Promise<Answer<TargetGroup[]>>;
  targetGroupAttributes(arn: string, call: CallBy): Promise<Answer<ReadonlyMap<string, string>>>;
  targetHealth(targetGroup: string, call: CallBy): Promise<Answer<TargetHealthDescription[]>>;
  /** By ARN. */
  tags(arns: string[], call: CallBy): Promise<Answer<ReadonlyMap<string, ReadonlyMap<string, string>>>>;
  modifyRule(rule: string, actions: Action[], call: CallBy): Promise<Answer<Rule>>;
  modifyListener(listener: string, actions: Action[], call: CallBy): Promise<Answer<Listener>>;
  createRule(
    of: { listener: string; priority: number; conditions: RuleCondition[]; actions: Action[]; tags: Tag[] },
    call: CallBy,
  ): Promise<Answer<Rule>>;
  deleteRule(rule: string, call: CallBy): Promise<Answer<void>>;
  addTags(arns: string[], tags: Readonly<Record<string, string>>, call: CallBy): Promise<Answer<void>>;
}

export interface Scaling {
  groups(
    by: { names: string[] } | { tags: Readonly<Record<string, string>> },
    call: CallBy,
  ): Promise<Answer<AutoScalingGroup[]>>;
  /** Newest first, at most `atMost`. */
  activities(group: string, atMost: number, call: CallBy): Promise<Answer<Activity[]>>;
  /** The group's scaling policies and scheduled actions: what would fight a pinned size. */
  policies(
    group: string,
    call: CallBy,
  ): Promise<Answer<readonly { readonly is: "policy" | "schedule"; readonly name: string }[]>>;
  update(change: UpdateAutoScalingGroupType, call: CallBy): Promise<Answer<void>>;
  suspend(group: string, processes: readonly string[], call: CallBy): Promise<Answer<void>>;
  resume(group: string, processes: readonly string[], call: CallBy): Promise<Answer<void>>;
  /** Which instances a group that shrinks may not take (at most 50 at once). */
  protect(
    group: string,
    instances: readonly string[],
    protectedFromScaleIn: boolean,
    call: CallBy,
  ): Promise<Answer<void>>;
  /** Tags of the group itself; `propagate`: also of instances launched from now on. */
  tag(
    group: string,
    tags: Readonly<Record<string, { readonly value: string; readonly propagate: boolean }>>,
    call: CallBy,
  ): Promise<Answer<void>>;
}

/** Launch templates, images and instances; the large EC2 client is loaded with the first call. */
export interface Compute {
  templateVersions(
    template: { id: string; versions?: string[] },
    call: CallBy,
  ): Promise<Answer<readonly TemplateVersion[]>>;
  /** `token` makes a repeated call answer the same version instead of another one. */
  createTemplateVersion(
    of: {
      template: string;
      source: string;
      change: { imageId?: string; userData?: string };
      description: string;
      token: string;
    },
    call: CallBy,
  ): Promise<Answer<TemplateVersion>>;
  images(ids: string[], call: CallBy): Promise<Answer<readonly Image[]>>;
  instances(ids: string[], call: CallBy): Promise<Answer<readonly Instance[]>>;
  subnets(ids: string[], call: CallBy): Promise<Answer<readonly Subnet[]>>;
  /** Instance types that are offered in an availability zone. */
  offered(types: string[], call: CallBy): Promise<Answer<readonly { type: string; zone: string }[]>>;
}

export interface TemplateVersion {
  readonly template: string;
  readonly version: number;
  readonly description?: string;
  readonly imageId?: string;
  readonly instanceType?: string;
  /** Base64, as AWS keeps it. */
  readonly userData?: string;
  /** Everything the version says, with sorted keys: equal texts start equal instances. */
  readonly data: string;
}

export interface Image {
  readonly id: string;
  readonly name?: string;
  readonly state: string;
  readonly architecture?: string;
}

export interface Instance {
  readonly id: string;
  readonly privateAddress?: string;
  readonly state: string;
  readonly launched?: Instant;
}

export interface Subnet {
  readonly id: string;
  readonly zone: string;
  readonly freeAddresses: number;
}

export interface Metrics {
  /** Sum of a metric of AWS/ApplicationELB per period (s) since an instant, oldest first. */
  sums(
    of: { name: string; dimensions: Readonly<Record<string, string>>; since: Instant; period: number },
    call: CallBy,
  ): Promise<Answer<readonly { at: Instant; value: number }[]>>;
}

export interface Parameters {
  put(name: string, value: string, call: CallBy): Promise<Answer<void>>;
}

/** One question to IAM: each of the actions on each of the resources. */
export interface RightsAsked {
  /** ARN of the role or user whose policies are asked. */
  readonly principal: string;
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  /** Condition keys of the request, `aws:RequestTag/team`, and their values. */
  readonly context: Readonly<Record<string, string>>;
}

export interface Decision {
  readonly action: string;
  readonly resource: string;
  readonly is: "allowed" | "denied";
  /** Condition keys that policies look at and the question did not say. */
  readonly missing: readonly string[];
}

export interface Rights {
  /** What the policies of a role or user allow; nothing is tried. */
  decide(asked: RightsAsked, call: CallBy): Promise<Answer<readonly Decision[]>>;
}

/** One account and region. Clients are loaded with their first call. */
export interface AwsApi {
  readonly region: string;
  caller(signal: AbortSignal): Promise<Answer<Caller>>;
  readonly elb: Elb;
  readonly scaling: Scaling;
  readonly compute: Compute;
  readonly metrics: Metrics;
  readonly parameters: Parameters;
  readonly rights: Rights;
  close(): Promise<void>;
}
