import type { Millis, Slot } from "../../core/units.ts";

/** A service behind a load balancer, as configured; what was left out is inferred from the account. */
export interface AwsSettings {
  readonly service: string;
  readonly environment: string;
  /** Twelve digits; credentials of any other account are refused. */
  readonly account: string;
  /** By default AWS_REGION, then AWS_DEFAULT_REGION, then the profile's. */
  readonly region?: string;
  readonly profile?: string;
  /** `shop-alb:443` or a listener's ARN; several are switched in this order. */
  readonly listeners: readonly string[];
  /** Which rules of the listeners: those with this host and path; neither: the default rule. */
  readonly match: { readonly host?: string; readonly path?: string };
  /** Rules by their ARNs, in the order in which they are switched, instead of `match`. */
  readonly rules?: readonly string[];
  /** Names of the Auto Scaling groups; by default found by the tags teal.dev/service and teal.dev/slot. */
  readonly groups?: Readonly<Record<Slot, string>>;
  /** ARNs or names of the target groups; by default the ones that the Auto Scaling groups register with. */
  readonly targetGroups?: Readonly<Record<Slot, string>>;
  /** What differs between revisions: the image (a revision is an AMI id), or a user-data file with `{revision}` in it. */
  readonly template: { readonly by: "image" } | { readonly by: "userData"; readonly file: string };
  /** Instances of a first deployment; later ones follow what is live. */
  readonly replicas?: number;
  readonly reach: Reaching;
  /** What is done about old cookies: the drain waits until they ran out, or the cutover itself turns them off. */
  readonly sticky: "wait" | "cut";
  /** An acknowledged change has reached every node of the load balancer within this time. */
  readonly propagation: Millis;
  /** A bucket that holds journal and lease, so that several runners can deploy: `s3://bucket/prefix`. */
  readonly state?: { readonly bucket: string; readonly prefix: string };
  /** An SSM parameter to which the weights are published, for Terraform to read. */
  readonly publish?: string;
}

/** How a probe gets to the instances of the idle slot. */
export type Reaching =
  /** A rule that forwards requests with a header to the idle target group; made and removed by Teal. */
  | { readonly by: "headerRule"; readonly header: string; readonly value?: string }
  /** A listener whose default rule forwards to the idle target group; Teal points it there. */
  | { readonly by: "testListener"; readonly listener: string }
  /** The instances' private addresses, from inside the VPC. */
  | { readonly by: "address" };
