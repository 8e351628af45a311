import { evaluate, readPolicy, type Policy } from "../iam/policy.ts";
import type { Context } from "../iam/conditions.ts";
import type { Credentials } from "../iam/credentials.ts";
import { AwsError, type Input, type Operation, type Service, type World } from "../kernel.ts";

/* What IAM says of rights: https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html */

export function createIam(world: World, credentials: Credentials): Service {
  return {
    name: "iam",
    protocol: "query",
    namespace: "https://iam.amazonaws.com/doc/2010-05-08/",
    tagsOf: () => undefined,
    operations: { SimulatePrincipalPolicy: simulate(world, credentials) },
  };
}

function simulate({ account }: World, credentials: Credentials): Operation {
  return {
    action: "iam:SimulatePrincipalPolicy",
    mutating: false,
    // https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
    resources: (input) => [text(input, "PolicySourceArn")],
    handle: (input) => {
      const source = text(input, "PolicySourceArn");
      // "You can include the ARN of a user, group or role"; of a session: assumed to be refused.
      if (!/^arn:aws:iam::\d{12}:(?:user|role|group)\//.test(source))
        throw new AwsError("InvalidInput", `Invalid Entity Arn: ${source}`);
      const principal = credentials.byArn(source) ?? credentials.sessionOf(account, source);
      if (principal === undefined)
        throw new AwsError("NoSuchEntity", `The entity ${source} cannot be found.`, 404);
      const policies = principal.policies?.map(readPolicy);
      const context = contextOf(input);
      const results = texts(input, "ActionNames").flatMap((action) =>
        // "If this parameter is not provided, then the value defaults to * (all resources)."
        (texts(input, "ResourceArns").length > 0 ? texts(input, "ResourceArns") : ["*"]).map((resource) =>
          resultOf(policies, action, resource, context),
        ),
      );
      // "MaxItems: if you do not include this parameter, the number of items defaults to 100", as elsewhere in IAM.
      const from = Number(text(input, "Marker") || 0);
      const to = from + Number(input["MaxItems"] ?? 100);
      const more = to < results.length;
      return {
        EvaluationResults: results.slice(from, to),
        IsTruncated: more,
        ...(more && { Marker: String(to) }),
      };
    },
  };
}

function resultOf(
  policies: readonly Policy[] | undefined,
  action: string,
  resource: string,
  context: Context,
): object {
  const decision = policies === undefined ? "allowed" : evaluate(policies, { action, resource, context });
  const decided = { allowed: "allowed", denied: "implicitDeny", explicitlyDenied: "explicitDeny" };
  // Keys of every policy, whether its statement applies or not: assumed, the documentation leaves it open.
  const keys = (policies ?? []).flatMap(({ statements }) =>
    statements.flatMap(({ conditions }) => Object.values(conditions).flatMap((each) => Object.keys(each))),
  );
  return {
    EvalActionName: action,
    EvalResourceName: resource,
    EvalDecision: decided[decision],
    MatchedStatements: [],
    MissingContextValues: [...new Set(keys)].filter((key) => !context.has(key.toLowerCase())),
  };
}

/** Only what the question says: tags of resources are not looked up. */
function contextOf(input: Input): Context {
  const entries = (input["ContextEntries"] ?? []) as readonly Input[];
  return new Map(
    (Array.isArray(entries) ? entries : []).map((entry) => [
      text(entry, "ContextKeyName").toLowerCase(),
      texts(entry, "ContextKeyValues"),
    ]),
  );
}

function texts(input: Input, name: string): readonly string[] {
  const value = input[name];
  return Array.isArray(value) ? value.map(String) : [];
}

function text(input: Input, name: string): string {
  const value = input[name];
  return typeof value === "string" ? value : "";
}
