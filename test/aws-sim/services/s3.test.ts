import { Readable } from "node:stream";
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  paginateListObjectsV2,
  PutObjectCommand,
  S3Client,
  type PutObjectCommandInput,
} from "@aws-sdk/client-s3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { smallWorld, type SmallWorld } from "../small-world.ts";
import { createS3, type S3World } from "./s3.ts";

let small: SmallWorld;
let inside: S3World;
let s3: S3Client;

beforeEach(async () => {
  small = await smallWorld((world) => {
    const made = createS3(world);
    inside = made.world;
    return [made.service];
  });
  inside.createBucket("state");
  s3 = small.client(S3Client);
});

afterEach(() => small.stop());

const put = (Key: string, Body: string, conditions: Partial<PutObjectCommandInput> = {}) =>
  s3.send(new PutObjectCommand({ Bucket: "state", Key, Body, ...conditions }));
const get = async (Key: string) => {
  const answer = await s3.send(new GetObjectCommand({ Bucket: "state", Key }));
  return answer.Body!.transformToString();
};

test("there and back: any key, any character, its tag and its metadata", async () => {
  const key = "teal/a b+c/ü%2F#?.json";
  const { ETag: tag } = await put(key, "grün <&>\r\n\u0000", {
    ContentType: "application/json",
    Metadata: { by: "run-1" },
  });
  expect(tag).toMatch(/^"[0-9a-f]{32}"$/);
  expect(await get(key)).toBe("grün <&>\r\n\u0000");
  const head = await s3.send(new HeadObjectCommand({ Bucket: "state", Key: key }));
  expect(head).toMatchObject({
    ETag: tag,
    ContentType: "application/json",
    Metadata: { by: "run-1" },
    ContentLength: Buffer.byteLength("grün <&>\r\n\u0000"),
  });
  expect([...inside.objects("state").keys()]).toEqual([key]);
});

test("a stream in chunks, as the SDK sends it, arrives whole", async () => {
  const text = "abcdefgh".repeat(20_000);
  await s3.send(
    new PutObjectCommand({
      Bucket: "state",
      Key: "big",
      Body: Readable.from([Buffer.from(text)]),
      ContentLength: text.length,
    }),
  );
  expect(await get("big")).toBe(text);
  expect(small.recorded[0]!.raw.request.headers["content-encoding"]).toContain("aws-chunked");
});

test("If-None-Match: only where there is nothing", async () => {
  await put("lease", "a", { IfNoneMatch: "*" });
  await expect(put("lease", "b", { IfNoneMatch: "*" })).rejects.toMatchObject({
    name: "PreconditionFailed",
    $metadata: { httpStatusCode: 412 },
  });
  expect(await get("lease")).toBe("a");
  await expect(put("lease", "b", { IfNoneMatch: '"tag"' })).rejects.toMatchObject({ name: "NotImplemented" });
});

test("If-Match: only over what was read", async () => {
  const { ETag: first } = await put("lease", "a");
  const { ETag: second } = await put("lease", "b", { IfMatch: first });
  expect(second).not.toBe(first);
  await expect(put("lease", "c", { IfMatch: first })).rejects.toMatchObject({ name: "PreconditionFailed" });
  await expect(put("none", "c", { IfMatch: first })).rejects.toMatchObject({
    name: "NoSuchKey",
    $metadata: { httpStatusCode: 404 },
  });
  expect(await get("lease")).toBe("b");
});

test("delete: with the right tag only, and twice without harm", async () => {
  const { ETag: tag } = await put("lease", "a");
  const remove = (IfMatch?: string) =>
    s3.send(
      new DeleteObjectCommand({ Bucket: "state", Key: "lease", ...(IfMatch !== undefined && { IfMatch }) }),
    );
  await expect(remove('"0123"')).rejects.toMatchObject({ name: "PreconditionFailed" });
  await remove(tag);
  await expect(remove(tag)).rejects.toMatchObject({ name: "PreconditionFailed" });
  await remove();
  expect(inside.objects("state").size).toBe(0);
});

test("reads with conditions", async () => {
  const { ETag: tag } = await put("a", "1");
  const read = (condition: object) =>
    s3.send(new GetObjectCommand({ Bucket: "state", Key: "a", ...condition }));
  await expect(read({ IfNoneMatch: tag })).rejects.toMatchObject({ $metadata: { httpStatusCode: 304 } });
  await expect(read({ IfMatch: '"x"' })).rejects.toMatchObject({ $metadata: { httpStatusCode: 412 } });
  await expect(read({ Key: "b" })).rejects.toMatchObject({ name: "NoSuchKey" });
  await expect(read({ Bucket: "other" })).rejects.toMatchObject({ name: "NoSuchBucket" });
});

