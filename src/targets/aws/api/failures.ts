import type { Cause } from "../../../core/units.ts";
import type { Answer } from "./api.ts";

/*
 * What came of one try of a call, told from the error that the SDK throws. Error codes are those of the services' own
 * "Common errors" pages; where an API has its own spelling (EC2), that is listed too.
 */

export type Failed = Extract<Answer<never>, { readonly is: "failed" }>;

/** What a try that failed means for the next one. */
export type Kind =
  /** Refused before it was looked at, as too much at once: certainly not done, and another time it works. */
  | "throttled"
  /** It never got there. */
  | "unsent"
  /** Whoever else works on the same thing is to be waited for; not done. */
  | "busy"
  /** No answer, or one that says that the server failed: a write may have been done. */
  | "unclear"
  /** The credentials ended. */
  | "expired"
  /** Asking again gives the same answer. */
  | "refused";

export interface Failure {
  readonly kind: Kind;
  readonly failed: Failed;
}

/** What was tried: in the words of an IAM policy, and where. */
export interface Tried {
  /** `elasticloadbalancing:ModifyRule` */
  readonly action: string;
  readonly region: string;
}

interface Thrown {
  readonly name?: string;
  readonly code?: string;
  readonly Code?: string;
  readonly message?: string;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string };
}

const THROTTLED = new Set([
  "Throttling",
  "Throttled",
  "ThrottlingException",
  "RequestThrottled",
  "RequestLimitExceeded",
  "TooManyRequests",
  "SlowDown",
  "PriorRequestNotComplete",
  "BandwidthLimitExceeded",
  "EC2ThrottledException",
]);
const DENIED = new Set([
  "AccessDenied",
  "UnauthorizedOperation",
  "NotAuthorized",
  "AuthorizationError",
  "Forbidden",
  "OptInRequired",
]);
const EXPIRED = new Set(["ExpiredToken", "TokenRefreshRequired"]);
const UNKNOWN_KEY = new Set([
  "InvalidClientTokenId",
  "UnrecognizedClient",
  "SignatureDoesNotMatch",
  "AuthFailure",
  "InvalidAccessKeyId",
  "IncompleteSignature",
  "MissingAuthenticationToken",
  "InvalidToken",
]);
const WRONG_TIME = new Set(["RequestExpired", "RequestTimeTooSkewed"]);
const BUSY = new Set([
  "ResourceContention",
  "ScalingActivityInProgress",
  "InstanceRefreshInProgress",
  "ResourceInUse",
]);
/** Of the operating system, before anything was sent. */
const UNSENT = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "CERT_HAS_EXPIRED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "ERR_TLS_CERT_ALTNAME_INVALID",
]);

/** The wire code without the endings of the SDK's names: `TargetGroupNotFound`, `ResourceContention`. */
function codeOf(error: Thrown): string {
  const code = (error.Code ?? error.name ?? "Unknown").replace(/^Client\./u, "");
  return code === "EC2ThrottledException" ? code : code.replace(/(?:Exception|Fault|Error)$/u, "");
}

/**
 * @param error what the SDK threw.
 * @param gaveUp the try was ended from here: `late` after its own time, `aborted` by the caller.
 */
export function failureOf(error: unknown, tried: Tried, gaveUp?: "late" | "aborted"): Failure {
  const thrown = (typeof error === "object" && error !== null ? error : {}) as Thrown;
  if (gaveUp !== undefined) return unclear("network", noAnswer(tried, gaveUp));
  if (isMissingCredentials(thrown)) return refused("NoCredentials", noCredentials(thrown));
  const status = thrown.$metadata?.httpStatusCode;
  if (status === undefined) return fromNetwork(thrown, tried);
  return fromService(thrown, status, tried);
}

function isMissingCredentials({ name = "" }: Thrown): boolean {
  return name === "CredentialsProviderError" || name === "TokenProviderError" || name === "ProviderError";
}

function fromNetwork(thrown: Thrown, tried: Tried): Failure {
  const code = thrown.code ?? "";
  const unsent = UNSENT.has(code) || /without establishing a connection/u.test(thrown.message ?? "");
  const cause = unreachable(thrown, tried);
  return {
    kind: unsent ? "unsent" : "unclear",
    failed: { is: "failed", code: "network", cause, sure: unsent },
  };
}

