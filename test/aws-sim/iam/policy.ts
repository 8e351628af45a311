import { CONDITION_OPERATORS, conditionsHold, type Context } from "./conditions.ts";
import { like } from "./like.ts";

/* Identity-based policies: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html */

/** A policy document as it was read and found good. */
export interface Policy {
  readonly statements: readonly Statement[];
}

interface Statement {
  readonly effect: "Allow" | "Deny";
  readonly actions: Patterns;
  readonly resources: Patterns;
  readonly conditions: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
}

/** `except`: NotAction, NotResource. */
interface Patterns {
  readonly of: readonly string[];
  readonly except: boolean;
}

export type Decision = "allowed" | "denied" | "explicitlyDenied";

/** One action on one resource; a deny beats any allow, and what nobody allows is denied. */
export function evaluate(
  policies: readonly Policy[],
  asked: { readonly action: string; readonly resource: string; readonly context: Context },
): Decision {
  const applying = policies
    .flatMap(({ statements }) => statements)
    .filter(
      ({ actions, resources, conditions }) =>
        // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html: actions know no case
        covers(actions, asked.action, true) &&
        covers(resources, asked.resource, false) &&
        conditionsHold(conditions, asked.context),
    );
  if (applying.some(({ effect }) => effect === "Deny")) return "explicitlyDenied";
  return applying.length > 0 ? "allowed" : "denied";
}

function covers({ of, except }: Patterns, text: string, ignoreCase: boolean): boolean {
  return of.some((pattern) => like(pattern, text, ignoreCase)) !== except;
}

/**
 * Reads a policy document.
 * @throws Error for whatever the simulator would not evaluate as IAM does: nothing may be allowed by a misunderstanding.
 */
export function readPolicy(document: object): Policy {
  const { Version: version, Statement: statement, ...rest } = document as Record<string, unknown>;
  if (version !== "2012-10-17") throw malformed(`Version is ${JSON.stringify(version)}, not "2012-10-17"`);
  refuseUnknown(rest, ["Id"]);
  return { statements: (Array.isArray(statement) ? statement : [statement]).map(readStatement) };
}

function readStatement(statement: unknown): Statement {
  if (typeof statement !== "object" || statement === null) throw malformed("a statement is not an object");
  const { Effect, Action, NotAction, Resource, NotResource, Condition, ...rest } = statement as Record<
    string,
    unknown
  >;
  refuseUnknown(rest, ["Sid"]);
  if (Effect !== "Allow" && Effect !== "Deny") throw malformed(`Effect is ${JSON.stringify(Effect)}`);
  const conditions = Object.entries((Condition ?? {}) as Record<string, Record<string, unknown>>).map(
    ([operator, keys]) => {
      const plain = operator.replace(/^For(AllValues|AnyValue):/, "").replace(/IfExists$/, "");
      if (!CONDITION_OPERATORS.includes(plain))
        throw malformed(`the condition operator ${operator} is not known here`);
      return [
        operator,
        Object.fromEntries(Object.entries(keys).map(([key, values]) => [key, texts(values)])),
      ] as const;
    },
  );
  return {
    effect: Effect,
    actions: patterns("Action", Action, NotAction),
    resources: patterns("Resource", Resource, NotResource),
    conditions: Object.fromEntries(conditions),
  };
}

function patterns(name: string, of: unknown, not: unknown): Patterns {
  if ((of === undefined) === (not === undefined)) throw malformed(`a statement needs ${name} or Not${name}`);
  return { of: texts(of ?? not), except: of === undefined };
}

function texts(value: unknown): readonly string[] {
  const all = (Array.isArray(value) ? value : [value]).map(String);
  const variable = all.find((text) => text.includes("${"));
  if (variable !== undefined) throw malformed(`policy variables are not known here: ${variable}`);
  return all;
}

function refuseUnknown(rest: Record<string, unknown>, known: readonly string[]): void {
  const unknown = Object.keys(rest).find((name) => !known.includes(name));
  if (unknown !== undefined) throw malformed(`${unknown} is not an element of an identity-based policy`);
}

function malformed(what: string): Error {
  return new Error(`MalformedPolicyDocument: ${what}`);
}
