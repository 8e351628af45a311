import type { AwsError, Input, Service } from "../kernel.ts";

/* What the protocols have in common: a message in, a message out. */

export interface HttpRequest {
  readonly method: string;
  /** Path with its query, as it came. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | string;
}

export interface Protocol {
  /** Which operation is asked for, and with what; throws an `AwsError` for what it cannot read. */
  parse(request: HttpRequest): { readonly operation: string; readonly input: Input };
  answer(service: Service, operation: string, result: unknown, requestId: string): HttpAnswer;
  error(service: Service, error: AwsError, requestId: string, request: HttpRequest): HttpAnswer;
}
