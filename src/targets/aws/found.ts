import type { Cause, Slot } from "../../core/units.ts";

/*
 * What the configuration means in the account: names became ARNs, what was left out was found. None of it says what is
 * live or how much of it there is: that is looked at whenever it matters.
 */

/** As much as traffic depends on, and going back needs. */
export interface FoundRouting {
  readonly account: string;
  readonly region: string;
  /** In the order in which they are switched; every one forwards to at least one of the target groups. */
  readonly rules: readonly FoundRule[];
  readonly slots: Readonly<Record<Slot, Pick<FoundSlot, "targetGroup">>>;
}

export interface Found extends FoundRouting {
  readonly slots: Readonly<Record<Slot, FoundSlot>>;
  /** Instances of a first deployment. */
  readonly replicas: number;
}

export interface FoundRule {
  /** The rule's own ARN, also of a default rule. */
  readonly arn: string;
  /** Written by ModifyListener, and no other way. */
  readonly isDefault: boolean;
  readonly listener: FoundListener;
  /** For people: `shop-alb:443 host shop.example`, `shop-alb:80 default rule`. */
  readonly name: string;
  /** Values of the rule's host condition as written, `*` and `?` included; empty: any host. */
  readonly hosts: readonly string[];
  /** Likewise of its path condition. */
  readonly paths: readonly string[];
}

export interface FoundListener {
  readonly arn: string;
  readonly port: number;
  readonly protocol: "HTTP" | "HTTPS";
  readonly loadBalancer: {
    readonly arn: string;
    readonly name: string;
    /** Resolves to the addresses of its nodes. */
    readonly dnsName: string;
    readonly subnets: readonly string[];
    readonly internal: boolean;
  };
}

export interface FoundSlot {
  /** Name of the Auto Scaling group. */
  readonly group: string;
  readonly targetGroup: FoundTargetGroup;
}

export interface FoundTargetGroup {
  readonly arn: string;
  readonly name: string;
  /** Where targets listen, unless one is registered with a port of its own. */
  readonly port: number;
  readonly protocol: "HTTP" | "HTTPS";
  /** What the target group's own health check asks. */
  readonly health: {
    readonly path: string;
    /** A number, or `traffic-port`. */
    readonly port: string;
    /** Statuses that count as healthy, as AWS writes them: `200`, `200-299`, `200,301`. */
    readonly statuses: string;
    /** Seconds between two checks, and how many in a row make a target healthy. */
    readonly interval: number;
    readonly threshold: number;
  };
}

/** What came of looking for what the configuration means. `refused`: not there, or not clear; `next` says what to write. */
export type Sought<T = Found> =
  | { readonly is: "found"; readonly found: T }
  | { readonly is: "refused"; readonly cause: Cause; readonly next: string }
  | { readonly is: "unreadable"; readonly cause: Cause };