test("of twenty that create at once exactly one does, 20 times over", async () => {
  for (let race = 0; race < 20; race += 1) {
    const tries = Array.from({ length: 20 }, (_, n) => put(`race-${race}`, `${n}`, { IfNoneMatch: "*" }));
    const outcomes = await Promise.allSettled(tries);
    const winners = outcomes.flatMap((outcome, n) => (outcome.status === "fulfilled" ? [`${n}`] : []));
    expect(winners).toEqual([inside.objects("state").get(`race-${race}`)]);
  }
});

test("of twenty that follow the same version exactly one does; the others hear 412, or 409 when they were overtaken", async () => {
  const codes = new Set<string>();
  let { ETag: tag } = await put("journal", "0");
  for (let race = 0; race < 20; race += 1) {
    const tries = Array.from({ length: 20 }, (_, n) => put("journal", `${race}/${n}`, { IfMatch: tag }));
    const outcomes = await Promise.allSettled(tries);
    const won = outcomes.filter((outcome) => outcome.status === "fulfilled");
    expect(won).toHaveLength(1);
    tag = won[0]!.value.ETag;
    for (const outcome of outcomes) if (outcome.status === "rejected") codes.add(outcome.reason.name);
  }
  expect(
    [...codes].filter((code) => !["PreconditionFailed", "ConditionalRequestConflict"].includes(code)),
  ).toEqual([]);
  expect(codes).toContain("ConditionalRequestConflict");
});

test("lists by key, page by page", async () => {
  const keys = Array.from({ length: 25 }, (_, n) => `teal/${String(n).padStart(2, "0")}`);
  await Promise.all([...keys, "other"].map((key) => put(key, key)));
  const pages: string[][] = [];
  for await (const page of paginateListObjectsV2(
    { client: s3, pageSize: 10 },
    { Bucket: "state", Prefix: "teal/" },
  )) {
    pages.push(page.Contents!.map((entry) => entry.Key!));
  }
  expect(pages.map((page) => page.length)).toEqual([10, 10, 5]);
  expect(pages.flat()).toEqual(keys);
  const after = await s3.send(new ListObjectsV2Command({ Bucket: "state", StartAfter: "teal/22" }));
  expect(after.Contents!.map(({ Key, Size }) => [Key, Size])).toEqual([
    ["teal/23", 7],
    ["teal/24", 7],
  ]);
});

test("buckets", async () => {
  await s3.send(new CreateBucketCommand({ Bucket: "more" }));
  await expect(s3.send(new CreateBucketCommand({ Bucket: "more" }))).rejects.toMatchObject({
    name: "BucketAlreadyOwnedByYou",
  });
  await s3.send(new HeadBucketCommand({ Bucket: "more" }));
  await expect(s3.send(new HeadBucketCommand({ Bucket: "none" }))).rejects.toMatchObject({
    name: "NotFound",
  });
  await put("a", "1");
  await expect(s3.send(new DeleteBucketCommand({ Bucket: "state" }))).rejects.toMatchObject({
    name: "BucketNotEmpty",
  });
  await s3.send(new DeleteBucketCommand({ Bucket: "more" }));
  await expect(s3.send(new GetObjectTaggingCommand({ Bucket: "state", Key: "a" }))).rejects.toMatchObject({
    name: "NotImplemented",
  });
});

test("policies: prefixes, reading for conditions, and what absence looks like", async () => {
  const object = "arn:aws:s3:::state/teal/*";
  const writer = small.client(
    S3Client,
    small.allowed({ Effect: "Allow", Action: ["s3:PutObject"], Resource: object }),
  );
  const write = (Key: string, IfMatch?: string) =>
    writer.send(
      new PutObjectCommand({ Bucket: "state", Key, Body: "x", ...(IfMatch !== undefined && { IfMatch }) }),
    );
  const { ETag: tag } = await write("teal/a");
  await expect(write("other/a")).rejects.toMatchObject({ name: "AccessDenied" });
  await expect(write("teal/a", tag)).rejects.toMatchObject({
    message: expect.stringContaining("s3:GetObject"),
  });

  const reads = { Effect: "Allow", Action: "s3:GetObject", Resource: object };
  const lists = { Effect: "Allow", Action: "s3:ListBucket", Resource: "arn:aws:s3:::state" };
  const absent = new GetObjectCommand({ Bucket: "state", Key: "teal/none" });
  await expect(small.client(S3Client, small.allowed(reads)).send(absent)).rejects.toMatchObject({
    name: "AccessDenied",
  });
  await expect(small.client(S3Client, small.allowed(reads, lists)).send(absent)).rejects.toMatchObject({
    name: "NoSuchKey",
  });
});
