import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { parseStored, revisionName, storedRevision } from "./stored.ts";
import { deployment, render } from "./testing.ts";

const small = render(deployment({}));
const big = (bytes: number) =>
  render(deployment({ pod: { big: randomBytes(Math.ceil(bytes * 0.75)).toString("base64") } }), {
    settings: { service: "store", routing: { by: "service", service: "shop" }, container: "web", port: 1 },
  });

describe("a stored revision", () => {
  test("is an immutable ConfigMap named by id and configuration, readable for people", () => {
    const stored = storedRevision(small);
    expect(stored).toMatchObject({
      kind: "ConfigMap",
      immutable: true,
      metadata: {
        name: revisionName("store", small.revision),
        labels: { "teal.dev/service": "store", "teal.dev/part": "revision" },
        annotations: { "teal.dev/revision": JSON.stringify(small.revision) },
      },
    });
    expect(JSON.parse(stored?.data?.["revision.json"] ?? "")).toEqual(small);
    expect(revisionName("store", small.revision)).toMatch(/^teal-store-r-[0-9a-f]{16}$/);
    expect(revisionName("store", { ...small.revision, id: "v3" })).not.toBe(stored?.metadata.name);
  });

  test.each([
    ["small", small],
    ["packed", big(200_000)],
  ])("is read as it was written: %s", (_, rendered) => {
    const stored = storedRevision(rendered);
    if (stored === undefined) throw new Error("not stored");
    expect(parseStored(stored, rendered.revision)).toEqual({ is: "found", rendered });
  });

  test("that is large is packed; one that does not fit is not stored at all", () => {
    expect(Object.keys(storedRevision(big(200_000))?.binaryData ?? {})).toEqual(["revision.json.gz"]);
    expect(storedRevision(big(200_000))?.data).toBeUndefined();
    expect(storedRevision(big(1_500_000))).toBeUndefined();
  });
});

describe("a ConfigMap by that name that holds something else", () => {
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024)).toString("base64");
  const text = (value: unknown) => ({ data: { "revision.json": JSON.stringify(value) } });
  test.each([
    ["nothing", {}, "it has no revision.json"],
    ["no JSON", { data: { "revision.json": "{" } }, "JSON"],
    ["null", text(null), "no object"],
    ["no gzip", { binaryData: { "revision.json.gz": "AAAA" } }, "header"],
    ["a bomb", { binaryData: { "revision.json.gz": bomb } }, "larger than"],
    ["a later format", text({ ...small, format: 2 }), "does not know format 2"],
    [
      "another revision",
      text({ ...small, revision: { id: "v9", config: "0" } }),
      "it holds another revision",
    ],
  ])("is unreadable: %s", (_, content, why) => {
    const stored = { metadata: { name: "teal-store-r-1" }, ...content };
    const read = parseStored(stored, small.revision);
    expect(read.is).toBe("unreadable");
    expect(read).toMatchObject({
      cause: { code: "TEAL-K231", message: expect.stringContaining(why) as string },
    });
  });
});
