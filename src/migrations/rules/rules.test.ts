import { describe, expect, test } from "vitest";
import { lint } from "../lint.ts";
import { loadParser } from "../reading/parser.ts";
import { ALL_RULES } from "./index.ts";

const parser = await loadParser();
const codes = (text: string) =>
  lint([{ path: "a.sql", text }], [], parser)
    .findings.filter((one) => one.acknowledged === undefined)
    .map(({ code }) => code);

describe.each(ALL_RULES.map((rule) => [rule.code, rule] as const))("%s", (code, rule) => {
  test("finds its bad example", () => {
    expect(codes(rule.bad)).toContain(code);
  });

  test("finds nothing of its kind in its good example, which parses", () => {
    expect(codes(rule.good)).not.toContain(code);
    expect(codes(rule.good)).not.toContain("TEAL-M101");
  });

  test("explains itself in two sentences", () => {
    expect(rule.why.match(/(?<!\.)[.](?: |$)/gu)?.length ?? 0).toBe(2);
    expect(rule.title).not.toMatch(/\.$/u);
  });
});

test("no code and no name twice", () => {
  expect(new Set(ALL_RULES.map(({ code }) => code)).size).toBe(ALL_RULES.length);
  expect(new Set(ALL_RULES.map(({ name }) => name)).size).toBe(ALL_RULES.length);
});

test("what is safe to paste parses and has not the finding it is the cure of", () => {
  for (const rule of ALL_RULES)
    for (const { code, safe } of lint([{ path: "a.sql", text: rule.bad }], [], parser).findings)
      if (safe !== undefined && !/\.\.\.|\$last|\/\*/u.test(safe)) {
        expect(codes(safe), safe).not.toContain("TEAL-M101");
        expect(codes(safe), safe).not.toContain(code);
      }
});
