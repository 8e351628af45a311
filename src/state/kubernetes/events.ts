/**
 * JSON of printable ASCII without `<`, `>` and `&`. The `test` of a JSON patch compares encoded bytes, and the API
 * server's encoder escapes what ours does not: of such a text both make the same bytes.
 */
export function plainJson(value: unknown): string {
  return JSON.stringify(value).replace(/[^\x20-\x7e]|[<>&]/gu, (character) =>
    Array.from(
      { length: character.length },
      (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`,
    ).join(""),
  );
}

/** Lines as they lie in a page: base64 of their compressed JSON, which is a fifth of the text. */
export function packLines(lines: readonly string[]): { readonly base64: string; readonly bytes: number } {
  const packed = zlib().gzipSync(JSON.stringify(lines));
  return { base64: packed.toString("base64"), bytes: packed.length };
}

export function unpackLines(base64: string): readonly string[] {
  return JSON.parse(zlib().gunzipSync(Buffer.from(base64, "base64")).toString("utf8")) as string[];
}

/** Not imported: most commands never unpack anything. */
function zlib() {
  return process.getBuiltinModule("node:zlib");
}
