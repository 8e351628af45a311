import { AwsError, type Input } from "../kernel.ts";
import type { HttpRequest, Protocol } from "./protocol.ts";
import { readStreamed } from "./streamed.ts";
import { escape, XML_HEAD } from "./xml.ts";

/*
 * S3: https://docs.aws.amazon.com/AmazonS3/latest/API/Welcome.html, path-style addresses (`/bucket/key`), as the SDK uses
 * them where the endpoint is an IP address.
 */

/** What an operation of S3 answers: headers by their wire names; the body as bytes, or as XML that is already written. */
export interface RestAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: Buffer | string;
}

/** Operations by method; for a key and for a bucket. What has a subresource is not known here, except the listing. */
const OBJECT: Readonly<Record<string, string>> = {
  PUT: "PutObject",
  GET: "GetObject",
  HEAD: "HeadObject",
  DELETE: "DeleteObject",
};
const BUCKET: Readonly<Record<string, string>> = {
  PUT: "CreateBucket",
  HEAD: "HeadBucket",
  DELETE: "DeleteBucket",
  GET: "ListObjectsV2",
};

/** Subresources and parameters that change what an operation means, and are not known here. */
const UNKNOWN =
  /^(acl|attributes|cors|delete|encryption|legal-hold|lifecycle|list-type-1|location|logging|object-lock|partNumber|policy|retention|select|tagging|torrent|uploadId|uploads|versionId|versioning|versions|website)$/;

export const rest: Protocol = {
  parse: (request) => {
    const url = new URL(request.path, "http://s3");
    const [bucket = "", ...key] = url.pathname.slice(1).split("/");
    const operation = nameOf(request.method, bucket, key.join("/"), url.searchParams);
    return {
      operation,
      input: {
        Bucket: decodeURIComponent(bucket),
        Key: decodeURIComponent(key.join("/")),
        ...Object.fromEntries(url.searchParams),
        ...headersOf(request),
        // Bytes as text, one character each: what is stored comes back as it was.
        Body: readStreamed(request).toString("latin1"),
      },
    };
  },
  answer: (_service, _operation, result, requestId) => {
    const { status = 200, headers = {}, body = "" } = result as RestAnswer;
    const given = Object.entries(headers).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    );
    return { status, headers: { "x-amz-request-id": requestId, ...Object.fromEntries(given) }, body };
  },
  error: (_service, { code, message, status }, requestId, request) => ({
    status,
    headers: { "content-type": "application/xml", "x-amz-request-id": requestId },
    body:
      // An answer to HEAD has no body, and 304 has none either: the status is all that the client learns.
      request.method === "HEAD" || status === 304
        ? ""
        : `${XML_HEAD}<Error><Code>${escape(code)}</Code><Message>${escape(message)}</Message>` +
          `<Resource>${escape(request.path)}</Resource><RequestId>${requestId}</RequestId></Error>`,
  }),
};

function nameOf(method: string, bucket: string, key: string, parameters: URLSearchParams): string {
  const unknown = [...parameters.keys()].find((name) => UNKNOWN.test(name));
  const name = unknown === undefined && bucket !== "" ? (key === "" ? BUCKET : OBJECT)[method] : undefined;
  if (name === undefined || (name === "ListObjectsV2" && parameters.get("list-type") !== "2")) {
    throw new AwsError(
      "NotImplemented",
      `The simulator's S3 does not know ${method} /${bucket}/${key}?${parameters.toString()}`,
      501,
    );
  }
  return name;
}

function headersOf({ headers }: HttpRequest): Input {
  return {
    IfMatch: headers["if-match"],
    IfNoneMatch: headers["if-none-match"],
    ContentType: headers["content-type"],
    ContentMD5: headers["content-md5"],
    ChecksumCRC32: headers["x-amz-checksum-crc32"],
    ChecksumSHA256: headers["x-amz-checksum-sha256"],
    Metadata: Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith("x-amz-meta-"))),
  };
}
