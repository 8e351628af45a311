import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { jsonSchema } from "../src/config/json-schema.ts";
import { withReference } from "../src/config/reference.ts";
import { outputSchema } from "../src/cli/output-schema.ts";
import { cliPage } from "../src/cli/reference.ts";

/**
 * Writes what is derived from the code: of `teal.yaml` the JSON Schema and the table of keys in the docs, of the command
 * line the JSON Schema of its output and its page in the docs.
 */

const root = join(import.meta.dirname, "..");
const page = join(root, "docs/configuration.md");
const schema = jsonSchema();
mkdirSync(join(root, "schema"), { recursive: true });
writeFileSync(join(root, "schema/teal.schema.json"), `${JSON.stringify(schema, null, 2)}\n`);
writeFileSync(page, withReference(readFileSync(page, "utf8"), schema));
writeFileSync(join(root, "schema/teal.output.schema.json"), `${JSON.stringify(outputSchema(), null, 2)}\n`);
writeFileSync(join(root, "docs/cli.md"), cliPage());
