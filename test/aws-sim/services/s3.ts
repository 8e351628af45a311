import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { HiddenError } from "../iam/hidden.ts";
import { AwsError, type Input, type Operation, type Service, type World } from "../kernel.ts";
import { pageByKey } from "../pagination.ts";
import type { RestAnswer } from "../protocol/rest.ts";
import { escape, XML_HEAD } from "../protocol/xml.ts";

/* Buckets and objects, with conditions: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html */

interface Stored {
  readonly body: Buffer;
  readonly etag: string;
  readonly type: string;
  readonly at: number;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Objects by key, by bucket. */
type Buckets = Map<string, Map<string, Stored>>;

/** What a test may look at, and do as a foreign hand. */
export interface S3World {
  createBucket(name: string): void;
  /** Keys and bodies. */
  objects(bucket: string): ReadonlyMap<string, string>;
}

/** An upload takes up to so long (ms of the world) until it is there: the window in which others come between. */
const UPLOAD = 20;

export function createS3(world: World): { readonly service: Service; readonly world: S3World } {
  const buckets: Buckets = new Map();
  const chance = world.chance.fork("s3");
  const written = () => world.clock.sleep(chance.next() * UPLOAD);
  const service: Service = {
    name: "s3",
    protocol: "rest",
    namespace: "http://s3.amazonaws.com/doc/2006-03-01/",
    tagsOf: () => undefined,
    operations: {
      CreateBucket: createBucket(buckets),
      HeadBucket: operation("s3:ListBucket", false, bucketArn, (input) => (bucketOf(buckets, input), {})),
      DeleteBucket: deleteBucket(buckets),
      ListObjectsV2: operation("s3:ListBucket", false, bucketArn, (input) =>
        listed(bucketOf(buckets, input), input),
      ),
      PutObject: {
        ...operation("s3:PutObject", true, objectArn, (input) =>
          put(world, bucketOf(buckets, input), input, written),
        ),
        also: needsReading,
      },
      GetObject: operation("s3:GetObject", false, objectArn, (input) => got(bucketOf(buckets, input), input)),
      HeadObject: operation("s3:GetObject", false, objectArn, (input) =>
        got(bucketOf(buckets, input), input),
      ),
      DeleteObject: {
        ...operation("s3:DeleteObject", true, objectArn, (input) => removed(bucketOf(buckets, input), input)),
        also: needsReading,
      },
    },
  };
  return {
    service,
    world: {
      createBucket: (name) => void buckets.set(name, new Map()),
      objects: (name) =>
        new Map([...(buckets.get(name) ?? [])].map(([key, { body }]) => [key, body.toString()])),
    },
  };
}

/** conditional-writes.html and conditional-deletes.html: whoever compares ETags must be allowed to read them. */
function needsReading(input: Input): ReturnType<NonNullable<Operation["also"]>> {
  return input["IfMatch"] === undefined ? [] : [{ action: "s3:GetObject", resources: objectArn(input) }];
}

/**
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel: reads after writes are strongly
 * consistent, so nothing here looks at `seenAt`.
 */
function operation(
  action: string,
  mutating: boolean,
  resources: (input: Input) => readonly string[],
  handle: (input: Input) => RestAnswer | Promise<RestAnswer>,
): Operation {
  return { action, mutating, resources, handle };
}

function bucketArn(input: Input): readonly string[] {
  return [`arn:aws:s3:::${text(input, "Bucket")}`];
}

function objectArn(input: Input): readonly string[] {
  return [`arn:aws:s3:::${text(input, "Bucket")}/${text(input, "Key")}`];
}

function createBucket(buckets: Buckets): Operation {
  return operation("s3:CreateBucket", true, bucketArn, (input) => {
    const name = text(input, "Bucket");
    // https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html: errors
    if (buckets.has(name)) {
      throw new AwsError(
        "BucketAlreadyOwnedByYou",
        "Your previous request to create the named bucket succeeded.",
        409,
      );
    }
    buckets.set(name, new Map());
    return { headers: { location: `/${name}` } };
  });
}

function deleteBucket(buckets: Buckets): Operation {
  return operation("s3:DeleteBucket", true, bucketArn, (input) => {
    // https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucket.html: all objects must be deleted before
    if (bucketOf(buckets, input).size > 0) {
      throw new AwsError("BucketNotEmpty", "The bucket you tried to delete is not empty", 409);
    }
    buckets.delete(text(input, "Bucket"));
    return { status: 204 };
  });
}

function bucketOf(buckets: Buckets, input: Input): Map<string, Stored> {
  const found = buckets.get(text(input, "Bucket"));
  if (found === undefined) throw new AwsError("NoSuchBucket", "The specified bucket does not exist", 404);
  return found;
}

/**
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html: of several writes with `If-None-Match: *`
 * the first to finish wins, the others get 412; 409 when a delete came between. With `If-Match`: 412 when the ETag differs,
 * 404 when there is no such object, 409 when another write came between.
 */
async function put(
  world: World,
  bucket: Map<string, Stored>,
  input: Input,
  written: () => Promise<void>,
): Promise<RestAnswer> {
  const key = text(input, "Key");
  const body = Buffer.from(text(input, "Body"), "latin1");
  checkIntegrity(body, input);
  const before = bucket.get(key);
  checkWrite(before, input);
  await written();
  const now = bucket.get(key);
  if (now !== before && conditional(input)) {
    if (optional(input, "IfMatch") !== undefined && now !== undefined) throw conflict();
    if (optional(input, "IfNoneMatch") !== undefined && now === undefined) throw conflict();
    checkWrite(now, input);
  }
  const stored: Stored = {
    body,
    // https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html: the MD5 of a plain upload
    etag: `"${createHash("md5").update(body).digest("hex")}"`,
    type: optional(input, "ContentType") ?? "binary/octet-stream",
    at: world.clock.now(),
    metadata: (input["Metadata"] ?? {}) as Record<string, string>,
  };
  bucket.set(key, stored);
  return { headers: { etag: stored.etag } };
}

function conditional(input: Input): boolean {
  return optional(input, "IfMatch") !== undefined || optional(input, "IfNoneMatch") !== undefined;
}

function checkWrite(stored: Stored | undefined, input: Input): void {
  const match = optional(input, "IfMatch");
  const none = optional(input, "IfNoneMatch");
  // https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html: If-None-Match expects the '*' character
  if (none !== undefined && none !== "*") {
    throw new AwsError(
      "NotImplemented",
      "A header you provided implies functionality that is not implemented",
      501,
    );
  }
  if (none !== undefined && stored !== undefined) throw preconditionFailed();
  if (match === undefined) return;
  if (stored === undefined) throw new AwsError("NoSuchKey", "The specified key does not exist.", 404);
  if (!sameTag(match, stored.etag)) throw preconditionFailed();
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html; 412 for an object that is not there: assumed (RFC 9110). */
function removed(bucket: Map<string, Stored>, input: Input): RestAnswer {
  const stored = bucket.get(text(input, "Key"));
  const match = optional(input, "IfMatch");
  if (match !== undefined && (stored === undefined || !sameTag(match, stored.etag)))
    throw preconditionFailed();
  bucket.delete(text(input, "Key"));
  return { status: 204 };
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-reads.html */
function got(bucket: Map<string, Stored>, input: Input): RestAnswer {
  const stored = bucket.get(text(input, "Key"));
  if (stored === undefined) {
    // https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html: without s3:ListBucket, absence looks like a refusal
    throw new HiddenError(
      "s3:ListBucket",
      bucketArn(input)[0]!,
      "NoSuchKey",
      "The specified key does not exist.",
      404,
    );
  }
  const match = optional(input, "IfMatch");
  const none = optional(input, "IfNoneMatch");
  if (match !== undefined && !sameTag(match, stored.etag)) throw preconditionFailed();
  if (none !== undefined && sameTag(none, stored.etag))
    throw new AwsError("NotModified", "Not Modified", 304);
  return {
    headers: {
      etag: stored.etag,
      "content-type": stored.type,
      "content-length": String(stored.body.length),
      "last-modified": new Date(stored.at).toUTCString(),
      "accept-ranges": "bytes",
      ...stored.metadata,
    },
    body: stored.body,
  };
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html: by key, at most 1000 a page */
function listed(bucket: Map<string, Stored>, input: Input): RestAnswer {
  const prefix = optional(input, "prefix") ?? "";
  const size = Math.min(1_000, Number(optional(input, "max-keys") ?? 1_000));
  if (optional(input, "delimiter") !== undefined) {
    throw new AwsError("NotImplemented", "The simulator's S3 lists without delimiter", 501);
  }
  const after = optional(input, "start-after") ?? "";
  const page = pageByKey(
    [...bucket].filter(([key]) => key.startsWith(prefix) && key > after),
    { key: ([key]) => key, token: optional(input, "continuation-token"), size, invalid: "InvalidArgument" },
  );
  const contents = page.items.map(
    ([key, { etag, body, at }]) =>
      `<Contents><Key>${escape(key)}</Key><LastModified>${new Date(at).toISOString()}</LastModified><ETag>${escape(etag)}</ETag>` +
      `<Size>${body.length}</Size><StorageClass>STANDARD</StorageClass></Contents>`,
  );
  return {
    headers: { "content-type": "application/xml" },
    body:
      `${XML_HEAD}<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>${escape(text(input, "Bucket"))}</Name>` +
      `<Prefix>${escape(prefix)}</Prefix><KeyCount>${page.items.length}</KeyCount><MaxKeys>${size}</MaxKeys>` +
      `<IsTruncated>${page.next !== undefined}</IsTruncated>` +
      (page.next === undefined ? "" : `<NextContinuationToken>${page.next}</NextContinuationToken>`) +
      `${contents.join("")}</ListBucketResult>`,
  };
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html */
function checkIntegrity(body: Buffer, input: Input): void {
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crc32(body));
  const sums: readonly [name: string, sum: string][] = [
    ["ChecksumCRC32", crc.toString("base64")],
    ["ChecksumSHA256", createHash("sha256").update(body).digest("base64")],
    ["ContentMD5", createHash("md5").update(body).digest("base64")],
  ];
  const wrong = sums.find(
    ([name, sum]) => optional(input, name) !== undefined && optional(input, name) !== sum,
  );
  if (wrong !== undefined) {
    throw new AwsError("BadDigest", `The ${wrong[0]} you specified did not match the calculated checksum.`);
  }
}

function sameTag(asked: string, etag: string): boolean {
  return asked === "*" || asked.replaceAll('"', "") === etag.replaceAll('"', "");
}

function preconditionFailed(): AwsError {
  return new AwsError(
    "PreconditionFailed",
    "At least one of the pre-conditions you specified did not hold",
    412,
  );
}

function conflict(): AwsError {
  return new AwsError(
    "ConditionalRequestConflict",
    "The conditional request cannot succeed due to a conflicting operation against this resource.",
    409,
  );
}

function text(input: Input, name: string): string {
  return optional(input, name) ?? "";
}

function optional(input: Input, name: string): string | undefined {
  const value = input[name];
  return typeof value === "string" ? value : undefined;
}
