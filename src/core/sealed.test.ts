import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Check, CheckPlan } from "./checks.ts";
import { sealChecks, unsealCheck } from "./sealed.ts";
import { millis } from "./units.ts";

const digestOf = (value: string) => createHash("sha256").update(value).digest("hex").slice(0, 16);

const planOf = (checks: readonly Check[]): CheckPlan => ({
  checks,
  window: { of: 3, passes: 2, consecutive: 1, interval: millis(50), jitter: 0, deadline: millis(1_000) },
  minHealthy: "all",
  identity: { by: "process" },
});

const common = { name: "ready", kind: "ready", timeout: millis(1_000) } as const;
const exec = (command: string | readonly string[]): Check => ({
  ...common,
  ask: "exec",
  exec: { command, expectExit: 0 },
});
const commandOf = (plan: CheckPlan) =>
  plan.checks.map((check) => (check.ask === "exec" ? check.exec.command : ""))[0];

const SECRETS = [
  "hunter2",
  "hunter2-extended",
  "abcdef",
  "defghi",
  "20261123",
  "{{sealed:",
  "sealed",
  "}}x",
  "$&",
];
/** Texts that are likely to hold secrets, parts of them, and what looks like a placeholder. */
const text = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ...SECRETS,
        "abc",
        "{{",
        "}}",
        "{{sealed:}}",
        "{{sealed:number}}",
        "{{sealed:00ff}}",
        "{{secret:",
        " ",
      ),
      fc.string(),
    ),
  )
  .map((parts) => parts.join(""));
const secrets = fc.array(fc.oneof(fc.constantFrom(...SECRETS), fc.string({ minLength: 1 })), {
  maxLength: 6,
});
const texts = fc.dictionary(fc.string(), text, { noNullPrototype: true });
const numbers = fc.oneof(fc.integer(), fc.constantFrom(20261123, 1.5, 120261123));
const json = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    text,
    numbers,
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(fc.string(), tie("value"), { maxKeys: 3, noNullPrototype: true }),
  ),
})).value;
const http: fc.Arbitrary<Check> = fc
  .record(
    {
      path: text,
      headers: texts,
      body: text,
      expectHeaders: texts,
      expectBody: fc.record(
        {
          contains: fc.array(text),
          matches: text,
          json: fc.dictionary(fc.string(), json, { maxKeys: 3, noNullPrototype: true }),
        },
        { requiredKeys: [] },
      ),
    },
    { requiredKeys: ["path", "headers"] },
  )
  .map((ask) => ({
    ...common,
    ask: "http",
    http: { method: "POST", status: [[200, 299]], followRedirects: 0, ...ask },
  }));
const command = fc.oneof(text, fc.array(text, { minLength: 1 })).map(exec);
const plans = fc
  .array(fc.oneof(http, command, fc.constant<Check>({ ...common, ask: "tcp", tcp: { port: 5432 } })))
  .map(planOf);

/** Every text of a plan that may hold a secret: all string values below the part that is asked. */
function textsOf(value: unknown): readonly string[] {
  if (typeof value === "string" || typeof value === "number") return [String(value)];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsOf) : [];
}

const askedTexts = (plan: CheckPlan) =>
  plan.checks.flatMap((check) => {
    if (check.ask === "exec") return textsOf(check.exec.command);
    if (check.ask === "tcp") return [];
    const { path, headers, body, expectBody, expectHeaders } = check.http;
    return textsOf([path, headers, body, expectBody, expectHeaders]);
  });

describe("sealed checks", () => {
  test("are what they were when unsealed", () => {
    fc.assert(
      fc.property(plans, secrets, (plan, values) => {
        const sealed = sealChecks(plan, values, digestOf);
        const stored = JSON.parse(JSON.stringify(sealed.plan)) as CheckPlan;
        const back = stored.checks.map((check) => unsealCheck(check, (digest) => sealed.values.get(digest)));
        expect(back.map((each) => (each.is === "unsealed" ? each.check : each))).toEqual(plan.checks);
      }),
      { numRuns: 500 },
    );
  });

  test("hold no secret outside of a placeholder", () => {
    fc.assert(
      fc.property(plans, secrets, (plan, values) => {
        const sealed = sealChecks(plan, values, digestOf);
        const pieces = askedTexts(sealed.plan).flatMap((each) =>
          each.split(/\{\{sealed:(?:number|[0-9a-f]*)\}\}/u),
        );
        for (const secret of values) expect(pieces.filter((piece) => piece.includes(secret))).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  test("name the digest that is not known", () => {
    const { plan } = sealChecks(planOf([exec(["psql", "password=hunter2"])]), ["hunter2"], digestOf);
    expect(plan.checks.map((check) => unsealCheck(check, () => undefined))).toEqual([
      { is: "unknown", digest: digestOf("hunter2") },
    ]);
  });

  test("tell which secrets were put back", () => {
    const { plan, values } = sealChecks(planOf([exec("a hunter2 hunter2")]), ["hunter2", "unused"], digestOf);
    expect([...values.values()]).toEqual(["hunter2"]);
    expect(plan.checks.map((check) => unsealCheck(check, (digest) => values.get(digest)))).toMatchObject([
      { values: ["hunter2"] },
    ]);
  });

  test.each([
    [
      "one that contains another: the whole",
      "x hunter2-extended y",
      `x {{sealed:${digestOf("hunter2-extended")}}} y`,
    ],
    ["two that overlap: both as one", "abcdefghi", `{{sealed:${digestOf("abcdefghi")}}}`],
    ["beside each other", "hunter2hunter2", `{{sealed:${digestOf("hunter2")}}}`.repeat(2)],
  ])("%s", (_, given, expected) => {
    const { plan } = sealChecks(
      planOf([exec(given)]),
      ["hunter2", "hunter2-extended", "abcdef", "defghi"],
      digestOf,
    );
    expect(commandOf(plan)).toBe(expected);
  });

  test("a text that looks sealed is no reference", () => {
    const given = `{{sealed:${digestOf("x")}}} {{secret:${digestOf("x")}}}`;
    const { plan } = sealChecks(planOf([exec(given)]), [], () => "never");
    expect(plan.checks.map((check) => unsealCheck(check, () => undefined))).toMatchObject([
      { is: "unsealed", check: { exec: { command: given } }, values: [] },
    ]);
  });
});
