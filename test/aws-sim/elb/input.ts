import { AwsError, type Input, type InputValue } from "../kernel.ts";

/* Members of a parsed request, and the refusal of what does not fit. */

/** API reference, "Common Errors": ValidationError, the input fails to satisfy the constraints. */
export const invalid = (message: string) => new AwsError("ValidationError", message);

export function text(input: Input, name: string): string | undefined {
  const value = input[name];
  if (value === undefined || typeof value === "string") return value;
  throw invalid(`${name} is not a text`);
}

export function need(input: Input, name: string): string {
  const value = text(input, name);
  if (value !== undefined && value !== "") return value;
  throw invalid(
    `1 validation error detected: Value null at '${name}' failed to satisfy constraint: Member must not be null`,
  );
}

/** A whole number within bounds. */
export function whole(input: Input, name: string, least: number, most: number): number | undefined {
  const value = text(input, name);
  if (value === undefined) return undefined;
  const number = Number(value);
  if (/^-?\d+$/.test(value) && number >= least && number <= most) return number;
  throw invalid(`${name} '${value}' must be between ${least} and ${most}`);
}

export function flag(input: Input, name: string): boolean | undefined {
  const value = text(input, name);
  if (value === undefined) return undefined;
  if (value === "true" || value === "false") return value === "true";
  throw invalid(`${name} '${value}' must be true or false`);
}

/** `undefined` when the member is not there; an empty list is sent as an empty text. */
export function list(input: Input, name: string): readonly InputValue[] | undefined {
  const value = input[name];
  if (value === undefined) return undefined;
  if (value === "") return [];
  if (Array.isArray(value)) return value;
  throw invalid(`${name} is not a list`);
}

export const texts = (input: Input, name: string): readonly string[] =>
  (list(input, name) ?? []).map((value) => {
    if (typeof value === "string") return value;
    throw invalid(`${name} is not a list of texts`);
  });

export const records = (input: Input, name: string): readonly Input[] =>
  (list(input, name) ?? []).map((value) => {
    if (isRecord(value)) return value;
    throw invalid(`${name} is not a list of structures`);
  });

export function record(input: Input, name: string): Input | undefined {
  const value = input[name];
  if (value === undefined || value === "") return undefined;
  if (isRecord(value)) return value;
  throw invalid(`${name} is not a structure`);
}

const isRecord = (value: InputValue): value is Input =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export function oneOf<const T extends string>(
  input: Input,
  name: string,
  values: readonly T[],
): T | undefined {
  const value = text(input, name);
  if (value === undefined) return undefined;
  const found = values.find((each) => each === value);
  if (found !== undefined) return found;
  throw invalid(`${name} '${value}' must be one of ${values.join(", ")}`);
}
