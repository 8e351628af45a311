/**
 * Where the commands of an ALTER TABLE begin in its text: behind the table's name (at `from`), then behind each comma
 * that neither parentheses nor quotes nor comments hide. The tree does not tell: most commands have no location.
 */
export function commandOffsets(text: string, from: number): readonly number[] {
  const masked = mask(text);
  const name = /^[\w$."\u0080-\uffff]+(?:\s*\*)?\s*/u.exec(masked.slice(from))?.[0].length ?? 0;
  const offsets = [skipSpace(masked, from + name)];
  let depth = 0;
  for (let at = from + name; at < masked.length; at += 1) {
    const char = masked[at];
    if (char === "(" || char === "[") depth += 1;
    if (char === ")" || char === "]") depth -= 1;
    if (char === "," && depth === 0) offsets.push(skipSpace(masked, at + 1));
  }
  return offsets.map((at) => Math.min(at, Math.max(0, text.length - 1)));
}

function skipSpace(text: string, at: number): number {
  return at + (/^\s*/u.exec(text.slice(at))?.[0].length ?? 0);
}

/** The text with comments as spaces and what stands in quotes as letters, of the same length. */
function mask(text: string): string {
  return text.replaceAll(
    /(--[^\r\n]*|\/\*[\s\S]*?\*\/)|\be'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|(\$(?:[a-z_]\w*)?\$)[\s\S]*?\2/giu,
    (found, comment: string | undefined) => (comment === undefined ? "x" : " ").repeat(found.length),
  );
}
