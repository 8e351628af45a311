import fc from "fast-check";
import { expect, test } from "vitest";
import { FACTS_BOUND, boundEvent, jsonSize } from "./bounds.ts";
import type { Sample } from "./checks.ts";
import type { Happening, VerdictFacts } from "./journal.ts";
import { millis } from "./units.ts";

function verdict(facts: VerdictFacts) {
  return {
    kind: "verdict",
    dir: "forward",
    of: "probe",
    result: "fail",
    then: "back",
    facts,
  } as const satisfies Happening;
}

function sample(attempt: number, result: Sample["result"]): Sample {
  return {
    check: "ready",
    replica: "green-1",
    incarnation: "1",
    attempt,
    took: millis(3),
    result,
    excerpt: "x".repeat(200),
  };
}

test("facts within the bound stay as they are", () => {
  const event = verdict({ summary: "/health 200", log: ["a"], numbers: { p: 0.5 } });
  expect(boundEvent(event)).toBe(event);
});

test("failures and the last log lines stay before passes and earlier lines", () => {
  const samples = [...Array.from({ length: 40 }, (_, index) => sample(index, "pass")), sample(40, "fail")];
  const log = Array.from({ length: 200 }, (_, index) => `line ${index} ${"y".repeat(40)}`);
  const { facts } = boundEvent<Happening & { kind: "verdict" }>(verdict({ summary: "s", samples, log }));
  expect(facts.samples?.map((each) => each.attempt)).toContain(40);
  expect(facts.samples?.length).toBeLessThan(41);
  expect(facts.log?.at(-1)).toBe(log.at(-1));
  expect(facts.log).toEqual(log.slice(-(facts.log?.length ?? 0)));
});

test("whatever the facts are, they fit afterwards", () => {
  const text = fc.string({ unit: "binary", maxLength: 6_000 });
  const facts = fc.record({
    summary: text,
    samples: fc.array(
      fc.record({ excerpt: text }).map(({ excerpt }) => ({ ...sample(1, "fail"), excerpt })),
      { maxLength: 20 },
    ),
    log: fc.array(text, { maxLength: 20 }),
    numbers: fc.dictionary(text, fc.double({ noNaN: true, noDefaultInfinity: true }), { maxKeys: 50 }),
  });
  fc.assert(
    fc.property(facts, (each) => {
      const bounded = boundEvent<Happening & { kind: "verdict" }>(verdict(each)).facts;
      expect(Buffer.byteLength(JSON.stringify(bounded))).toBeLessThanOrEqual(FACTS_BOUND);
      expect(jsonSize(each)).toBe(Buffer.byteLength(JSON.stringify(each)));
    }),
    { numRuns: 200 },
  );
});