function fromService(thrown: Thrown, status: number, tried: Tried): Failure {
  const code = codeOf(thrown);
  const evidence = evidenceOf(thrown);
  const cause = (of: string, message: string): Cause => ({ code: of, message, ...evidence });
  if (THROTTLED.has(code) || status === 429) {
    return sure("throttled", code, cause("TEAL-A106", throttled(tried)));
  }
  if (EXPIRED.has(code)) return sure("expired", code, cause("TEAL-A105", expired()));
  if (UNKNOWN_KEY.has(code)) return sure("refused", code, cause("TEAL-A113", unknownKey(tried)));
  if (WRONG_TIME.has(code)) return sure("refused", code, cause("TEAL-A114", wrongTime(tried)));
  if (DENIED.has(code)) return sure("refused", "AccessDenied", cause("TEAL-A104", denied(tried)));
  if (BUSY.has(code)) return sure("busy", code, cause("TEAL-A112", busy(tried, thrown)));
  if (status >= 500) return unclear(code, cause("TEAL-A108", failing(tried, status, code)));
  if (isMissing(code, thrown)) return sure("refused", code, cause("TEAL-A109", missing(tried, code, thrown)));
  return sure("refused", code, cause("TEAL-A110", invalid(tried, code, thrown)));
}

/** Auto Scaling says so with a validation error; EC2 with a code that ends in it. */
function isMissing(code: string, { message = "" }: Thrown): boolean {
  return code.endsWith("NotFound") || (code === "ValidationError" && /not found/iu.test(message));
}

function sure(kind: Kind, code: string, cause: Cause): Failure {
  return { kind, failed: { is: "failed", code, cause, sure: true } };
}

function refused(code: string, cause: Cause): Failure {
  return sure("refused", code, cause);
}

function unclear(code: string, cause: Cause): Failure {
  return { kind: "unclear", failed: { is: "failed", code, cause, sure: false } };
}

/** AWS's own words, without what was sent to it, and the number by which its support finds the call. */
function evidenceOf({ message = "", $metadata }: Thrown): Pick<Cause, "evidence"> {
  const words = message
    .replace(/ ?Encoded authorization failure message:.*$/su, "")
    // With a wrong signature AWS answers what it was sent, the session token among it.
    .replace(/\s*The (?:Canonical String|String-to-Sign) .*$/su, "")
    .slice(0, 400);
  const id = $metadata?.requestId;
  const evidence = [...(words === "" ? [] : [words]), ...(id === undefined ? [] : [`request ${id}`])];
  return evidence.length === 0 ? {} : { evidence };
}

export function givenUp({ action }: Tried): Failed {
  const message = `${action} was not sent: it was given up, or its time had passed`;
  return { is: "failed", code: "network", sure: true, cause: { code: "TEAL-A111", message } };
}

function noAnswer({ action, region }: Tried, gaveUp: "late" | "aborted"): Cause {
  const why = gaveUp === "late" ? "gave no answer in time" : "was given up before its answer came";
  return { code: "TEAL-A107", message: `${action} in ${region} ${why}` };
}

function unreachable({ message = "", code }: Thrown, { action, region }: Tried): Cause {
  const why = message === "" ? (code ?? "no answer") : message;
  return {
    code: "TEAL-A107",
    message: `${action} in ${region} got no answer: ${why}. Check the network, proxies and VPC endpoints of this machine.`,
  };
}

function noCredentials({ message = "" }: Thrown): Cause {
  return {
    code: "TEAL-A101",
    message: `no AWS credentials: ${message}. Set AWS_PROFILE (or target.aws.profile), run aws sso login, or let the pipeline assume a role; aws sts get-caller-identity shows what there is.`,
  };
}

function throttled({ action, region }: Tried): string {
  return `AWS throttles ${action} in ${region}: every tool of the account shares the same allowance. Find what else calls it (CloudTrail), or ask AWS for more.`;
}

function expired(): string {
  return "the AWS credentials have ended: sign in again (aws sso login, or a new run of the job), then teal resume";
}

function unknownKey({ action }: Tried): string {
  return `AWS does not know the credentials that ${action} was signed with: they were removed, belong to another partition, or are mistyped. Compare with aws sts get-caller-identity.`;
}

function wrongTime({ action }: Tried): string {
  return `AWS refused ${action} as signed at the wrong time: correct the clock of this machine (timedatectl status)`;
}

function denied({ action }: Tried): string {
  return `not allowed: ${action}. Add it to the policy of the role (teal init writes the policy that is needed).`;
}

function busy({ action }: Tried, { message = "" }: Thrown): string {
  return `${action} has to wait for other work on the same thing: ${message}`;
}

function failing({ action, region }: Tried, status: number, code: string): string {
  return `${action} in ${region} failed at AWS with ${status} ${code}. See health.aws.amazon.com.`;
}

function missing({ action }: Tried, code: string, { message = "" }: Thrown): string {
  return `${action}: ${code}: ${message}`;
}

function invalid({ action }: Tried, code: string, { message = "" }: Thrown): string {
  return `${action} was refused with ${code}: ${message}`;
}
