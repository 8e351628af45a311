/* Terraform's language, as much of it as is written here. */

/** An expression that is not quoted: `local.weights.blue`, `[action]`. */
export interface Expression {
  readonly code: string;
}

export type Value =
  | string
  | number
  | boolean
  | Expression
  | readonly Value[]
  | { readonly [key: string]: Value };

export type Entry =
  | { readonly set: string; readonly to: Value }
  | { readonly block: string; readonly labels: readonly string[]; readonly body: readonly Entry[] }
  | { readonly comment: string };

export const code = (text: string): Expression => ({ code: text });
export const set = (name: string, to: Value): Entry => ({ set: name, to });
export const block = (name: string, labels: readonly string[], body: readonly Entry[]): Entry => ({
  block: name,
  labels,
  body,
});
export const comment = (text: string): Entry => ({ comment: text });

/** Entries as text, each line indented by two spaces a level; equal signs stand where they stand. */
export function render(entries: readonly Entry[], depth = 0): string {
  const indent = "  ".repeat(depth);
  return entries
    .map((entry, index) => {
      if ("comment" in entry)
        return entry.comment
          .split("\n")
          .map((line) => `${indent}# ${line}`.trimEnd())
          .join("\n");
      if ("set" in entry) return `${indent}${entry.set} = ${valueOf(entry.to)}`;
      const { block: name, labels, body } = entry;
      const head = [name, ...labels.map((label) => quoted(label))].join(" ");
      const text = `${indent}${head} {\n${render(body, depth + 1)}\n${indent}}`;
      const apart = depth === 0 && index < entries.length - 1 ? "\n" : "";
      return `${text}${apart}`;
    })
    .join("\n");
}

function valueOf(value: Value): string {
  if (typeof value === "string") return quoted(value);
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return `[${value.map((each) => valueOf(each as Value)).join(", ")}]`;
  if ("code" in value && typeof value.code === "string") return value.code;
  const pairs = Object.entries(value).map(([key, each]) => `${quoted(key)} = ${valueOf(each as Value)}`);
  return `{ ${pairs.join(", ")} }`;
}

/** In quotes; `${` and `%{` would begin templates (https://developer.hashicorp.com/terraform/language/expressions/strings). */
function quoted(text: string): string {
  return JSON.stringify(text).replaceAll("${", "$$${").replaceAll("%{", "%%{");
}

/** A name that Terraform takes: letters, digits, `_`, `-`, beginning with a letter. */
export function identifier(text: string): string {
  const name = text.replaceAll(/[^A-Za-z0-9_-]/gu, "_");
  return /^[A-Za-z]/u.test(name) ? name : `teal_${name}`;
}
