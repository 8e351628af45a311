import { expect, test } from "vitest";
import { failureOf } from "./failures.ts";

const TRIED = { action: "elasticloadbalancing:ModifyRule", region: "eu-central-1" };

/** As AWS answers it: https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html */
const MISMATCH = `The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.

The Canonical String for this request should have been
'POST
/

host:elasticloadbalancing.eu-central-1.amazonaws.com
x-amz-security-token:FwoGZXIvYXdzSESSION

host;x-amz-security-token
e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

The String-to-Sign should have been
'AWS4-HMAC-SHA256'
`;

test("what AWS repeats of the request is not repeated: the session token is in it", () => {
  const error = { name: "SignatureDoesNotMatch", message: MISMATCH, $metadata: { httpStatusCode: 403 } };
  const { failed } = failureOf(error, TRIED);
  expect(failed.cause.code).toBe("TEAL-A113");
  expect(failed.cause.evidence?.[0]).toContain("Check your AWS Secret Access Key");
  expect(JSON.stringify(failed)).not.toMatch(/FwoGZXIvYXdz|security-token/);
});

test("a denial's encoded message, which nobody can read, is left out", () => {
  const message =
    "You are not authorized to perform this operation. Encoded authorization failure message: QWxsIHRoZQ";
  const error = {
    name: "UnauthorizedOperation",
    message,
    $metadata: { httpStatusCode: 403, requestId: "r-1" },
  };
  const { failed } = failureOf(error, TRIED);
  expect(failed).toMatchObject({ code: "AccessDenied", sure: true });
  expect(failed.cause.evidence).toEqual(["You are not authorized to perform this operation.", "request r-1"]);
});
