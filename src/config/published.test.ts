import { Ajv2020 } from "ajv/dist/2020.js";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse as parseYaml } from "yaml";
import { jsonSchema, type JsonSchema } from "./json-schema.ts";
import { loadConfig } from "./load.ts";
import { formatProblems } from "./problem.ts";
import { withReference } from "./reference.ts";

const ROOT = join(import.meta.dirname, "../..");
const PAGE = readFileSync(join(ROOT, "docs/configuration.md"), "utf8");
const validate = new Ajv2020({ strict: false, allErrors: true }).compile(
  JSON.parse(readFileSync(join(ROOT, "schema/teal.schema.json"), "utf8")) as object,
);

/** Every example of the page that is a whole file. */
const EXAMPLES = [...PAGE.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text!);
const FILES = globSync("examples/**/teal.yaml", { cwd: ROOT, exclude: ["**/node_modules/**"] });

describe("what is checked in is what `npm run schema` writes", () => {
  test("schema/teal.schema.json", () => {
    expect(JSON.parse(readFileSync(join(ROOT, "schema/teal.schema.json"), "utf8"))).toEqual(jsonSchema());
  });
  test("the table of keys in docs/configuration.md", () => {
    expect(PAGE).toBe(withReference(PAGE, jsonSchema()));
  });
});

test("every key has a description", () => {
  const bare: string[] = [];
  const walk = (node: JsonSchema, path: string): void => {
    for (const [key, value] of Object.entries(node.properties ?? {})) {
      if (value.description === undefined && !/^#\/\$defs\/(?!variable)/.test(value.$ref ?? ""))
        bare.push(`${path}.${key}`);
      walk(value, `${path}.${key}`);
    }
    for (const branch of node.anyOf ?? []) walk(branch, path);
    if (node.items) walk(node.items, `${path}[]`);
  };
  const schema = jsonSchema();
  walk(schema, "");
  for (const [name, definition] of Object.entries(schema.$defs ?? {})) walk(definition, name);
  expect(bare).toEqual([]);
});

test("there are examples", () => {
  expect(EXAMPLES.length).toBeGreaterThanOrEqual(8);
});

describe.each([
  ...EXAMPLES.map((text, i) => [`docs/configuration.md, example ${i + 1}`, text] as const),
  ...FILES.map((file) => [file, readFileSync(join(ROOT, file), "utf8")] as const),
])("%s", (name, text) => {
  test("is accepted by the published schema", () => {
    validate(parseYaml(text));
    expect(validate.errors ?? []).toEqual([]);
  });

  test("loads, in every environment and service", async () => {
    const parsed = parseYaml(text) as { environments?: object; services?: object };
    for (const environment of Object.keys(parsed.environments ?? { default: 0 })) {
      for (const service of Object.keys(parsed.services ?? { "": 0 })) {
        const loaded = await loadConfig({
          text,
          path: name.endsWith(".yaml") ? join(ROOT, name) : "teal.yaml",
          cwd: "/srv/shop",
          env: {
            DATABASE_URL: "postgres://localhost/shop",
            ACCOUNT: "111122223333",
            LISTENER: "shop-alb:443",
            HOST: "shop.example",
          },
          environment,
          ...(service === "" ? {} : { service }),
        });
        expect(loaded.is === "invalid" ? formatProblems(loaded.problems, { color: false }) : "").toBe("");
      }
    }
  });
});

describe("the published schema refuses", () => {
  test.each([
    ["an unknown key", "servise: shop"],
    ["a number for a duration", "startDeadline: 5"],
    ["a text for a number", 'target: { local: { replicas: "2" } }'],
    ["a strategy that is none", "strategy: bluegreen"],
    ["an unknown key of a check", "health: { ready: { htpp: /x } }"],
    ["an unknown key in an environment", "environments: { production: { helth: {} } }"],
  ])("%s", (_name, text) => {
    expect(validate(parseYaml(text))).toBe(false);
  });
});

test("the published schema accepts variables and layers that only loading can judge", () => {
  const text = `target: { local: { replicas: "\${N}", stopGrace: "\${GRACE:-5s}" } }
strategy: "\${STRATEGY}"
environments: { staging: , production: { target: { local: { listen: "\${PORT}", command: x } } } }
`;
  validate(parseYaml(text));
  expect(validate.errors ?? []).toEqual([]);
});
