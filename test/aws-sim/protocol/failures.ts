import { AwsError } from "../kernel.ts";

/* Failures that every service knows, in each one's own words. */

export type Failure =
  | "noCredentials"
  | "unknownKey"
  | "signature"
  | "expired"
  | "denied"
  | "throttled"
  | "internal"
  | "unknownOperation";

type Family = "query" | "ec2" | "json" | "s3";

/**
 * Codes and HTTP statuses.
 * query: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/CommonErrors.html and the same page of Auto Scaling and STS;
 *   `AccessDenied` 403 and `Throttling` 400 as the services send them (the pages say AccessDeniedException, ThrottlingException): assumed.
 * ec2: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html (CommonErrors).
 * json: https://docs.aws.amazon.com/systems-manager/latest/APIReference/CommonErrors.html.
 * s3: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList.
 */
const CODES: Readonly<Record<Failure, Readonly<Record<Family, readonly [code: string, status: number]>>>> = {
  noCredentials: {
    query: ["MissingAuthenticationToken", 403],
    ec2: ["MissingAuthenticationToken", 403],
    json: ["MissingAuthenticationTokenException", 400],
    s3: ["AccessDenied", 403],
  },
  unknownKey: {
    query: ["InvalidClientTokenId", 403],
    ec2: ["AuthFailure", 401],
    json: ["UnrecognizedClientException", 400],
    s3: ["InvalidAccessKeyId", 403],
  },
  signature: {
    query: ["SignatureDoesNotMatch", 403],
    ec2: ["AuthFailure", 401],
    json: ["InvalidSignatureException", 400],
    s3: ["SignatureDoesNotMatch", 403],
  },
  expired: {
    query: ["ExpiredToken", 403],
    ec2: ["RequestExpired", 400],
    json: ["ExpiredTokenException", 400],
    s3: ["ExpiredToken", 400],
  },
  denied: {
    query: ["AccessDenied", 403],
    ec2: ["UnauthorizedOperation", 403],
    json: ["AccessDeniedException", 400],
    s3: ["AccessDenied", 403],
  },
  throttled: {
    query: ["Throttling", 400],
    ec2: ["RequestLimitExceeded", 503],
    json: ["ThrottlingException", 400],
    s3: ["SlowDown", 503],
  },
  internal: {
    query: ["InternalFailure", 500],
    ec2: ["InternalError", 500],
    json: ["InternalServerError", 500],
    s3: ["InternalError", 500],
  },
  unknownOperation: {
    query: ["InvalidAction", 400],
    ec2: ["InvalidAction", 400],
    json: ["UnknownOperationException", 400],
    s3: ["NotImplemented", 501],
  },
};

const TEXTS: Readonly<Record<Failure, string>> = {
  noCredentials: "Request is missing Authentication Token",
  unknownKey: "The security token included in the request is invalid.",
  signature:
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.",
  expired: "The security token included in the request is expired",
  denied: "Access Denied",
  throttled: "Rate exceeded",
  internal: "An internal error has occurred",
  unknownOperation: "The action or operation requested is invalid.",
};

/** `service` as in credential scopes. */
export function failure(kind: Failure, service: string, text = TEXTS[kind]): AwsError {
  const [code, status] = CODES[kind][family(service)];
  return new AwsError(code, text, status);
}

function family(service: string): Family {
  if (service === "ec2" || service === "s3") return service;
  return service === "ssm" || service === "monitoring" ? "json" : "query";
}
