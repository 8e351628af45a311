import { describe, expect, it } from "vitest";
import { between, seeded } from "../../../../test/simulation/random.ts";
import { Lines } from "./lines.ts";

const TEXT = ["{}", "ä€😀 in the middle", "x".repeat(10_000), "last"];

describe("lines", () => {
  it.each(Array.from({ length: 50 }, (_, at) => at))(
    "are the same however the bytes are cut (%i)",
    (seed) => {
      const random = seeded(seed);
      const bytes = Buffer.from(`${TEXT.join("\n")}\n\n  \nno line`);
      const lines = new Lines();
      const found: string[] = [];
      for (let from = 0; from < bytes.length;) {
        const to = from + between(random, 1, seed % 2 === 0 ? 3 : 5_000);
        found.push(...(lines.add(bytes.subarray(from, to)) ?? []));
        from = to;
      }
      expect(found).toEqual(TEXT);
    },
  );

  it("end somewhere", () => {
    const lines = new Lines();
    const answers = Array.from({ length: 17 }, () => lines.add(Buffer.alloc(1024 * 1024)));
    expect(answers).toEqual([...Array.from({ length: 16 }, () => []), undefined]);
  });
});
