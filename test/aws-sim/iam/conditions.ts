import { like } from "./like.ts";

/* https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html */

/** Context keys of a request and their values; keys know no case. */
export type Context = ReadonlyMap<string, readonly string[]>;

type Test = (value: string, wanted: string) => boolean;

const TESTS: Readonly<Record<string, Test>> = {
  StringEquals: (value, wanted) => value === wanted,
  StringEqualsIgnoreCase: (value, wanted) => value.toLowerCase() === wanted.toLowerCase(),
  StringLike: (value, wanted) => like(wanted, value),
  ArnEquals: (value, wanted) => like(wanted, value),
  ArnLike: (value, wanted) => like(wanted, value),
  Bool: (value, wanted) => value.toLowerCase() === wanted.toLowerCase(),
};

const NEGATED: Readonly<Record<string, string>> = {
  StringNotEquals: "StringEquals",
  StringNotEqualsIgnoreCase: "StringEqualsIgnoreCase",
  StringNotLike: "StringLike",
  ArnNotEquals: "ArnEquals",
  ArnNotLike: "ArnLike",
};

export const CONDITION_OPERATORS: readonly string[] = [
  ...Object.keys(TESTS),
  ...Object.keys(NEGATED),
  "Null",
];

/** All operators and all their keys must hold; among a key's values one is enough. */
export function conditionsHold(
  conditions: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>,
  context: Context,
): boolean {
  return Object.entries(conditions).every(([operator, keys]) =>
    Object.entries(keys).every(([key, wanted]) => holds(operator, context.get(key.toLowerCase()), wanted)),
  );
}

function holds(operator: string, values: readonly string[] | undefined, wanted: readonly string[]): boolean {
  if (operator === "Null") return wanted.some((asked) => (asked === "true") === (values === undefined));
  const [, set, plain] = /^(?:(ForAllValues|ForAnyValue):)?(.+?)(?:IfExists)?$/.exec(operator)!;
  if (values === undefined) {
    // An absent key fails a positive test and passes a negated one; ForAllValues of nothing is true, ForAnyValue false.
    if (operator.endsWith("IfExists") || set === "ForAllValues") return true;
    return set !== "ForAnyValue" && plain! in NEGATED;
  }
  const negated = NEGATED[plain!];
  const test = TESTS[negated ?? plain!]!;
  const matches = (value: string) => wanted.some((one) => test(value, one)) !== (negated !== undefined);
  return set === "ForAllValues"
    ? values.every(matches)
    : set === "ForAnyValue"
      ? values.some(matches)
      : values.every(matches);
}
