import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { note } from "../../../test/contract/append-many.ts";
import { instant } from "../../core/units.ts";
import { keepLine, readLine, writeOf } from "../remote/lines.ts";
import { packLines, plainJson, unpackLines } from "./events.ts";

const anyText = fc.string({ unit: "binary", maxLength: 50 });

describe("plain JSON", () => {
  test("has no character that two encoders write differently, and reads as it was", () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: "binary" }), anyText, (value, text) => {
        const whole = { value, text };
        const plain = plainJson(whole);
        expect(plain).toMatch(/^[\x20-\x7e]*$/u);
        expect(plain).not.toMatch(/[<>&]/u);
        expect(JSON.parse(plain)).toEqual(JSON.parse(JSON.stringify(whole)));
      }),
    );
  });

  test("writes a character beyond the basic plane as two", () => {
    expect(plainJson("<🚀>")).toBe(String.raw`"\u003c\ud83d\ude80\u003e"`);
  });
});

describe("lines", () => {
  test("an event comes back with its number, its time and the name of its write", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const event = note(text);
        const line = keepLine({ kind: event.kind, body: JSON.stringify(event), size: 0 }, instant(5), "w-1");
        expect(readLine(line, 3)).toEqual({ ...event, seq: 3, at: 5 });
        expect(writeOf(line)).toBe("w-1");
        expect(unpackLines(packLines([line, "", line]).base64)).toEqual([line, "", line]);
      }),
    );
  });

  test("are a fifth of the text when they are packed", () => {
    const lines = Array.from({ length: 50 }, (_, index) =>
      keepLine(
        { kind: "asked", body: JSON.stringify(note(`somebody ${index}`)), size: 0 },
        instant(index),
        "w-1",
      ),
    );
    const packed = packLines(lines);
    expect(packed.bytes).toBeLessThan(lines.join("").length / 5);
    expect(Buffer.from(packed.base64, "base64")).toHaveLength(packed.bytes);
  });
});
