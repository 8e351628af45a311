import { AwsError } from "../kernel.ts";

/** An error that only those learn who may do something else; to the others it is a refusal. */
export class HiddenError extends AwsError {
  readonly action: string;
  readonly resource: string;
  constructor(action: string, resource: string, code: string, message: string, status: number) {
    super(code, message, status);
    this.action = action;
    this.resource = resource;
  }
}
