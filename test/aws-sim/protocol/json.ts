import { gunzipSync } from "node:zlib";
import { AwsError, type Input, type InputValue } from "../kernel.ts";
import { scalar } from "./scalar.ts";
import type { HttpRequest, Protocol } from "./protocol.ts";

/*
 * https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html: SSM. CloudWatch's client speaks AWS JSON 1.0, compatible
 * with its former query protocol: https://smithy.io/2.0/aws/protocols/aws-query-protocol.html (awsQueryCompatible).
 */

export const json: Protocol = {
  parse: (request) => {
    const target = request.headers["x-amz-target"] ?? "";
    const operation = target.slice(target.lastIndexOf(".") + 1);
    if (operation === "")
      throw new AwsError("UnknownOperationException", "The request names no operation in X-Amz-Target");
    return { operation, input: texts(parsed(request)) as Input };
  },
  answer: (service, _operation, result, requestId) => ({
    status: 200,
    headers: { "content-type": contentType(service.name), "x-amzn-requestid": requestId },
    body: JSON.stringify(result ?? {}, epochs),
  }),
  error: (service, { code, message, status }, requestId) => ({
    status,
    headers: {
      "content-type": contentType(service.name),
      "x-amzn-requestid": requestId,
      // The code as the query protocol knew it, for clients that were written for that.
      ...(service.name === "monitoring" && {
        "x-amzn-query-error": `${code};${status < 500 ? "Sender" : "Receiver"}`,
      }),
    },
    body: JSON.stringify({ __type: code, message }),
  }),
};

function contentType(service: string): string {
  return service === "monitoring" ? "application/x-amz-json-1.0" : "application/x-amz-json-1.1";
}

function parsed({ headers, body }: HttpRequest): unknown {
  try {
    const plain = headers["content-encoding"] === "gzip" ? gunzipSync(body) : body;
    const value: unknown = JSON.parse(plain.toString() || "{}");
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Said below, in the service's words.
  }
  throw new AwsError("SerializationException", "The body is not a JSON object");
}

/** Scalars as texts, as every operation gets them. */
function texts(value: unknown): InputValue {
  if (Array.isArray(value)) return value.map(texts);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, texts(member)]));
  }
  return value === null || value === undefined ? undefined : scalar(value);
}

/** Instants are seconds since 1970 in JSON; `toJSON` has already made a text of a Date where the replacer is asked. */
function epochs(this: unknown, key: string, value: unknown): unknown {
  const raw = (this as Record<string, unknown>)[key];
  return raw instanceof Date ? raw.getTime() / 1_000 : value;
}
