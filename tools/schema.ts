import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { jsonSchema } from "../src/config/json-schema.ts";
import { withReference } from "../src/config/reference.ts";

/** Writes what is derived from the schema of `teal.yaml`: the JSON Schema and the table of keys in the docs. */

const root = join(import.meta.dirname, "..");
const page = join(root, "docs/configuration.md");
const schema = jsonSchema();
mkdirSync(join(root, "schema"), { recursive: true });
writeFileSync(join(root, "schema/teal.schema.json"), `${JSON.stringify(schema, null, 2)}\n`);
writeFileSync(page, withReference(readFileSync(page, "utf8"), schema));
