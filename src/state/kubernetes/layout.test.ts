import { describe, expect, test } from "vitest";
import { row } from "../../../test/contract/history-fixture.ts";
import { deploymentId } from "../../core/units.ts";
import type { ConfigMap } from "../../targets/kubernetes/api/objects.ts";
import { firstNeeded } from "../remote/head.ts";
import type { HeadContent } from "../remote/head.ts";
import { keepRow, readRow } from "../remote/rows.ts";
import { headObject, readHead } from "./layout.ts";

const id = deploymentId("d53");
const chunk = (page: number, last: number) => ({ page, key: `53-${last}-w`, last });
const head: HeadContent = {
  environment: "production",
  state: {
    format: 1,
    turn: 4,
    write: "w-4",
    fence: 2,
    last: 53,
    page: { number: 3, size: 10 },
    open: { id, number: 53, seq: 7, size: 99, chunks: [chunk(3, 2), chunk(3, 5)] },
  },
  past: { firstPage: 2, kept: [{ id: deploymentId("d52"), chunks: [chunk(2, 9)] }] },
  tail: ["six", "seven"],
  rows: new Map([[52, "{}"]]),
};

describe("the head", () => {
  test("reads as it was written", () => {
    const object = headObject("shop", "shop", head);
    expect(Object.keys(object.data ?? {}).sort()).toEqual([
      "environment",
      "event-00006",
      "event-00007",
      "past",
      "row-00052",
      "state",
    ]);
    expect(readHead({ ...object, metadata: { ...object.metadata, uid: "u" } })).toEqual({
      ...head,
      uid: "u",
      version: object.data?.["state"],
    });
  });

  test.each([
    ["an event that is missing", { "event-00006": undefined }],
    ["no state", { state: undefined }],
    ["no past", { past: undefined }],
    ["no environment", { environment: undefined }],
    ["a state that is no JSON", { state: "{" }],
    ["a past that is no JSON", { past: "" }],
  ])("says what is wrong with it: %s", (_, change) => {
    const object = headObject("shop", "shop", head);
    const data = Object.fromEntries(
      Object.entries({ ...object.data, ...change }).filter(([, value]) => value !== undefined),
    ) as ConfigMap["data"];
    expect(readHead({ ...object, ...(data && { data }) })).toMatchObject({ wrong: expect.any(String) });
  });

  test("of a later Teal is not read", () => {
    const object = headObject("shop", "shop", head);
    expect(readHead({ ...object, data: { ...object.data, state: '{"format":2}' } })).toEqual({ format: 2 });
  });

  test("needs pages from the first that a kept or the open deployment lies in", () => {
    expect(firstNeeded(head)).toBe(2);
    expect(firstNeeded({ ...head, past: { firstPage: 2, kept: [] } })).toBe(3);
    const { open: _, ...state } = head.state;
    expect(firstNeeded({ ...head, state: { ...state, page: { number: 9, size: 0 } } })).toBe(2);
  });
});

describe("a history row", () => {
  const cause = { code: "TEAL-H101", message: "green failed", evidence: ["x".repeat(3_000)] };

  test("is kept whole while it is small", () => {
    const whole = { ...row(id, 53), cause };
    expect(readRow(keepRow(whole))).toEqual(whole);
  });

  test("loses its evidence when it is large, and only then the end of its message", () => {
    const evidence = ["x".repeat(9_000)];
    expect(readRow(keepRow({ ...row(id, 53), cause: { ...cause, evidence } }))).toEqual({
      ...row(id, 53),
      cause: { code: cause.code, message: cause.message },
    });
    const kept = readRow(
      keepRow({ ...row(id, 53), cause: { ...cause, message: "漢".repeat(9_000), evidence } }),
    );
    expect(kept.cause?.message).toMatch(/^漢+…$/u);
    expect(Buffer.byteLength(JSON.stringify(kept))).toBeLessThan(8 * 1024);
  });
});
