import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { HttpRequest } from "../protocol/protocol.ts";

/* AWS Signature Version 4: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html */

/** What the Authorization header says, before anything is checked. */
export interface Signed {
  readonly accessKeyId: string;
  readonly date: string;
  readonly region: string;
  readonly service: string;
  readonly headers: readonly string[];
  readonly signature: string;
}

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([^/,]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/;

export function readSigned(request: HttpRequest): Signed | undefined {
  const found = AUTHORIZATION.exec(request.headers["authorization"] ?? "");
  if (found === null) return undefined;
  const [, accessKeyId, date, region, service, headers, signature] = found as unknown as string[];
  return {
    accessKeyId: accessKeyId!,
    date: date!,
    region: region!,
    service: service!,
    headers: headers!.split(";"),
    signature: signature!,
  };
}

/** Whether the secret's holder signed just this message: method, path, the signed headers, the body. */
export function verifies(request: HttpRequest, signed: Signed, secret: string): boolean {
  const declared = request.headers["x-amz-content-sha256"];
  const payload = declared ?? sha256(request.body);
  // S3 lets a client declare the hash; a streamed or unsigned body has a word there instead.
  if (/^[0-9a-f]{64}$/.test(payload) && payload !== sha256(request.body)) return false;
  const scope = `${signed.date}/${signed.region}/${signed.service}/aws4_request`;
  const toSign = [
    "AWS4-HMAC-SHA256",
    request.headers["x-amz-date"] ?? "",
    scope,
    sha256(canonical(request, signed, payload)),
  ].join("\n");
  const key = [signed.date, signed.region, signed.service, "aws4_request"].reduce<Buffer | string>(
    (from, part) => hmac(from, part),
    `AWS4${secret}`,
  );
  return timingSafeEqual(hmac(key, toSign), Buffer.from(signed.signature, "hex"));
}

function canonical(request: HttpRequest, signed: Signed, payload: string): string {
  const cut = request.path.indexOf("?");
  const path = cut < 0 ? request.path : request.path.slice(0, cut);
  const query = cut < 0 ? "" : request.path.slice(cut + 1);
  return [
    request.method,
    // Every service but S3 encodes the path once more.
    signed.service === "s3" ? path : path.split("/").map(encode).join("/"),
    canonicalQuery(query),
    ...signed.headers.map((name) => `${name}:${(request.headers[name] ?? "").trim().replaceAll(/ +/g, " ")}`),
    "",
    signed.headers.join(";"),
    payload,
  ].join("\n");
}

function canonicalQuery(query: string): string {
  return query
    .split("&")
    .filter((pair) => pair !== "")
    .map((pair) => {
      const [name, ...rest] = pair.split("=");
      return [encode(decodeURIComponent(name!)), encode(decodeURIComponent(rest.join("=")))] as const;
    })
    .toSorted(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : x > y ? 1 : 0))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
}

/** `encodeURIComponent` leaves some characters that RFC 3986 reserves. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function sha256(data: Buffer | string): string {
  return createHash("sha256").update(data).digest("hex");
}

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
