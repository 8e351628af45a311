import { millis } from "../../core/units.ts";
import { Fault } from "../remote/tries.ts";
import {
  credentials,
  denied,
  noAnswer,
  noBucket,
  noConditions,
  overloaded,
  refused,
  tooBusy,
  wrongRegion,
} from "./causes.ts";

/** What the SDK throws, as far as it is looked at. */
interface Thrown {
  readonly name: string;
  readonly message: string;
  readonly status: number | undefined;
  /** Where S3 says that the bucket lies. */
  readonly region: string | undefined;
}

/** A request and what it is for. */
export interface Request {
  /** As policies name it: `s3:PutObject`. */
  readonly action: string;
  readonly key: string;
}

/** Codes of S3's list of error responses (API reference, "Error responses"). */
const CREDENTIALS = new Set([
  "CredentialsProviderError",
  "ExpiredToken",
  "ExpiredTokenException",
  "InvalidAccessKeyId",
  "InvalidToken",
  "RequestTimeTooSkewed",
  "SignatureDoesNotMatch",
  "TokenProviderError",
]);
const REDIRECTS = new Set([
  "AuthorizationHeaderMalformed",
  "IllegalLocationConstraintException",
  "PermanentRedirect",
  "TemporaryRedirect",
]);
const PASSING = new Set([
  "InternalError",
  "RequestTimeout",
  "RequestTimeoutException",
  "ServiceUnavailable",
  "SlowDown",
  "Throttling",
]);

export function thrownOf(error: unknown): Thrown {
  const { name, message, $metadata, $response, Region } = error as Error & {
    $metadata?: { httpStatusCode?: number };
    $response?: { headers?: Record<string, string> };
    Region?: string;
  };
  const status = $metadata?.httpStatusCode;
  return { name, message, status, region: Region ?? $response?.headers?.["x-amz-bucket-region"] };
}

/** The fault behind an error that is none of those the caller expected. */
export function faultOf(place: string, bucket: string, { action, key }: Request, thrown: Thrown): Fault {
  const { name, message, status, region } = thrown;
  const what = `${action} ${key}`;
  if (CREDENTIALS.has(name)) return new Fault(credentials(place, message), "never");
  if (message === "Region is missing") return new Fault(wrongRegion(place, undefined), "never");
  if (status === undefined) return new Fault(noAnswer(place, what, message || name), millis(0));
  if (name === "NoSuchBucket") return new Fault(noBucket(place, bucket), "never");
  if (REDIRECTS.has(name) || status === 301 || status === 307) {
    return new Fault(wrongRegion(place, region), "never");
  }
  if (status === 403) return new Fault(denied(place, action, key, message), "never");
  if (status === 501) return new Fault(noConditions(place), "never");
  // ConditionalRequestConflict: another write of this key was on its way. Nothing was written, and nobody knows what is there.
  if (status === 409) return new Fault(tooBusy(place, key), millis(0));
  if (PASSING.has(name) || status === 429 || status >= 500) {
    return new Fault(overloaded(place, what, `${status} ${name}`), millis(0));
  }
  return new Fault(refused(place, what, name, message), "never");
}
