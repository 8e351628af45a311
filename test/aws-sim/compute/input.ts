import { AwsError, type Input, type InputValue } from "../kernel.ts";

/* Reading parsed parameters: names as on the wire, every scalar a text. */

export function text(input: Input, name: string): string | undefined {
  const value = input[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** A list of texts; empty when it was not given. */
export function texts(input: Input, name: string): string[] {
  const value = input[name];
  return Array.isArray(value) ? value.filter((entry) => typeof entry === "string") : [];
}

/** Whether the parameter was sent at all; an empty list is sent as an empty text. */
export function given(input: Input, name: string): boolean {
  return input[name] !== undefined;
}

export function records(input: Input, name: string): Input[] {
  const value = input[name];
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

export function structure(input: Input, name: string): Input | undefined {
  const value = input[name];
  return isRecord(value) ? value : undefined;
}

export function whole(input: Input, name: string): number | undefined {
  const value = text(input, name);
  return value === undefined ? undefined : Number(value);
}

export function flag(input: Input, name: string): boolean | undefined {
  const value = text(input, name);
  return value === undefined ? undefined : value === "true";
}

/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html: MissingParameter */
export function required(input: Input, name: string): string {
  const value = text(input, name);
  if (value !== undefined) return value;
  throw new AwsError("MissingParameter", `The request must contain the parameter ${name}`);
}

export function isRecord(value: InputValue): value is Input {
  return typeof value === "object" && !Array.isArray(value);
}
