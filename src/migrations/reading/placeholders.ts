/** Placeholders of migration tools: `${name}`, `{{ name }}`, `<%= name %>`, `%(name)s`, psql's `:name`, `:'name'`. */
const PLACEHOLDER =
  /\$\{[^}\n]*\}|\{\{[\s\S]*?\}\}|\{[%#][\s\S]*?[%#]\}|<%[\s\S]*?%>|%\(\w+\)s|(?<![:\w]):(?:'\w+'|"\w+"|[a-z_]\w*)/giu;

export interface Placeholder {
  readonly at: number;
  readonly text: string;
}

/** The placeholders of a statement that did not parse as it stands, in order. */
export function placeholders(text: string): readonly Placeholder[] {
  return [...text.matchAll(PLACEHOLDER)].map(({ index, 0: found }) => ({ at: index, text: found }));
}

/** The statement with a name of the same length for each placeholder, so that every position stays what it was. */
export function withNames(text: string): string {
  return text.replaceAll(PLACEHOLDER, (found) => `p${"_".repeat(found.length - 1)}`);
}
