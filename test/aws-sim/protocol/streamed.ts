import { AwsError } from "../kernel.ts";
import type { HttpRequest } from "./protocol.ts";

/**
 * The body of an upload. The SDK sends streams in chunks with trailing headers ("aws-chunked"):
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html; trailers (checksums) are not checked: assumed.
 */
export function readStreamed({ headers, body }: HttpRequest): Buffer {
  if (!(headers["content-encoding"] ?? "").includes("aws-chunked")) return body;
  const chunks: Buffer[] = [];
  let at = 0;
  for (;;) {
    const line = body.indexOf("\r\n", at);
    const size = line < 0 ? Number.NaN : Number.parseInt(body.subarray(at, line).toString("latin1"), 16);
    const end = line + 2 + size;
    if (Number.isNaN(size) || end > body.length) {
      throw new AwsError("IncompleteBody", "The request body terminated unexpectedly");
    }
    if (size === 0) return Buffer.concat(chunks);
    chunks.push(body.subarray(line + 2, end));
    at = end + 2;
  }
}
