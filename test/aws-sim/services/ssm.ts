import { AwsError, Timeline, type Input, type Operation, type Service, type World } from "../kernel.ts";

/* Parameters: https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html */

interface Parameter {
  readonly name: string;
  readonly type: string;
  readonly value: string;
  readonly version: number;
  readonly at: number;
}

/** What a test may look at. */
export interface SsmWorld {
  parameter(name: string): string | undefined;
}

/** A standard parameter holds 4 KB (API_PutParameter.html: Value). */
const LONGEST_VALUE = 4_096;

export function createSsm(world: World): { readonly service: Service; readonly world: SsmWorld } {
  const past = new Timeline<ReadonlyMap<string, Parameter>>(world.clock, new Map());
  // https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html: the name without its first slash
  const arn = (input: Input) => [
    `arn:aws:ssm:${world.region}:${world.account}:parameter/${name(input).replace(/^\//, "")}`,
  ];
  const put: Operation = {
    action: "ssm:PutParameter",
    mutating: true,
    resources: arn,
    handle: (input) => {
      const next = changed(past.now.get(name(input)), input, world.clock.now());
      past.set(new Map(past.now).set(next.name, next));
      return { Version: next.version, Tier: "Standard" };
    },
  };
  const get: Operation = {
    action: "ssm:GetParameter",
    mutating: false,
    resources: arn,
    handle: (input, { seenAt }) => {
      const found = past.seen(seenAt).get(name(input));
      if (found === undefined) throw notFound(name(input));
      return {
        Parameter: {
          Name: found.name,
          Type: found.type,
          Value: found.value,
          Version: found.version,
          LastModifiedDate: new Date(found.at),
          ARN: arn(input)[0],
          DataType: "text",
        },
      };
    },
  };
  const remove: Operation = {
    action: "ssm:DeleteParameter",
    mutating: true,
    resources: arn,
    handle: (input) => {
      const next = new Map(past.now);
      if (!next.delete(name(input))) throw notFound(name(input));
      past.set(next);
      return {};
    },
  };
  return {
    service: {
      name: "ssm",
      protocol: "json",
      namespace: "http://ssm.amazonaws.com/doc/2014-11-06/",
      tagsOf: () => undefined,
      operations: { PutParameter: put, GetParameter: get, DeleteParameter: remove },
    },
    world: { parameter: (asked) => past.now.get(asked)?.value },
  };
}

function changed(before: Parameter | undefined, input: Input, at: number): Parameter {
  const value = input["Value"];
  const type = input["Type"] ?? before?.type;
  if (typeof value !== "string" || value === "") throw invalid("Value must not be empty");
  if (value.length > LONGEST_VALUE)
    throw invalid("Standard tier parameters support a maximum parameter value of 4096 characters.");
  if (before !== undefined && input["Overwrite"] !== "true") {
    throw new AwsError(
      "ParameterAlreadyExists",
      "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
    );
  }
  // "Type: not required when updating a parameter"
  if (typeof type !== "string") throw invalid("A parameter type is required when you create a parameter.");
  return { name: name(input), type, value, version: (before?.version ?? 0) + 1, at };
}

function name(input: Input): string {
  const value = input["Name"];
  if (typeof value !== "string" || value === "") throw invalid("Name must not be empty");
  // "A parameter name can't be prefixed with "aws" or "ssm" (case-insensitive)."
  if (/^\/?(aws|ssm)/i.test(value))
    throw new AwsError("AccessDeniedException", `No access to reserved parameter name: ${value}.`);
  if (!/^[a-zA-Z0-9_.\-/]+$/.test(value)) throw invalid(`Invalid parameter name: ${value}`);
  return value;
}

function notFound(asked: string): AwsError {
  return new AwsError("ParameterNotFound", `Parameter ${asked} not found.`);
}

function invalid(message: string): AwsError {
  return new AwsError("ValidationException", message);
}
