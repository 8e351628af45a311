import { z } from "zod";
import { NAME } from "./schema/parts.ts";
import { effective } from "./schema/index.ts";

/** A node of a JSON Schema, as far as Teal's own one uses the language. */
export interface JsonSchema {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly anyOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: boolean | JsonSchema;
  readonly required?: readonly string[];
  readonly [keyword: string]: unknown;
}

const VARIABLE: JsonSchema = { $ref: "#/$defs/variable" };

/**
 * The format of `teal.yaml` for editors, draft 2020-12. It accepts every valid file; it is laxer than `loadConfig`,
 * which knows what environments bring and what contradicts what.
 */
export function jsonSchema(): JsonSchema {
  const generated = z.toJSONSchema(effective, { io: "input", unrepresentable: "any" }) as JsonSchema;
  const { $schema, properties = {} } = relax(generated);
  const { teal, service } = properties;
  const atTop = new Set(["teal", "service", "services", "environments"]);
  const sections = Object.fromEntries(Object.entries(properties).filter(([key]) => !atTop.has(key)));
  const names = Object.keys(sections);
  const refs = Object.fromEntries(names.map((name) => [name, { $ref: `#/$defs/${name}` }]));
  const named = (description: string, of: string): JsonSchema => ({
    description,
    type: "object",
    propertyNames: { pattern: NAME.source },
    additionalProperties: { anyOf: [{ $ref: `#/$defs/${of}` }, { type: "null" }] },
  });
  const services = named(
    "Several services in one file: names to settings over those at the top.",
    "settings",
  );
  return {
    $schema,
    title: "teal.yaml",
    description: "Configuration of Teal.",
    ...map({
      teal: teal!,
      service: service!,
      ...refs,
      services,
      environments: named("Named variants: settings laid over the rest, chosen with `--env`.", "environment"),
    }),
    $defs: {
      variable: {
        description: "A value from a variable: `${NAME}` or `${NAME:-default}`.",
        type: "string",
        pattern: "\\$\\{",
      },
      ...Object.fromEntries(Object.entries(generated.$defs ?? {}).map(([name, def]) => [name, relax(def)])),
      ...sections,
      settings: map(refs),
      environment: map({ ...refs, services }),
    },
  };
}

function map(properties: Readonly<Record<string, JsonSchema>>): JsonSchema {
  return { type: "object", properties, additionalProperties: false };
}

/**
 * Two things that only loading can tell: keys may be missing because another layer brings them (not inside lists,
 * which are replaced whole), and every scalar may come from a variable.
 */
function relax(node: JsonSchema, inList = false): JsonSchema {
  // zod drops the keyword `default` where a value is transformed, so the schema calls it `fallback`.
  const { required, items, anyOf, properties, additionalProperties, fallback, ...rest } = node;
  const relaxed: JsonSchema = {
    ...rest,
    ...(fallback === undefined ? {} : { default: fallback }),
    ...(inList && required ? { required } : {}),
    ...(items ? { items: relax(items, true) } : {}),
    ...(anyOf ? { anyOf: withVariable(anyOf.flatMap((branch) => branchesOf(relax(branch, inList)))) } : {}),
    ...(properties
      ? {
          properties: Object.fromEntries(
            Object.entries(properties).map(([key, value]) => [key, relax(value, inList)]),
          ),
        }
      : {}),
    ...(additionalProperties === undefined
      ? {}
      : {
          additionalProperties:
            typeof additionalProperties === "object"
              ? relax(additionalProperties, inList)
              : additionalProperties,
        }),
  };
  if (!isNarrowScalar(relaxed)) return relaxed;
  const { description, default: standard, ...scalar } = relaxed;
  return {
    ...(description === undefined ? {} : { description }),
    ...(standard === undefined ? {} : { default: standard }),
    anyOf: [scalar, VARIABLE],
  };
}

/** A scalar that a text `${NAME}` would not fit. */
function isNarrowScalar(node: JsonSchema): boolean {
  if (node.const !== undefined || node.enum !== undefined || node.pattern !== undefined) return true;
  return node.type === "number" || node.type === "integer" || node.type === "boolean";
}

function branchesOf(node: JsonSchema): readonly JsonSchema[] {
  return node.anyOf !== undefined && Object.keys(node).length === 1 ? node.anyOf : [node];
}

/** The variable once, at the end, however many branches brought it. */
function withVariable(branches: readonly JsonSchema[]): readonly JsonSchema[] {
  const others = branches.filter((branch) => branch.$ref !== VARIABLE.$ref);
  return others.length === branches.length ? others : [...others, VARIABLE];
}
