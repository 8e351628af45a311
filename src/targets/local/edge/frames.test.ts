import fc from "fast-check";
import { expect, test } from "vitest";
import { Frames } from "./frames.ts";

function frame(payload: number, masked: boolean): Buffer {
  const length =
    payload < 126
      ? [payload]
      : payload < 65_536
        ? [126, payload >> 8, payload & 255]
        : [127, 0, 0, 0, 0, 0, payload >> 16, (payload >> 8) & 255, payload & 255];
  if (masked) length[0] = (length[0] as number) | 0x80;
  return Buffer.concat([
    Buffer.from([0x82, ...length]),
    Buffer.alloc(masked ? 4 : 0, 7),
    Buffer.alloc(payload, 0x88),
  ]);
}

const frames = fc.array(
  fc.record({
    payload: fc.oneof(fc.nat(300), fc.constantFrom(0, 125, 126, 65_535, 65_536)),
    masked: fc.boolean(),
  }),
  { minLength: 1, maxLength: 6 },
);

test("a boundary is found exactly at the end of each frame, however the bytes arrive", () => {
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 9_000 }), { minLength: 1 }), (list, sizes) => {
      const parts = list.map(({ payload, masked }) => frame(payload, masked));
      const bytes = Buffer.concat(parts);
      const ends = new Set(
        parts.map((_, index) => parts.slice(0, index + 1).reduce((sum, part) => sum + part.length, 0)),
      );
      const follower = new Frames();
      for (let at = 0, turn = 0; at < bytes.length; turn++) {
        const chunk = bytes.subarray(at, at + (sizes[turn % sizes.length] as number));
        at += follower.pass(chunk);
        expect(follower.atBoundary).toBe(ends.has(at));
      }
    }),
    { numRuns: 200 },
  );
});

test("asked for the boundary, it stops at the end of the frame it is in", () => {
  const follower = new Frames();
  const [first, second] = [frame(10, false), frame(300, true)];
  expect(follower.pass(first.subarray(0, 5))).toBe(5);
  expect(follower.pass(Buffer.concat([first.subarray(5), second]), true)).toBe(first.length - 5);
  expect(follower.atBoundary).toBe(true);
});
