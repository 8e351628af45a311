import type * as Sdk from "@aws-sdk/client-s3";
import type { S3Client } from "@aws-sdk/client-s3";
import { REQUEST_WITHIN } from "../remote/tries.ts";
import { faultOf, thrownOf } from "./faults.ts";
import type { Request } from "./faults.ts";

/** The version of an object, as S3 tells it. */
export type Tag = string;

export type Found =
  | { readonly is: "object"; readonly text: string; readonly tag: Tag }
  | { readonly is: "unchanged" | "absent" };
export type Written = { readonly is: "written"; readonly tag: Tag } | { readonly is: "changed" };

/** How an answer that is no error for the caller looks: with its status and, where one status has several meanings, its code. */
type Expected<T> = (status: number, code: string) => T | undefined;

/**
 * The objects under a prefix of a bucket. Every write carries a condition, so a bucket's policy may demand that. Faults
 * are thrown; each request is sent once and ends within `REQUEST_WITHIN`.
 */
export class Bucket {
  readonly #client: () => Promise<S3Client>;
  readonly #bucket: string;
  readonly #prefix: string;

  /** @param prefix ends with a slash, or is empty. */
  constructor(client: () => Promise<S3Client>, bucket: string, prefix: string) {
    this.#client = client;
    this.#bucket = bucket;
    this.#prefix = prefix;
  }

  /** For people: `s3://bucket/prefix`. */
  get place(): string {
    return `s3://${this.#bucket}/${this.#prefix}`.replace(/\/$/u, "");
  }

  /** @param known answers `unchanged` if this is what is there. */
  async get(key: string, known?: Tag, signal?: AbortSignal): Promise<Found> {
    return this.#send<Found>(
      { action: "s3:GetObject", key },
      async (client, sdk, abortSignal) => {
        const input = { ...this.#at(key), ...(known !== undefined && { IfNoneMatch: known }) };
        const answer = await client.send(new sdk.GetObjectCommand(input), { abortSignal });
        return { is: "object", text: (await answer.Body?.transformToString()) ?? "", tag: answer.ETag ?? "" };
      },
      (status, code) => {
        if (status === 304) return { is: "unchanged" };
        return code === "NoSuchKey" ? { is: "absent" } : undefined;
      },
      signal,
    );
  }

  /**
   * Writes an object over exactly what the caller saw there; undefined: nothing.
   * @returns `changed` when something else is there, or nothing where something was.
   */
  async put(key: string, content: unknown, over: Tag | undefined): Promise<Written> {
    const condition = over === undefined ? { IfNoneMatch: "*" } : { IfMatch: over };
    return this.#send<Written>(
      { action: "s3:PutObject", key },
      async (client, sdk, abortSignal) => {
        const Body = JSON.stringify(content);
        const input = { ...this.#at(key), ...condition, Body, ContentType: "application/json" };
        const answer = await client.send(new sdk.PutObjectCommand(input), { abortSignal });
        return { is: "written", tag: answer.ETag ?? "" };
      },
      // 412: the condition does not hold. 404 NoSuchKey: what was to be overwritten is gone. S3 User Guide,
      // "Conditional write behavior".
      (status, code) => (status === 412 || code === "NoSuchKey" ? { is: "changed" } : undefined),
    );
  }

  /** The first keys (1000 at most) below `under`, in their order. */
  async list(under: string): Promise<{ readonly keys: readonly string[]; readonly complete: boolean }> {
    return this.#send({ action: "s3:ListBucket", key: under }, async (client, sdk, abortSignal) => {
      const input = { Bucket: this.#bucket, Prefix: `${this.#prefix}${under}` };
      const answer = await client.send(new sdk.ListObjectsV2Command(input), { abortSignal });
      const keys = (answer.Contents ?? []).map(({ Key = "" }) => Key.slice(this.#prefix.length));
      return { keys, complete: answer.IsTruncated !== true };
    });
  }

  /** One that is gone already is no fault. */
  async remove(key: string): Promise<void> {
    await this.#send({ action: "s3:DeleteObject", key }, (client, sdk, abortSignal) =>
      client.send(new sdk.DeleteObjectCommand(this.#at(key)), { abortSignal }),
    );
  }

  #at(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket, Key: `${this.#prefix}${key}` };
  }

  async #send<T>(
    request: Request,
    act: (client: S3Client, sdk: typeof Sdk, signal: AbortSignal) => Promise<T>,
    expected: Expected<T> = () => undefined,
    signal?: AbortSignal,
  ): Promise<T> {
    try {
      const [sdk, client] = await Promise.all([import("@aws-sdk/client-s3"), this.#client()]);
      const within = AbortSignal.timeout(REQUEST_WITHIN);
      return await act(client, sdk, signal === undefined ? within : AbortSignal.any([signal, within]));
    } catch (error) {
      const thrown = thrownOf(error);
      const answer = thrown.status === undefined ? undefined : expected(thrown.status, thrown.name);
      if (answer !== undefined) return answer;
      throw faultOf(this.place, this.#bucket, request, thrown);
    }
  }
}
