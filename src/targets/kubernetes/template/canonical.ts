import { createHmac } from "node:crypto";

/** JSON that is equal for equal values: keys sorted, nothing undefined. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/**
 * 16 hex digits that tell values apart without telling what is in them: who has not the key cannot find a secret by
 * trying likely ones.
 */
export function keyedDigest(key: Uint8Array, value: unknown): string {
  return createHmac("sha256", key).update(canonicalJson(value)).digest("hex").slice(0, 16);
}
