import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseSync, Visitor, type VisitorObject } from "rolldown/utils";

const SRC = join(import.meta.dirname, "../../src");

export interface SourceFile {
  /** Relative to the repository: `src/core/units.ts`. */
  readonly file: string;
  readonly text: string;
}

const FOR_TESTS = /(\.test|(^|\/)testing|(^|\/)test-support)\.ts$/;

/** Every file of src that is published: all but the tests and what only they use. */
export function sourceFiles(): readonly SourceFile[] {
  return readdirSync(SRC, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !FOR_TESTS.test(name))
    .toSorted()
    .map((name) => ({ file: `src/${name}`, text: readFileSync(join(SRC, name), "utf8") }));
}

function visit({ file, text }: SourceFile, visitor: VisitorObject): void {
  const { program, errors } = parseSync(file, text, { lang: "ts", sourceType: "module" });
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]?.message}`);
  new Visitor(visitor).visit(program);
}

/** Every name that a file gives or uses: of variables, properties, types and private members. */
export function identifiers(source: SourceFile): readonly string[] {
  const names: string[] = [];
  visit(source, {
    Identifier: ({ name }) => void names.push(name),
    PrivateIdentifier: ({ name }) => void names.push(name),
  });
  return names;
}

/** The text of every string and template of a file; comments are none. */
export function strings(source: SourceFile): readonly string[] {
  const found: string[] = [];
  visit(source, {
    Literal: ({ value }) => void (typeof value === "string" && found.push(value)),
    TemplateElement: ({ value }) => void found.push(value.raw),
  });
  return found;
}
