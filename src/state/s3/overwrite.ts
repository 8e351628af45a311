import { Fault } from "../remote/tries.ts";
import type { Bucket, Tag } from "./bucket.ts";
import { tooBusy } from "./causes.ts";

/**
 * Writes an object over what was seen, or where nothing was (`undefined`). Throws a fault when something else is there.
 * @param known is put in doubt by a write that failed.
 */
export async function overwrite(
  bucket: Bucket,
  known: { doubt(): void } | undefined,
  key: string,
  content: unknown,
  seen: Tag | undefined,
): Promise<Tag> {
  try {
    const answer = await bucket.put(key, content, seen);
    if (answer.is === "changed") throw new Fault(tooBusy(bucket.place, key), "at once");
    return answer.tag;
  } catch (error) {
    known?.doubt();
    throw error;
  }
}
