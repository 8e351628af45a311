import type { Input, Operation, Service, World } from "../kernel.ts";
import { failure } from "../protocol/failures.ts";
import type { Principal } from "../types.ts";
import type { Context } from "./conditions.ts";
import { evaluate, readPolicy, type Policy } from "./policy.ts";

/** What the policies of a principal say; documents are read once and refused when they are put into the world. */
export interface Authority {
  /** Throws the service's own refusal when the principal may not, for the action and for what it needs besides. */
  authorise(principal: Principal, operation: Operation, input: Input, service: Service): void;
  /** What was asked of a principal's policies and allowed. */
  readonly granted: readonly Granted[];
  allows(principal: Principal, action: string, resource: string): boolean;
  /** @throws Error for a policy that cannot be evaluated. */
  check(principal: Principal): void;
}

export interface Granted {
  readonly principal: string;
  /** Also what a call needs besides itself: `iam:PassRole`. */
  readonly action: string;
  readonly resource: string;
}

type Conditions = Readonly<Record<string, readonly string[]>>;

export function createAuthority(world: World, services: readonly Service[]): Authority {
  const read = new WeakMap<Principal, readonly Policy[] | undefined>();
  const policiesOf = (principal: Principal) => {
    if (!read.has(principal)) read.set(principal, principal.policies?.map(readPolicy));
    return read.get(principal);
  };

  /** Keys of every request, those of the call, and the tags of the resource. */
  function context(principal: Principal, action: string, resource: string, conditions: Conditions): Context {
    const tags =
      services.map((service) => service.tagsOf(resource)).find((found) => found !== undefined) ?? {};
    const prefix = action.slice(0, action.indexOf(":"));
    const keys: Conditions = {
      // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
      "aws:RequestedRegion": [world.region],
      "aws:PrincipalArn": [principal.arn],
      "aws:PrincipalAccount": [world.account],
      "aws:ResourceAccount": [world.account],
      ...conditions,
      ...Object.fromEntries(
        Object.entries(tags).flatMap(([name, value]) => [
          [`aws:ResourceTag/${name}`, [value]],
          // The services' own spelling: `autoscaling:ResourceTag/x`, `ec2:ResourceTag/x`, `elasticloadbalancing:ResourceTag/x`.
          [`${prefix}:ResourceTag/${name}`, [value]],
        ]),
      ),
    };
    return new Map(Object.entries(keys).map(([key, values]) => [key.toLowerCase(), values]));
  }

  function decide(principal: Principal, action: string, resource: string, conditions: Conditions) {
    const policies = policiesOf(principal);
    if (policies === undefined) return "allowed";
    return evaluate(policies, {
      action,
      resource,
      context: context(principal, action, resource, conditions),
    });
  }

  const granted: Granted[] = [];
  return {
    granted,
    check: (principal) => void policiesOf(principal),
    allows: (principal, action, resource) => decide(principal, action, resource, {}) === "allowed",
    authorise: (principal, operation, input, service) => {
      // https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html: needs no permission, not even after a deny
      if (operation.action === "sts:GetCallerIdentity") return;
      const conditions = operation.conditions?.(input) ?? {};
      const asked = [
        { action: operation.action, resources: operation.resources(input), conditions },
        ...(operation.also?.(input) ?? []),
      ];
      for (const { action, resources, conditions: own } of asked) {
        // A call that names nothing is judged like one about everything: it must not slip through.
        for (const resource of resources.length > 0 ? resources : ["*"]) {
          // Keys such as aws:RequestTag are the request's, also for what it needs besides: reference_policies_condition-keys.html
          const decision = decide(principal, action, resource, own ?? conditions);
          if (decision !== "allowed") throw refusal(service.name, principal, action, resource, decision);
          granted.push({ principal: principal.arn, action, resource });
        }
      }
    },
  };
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html: the form of the message */
function refusal(
  service: string,
  principal: Principal,
  action: string,
  resource: string,
  decision: "denied" | "explicitlyDenied",
) {
  const because =
    decision === "denied"
      ? `because no identity-based policy allows the ${action} action`
      : "with an explicit deny in an identity-based policy";
  const prefix = service === "ec2" ? "You are not authorized to perform this operation. " : "";
  const on = resource === "*" ? "" : ` on resource: ${resource}`;
  return failure(
    "denied",
    service,
    `${prefix}User: ${principal.arn} is not authorized to perform: ${action}${on} ${because}`,
  );
}
