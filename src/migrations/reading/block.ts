import type { Statement } from "./model.ts";
import type { Parser } from "./parser.ts";

/** What of a DO block the text alone decides, and whether something of it is only known when it runs. */
export interface Block {
  readonly statements: readonly Statement[];
  /** The first EXECUTE of a text that is put together at run time. */
  readonly dynamic?: string;
  /** Not PL/pgSQL, or a body that does not parse. */
  readonly opaque: boolean;
}

/** Reads the static statements of a DO block: those written out, and EXECUTE of a constant text. */
export function readBlock(
  statement: Statement,
  block: { language: string; body: string },
  parser: Parser,
): Block {
  if (block.language !== "plpgsql") return { statements: [], opaque: true };
  const tree = parser.parseBody(statement.text);
  if (tree === undefined) return { statements: [], opaque: true };
  const statements: Statement[] = [];
  let dynamic: string | undefined;
  const bodyAt = Math.max(0, statement.text.indexOf(block.body));
  let from = bodyAt;
  const take = (sql: string) => {
    const parsed = parser.parse(sql);
    if (parsed.is !== "parsed") return;
    const found = statement.text.indexOf(sql, from);
    const at = found < 0 ? bodyAt : found;
    if (found >= 0) from = found + 1;
    const offset = statement.span.offset + at;
    const span = found < 0 ? statement.span : { ...statement.span, offset, end: offset + sql.length };
    const offsetOf =
      found < 0 ? () => statement.span.offset : (location: number) => offset + parsed.offsetOf(location);
    statements.push({ text: sql, kind: parsed.kind, tree: parsed.tree, span, offsetOf });
  };
  visit(tree, (kind, node) => {
    if (kind === "PLpgSQL_stmt_execsql") take(queryOf(node["sqlstmt"]));
    if (kind !== "PLpgSQL_stmt_dynexecute") return;
    const query = queryOf(node["query"]);
    const constant = /^\s*(?:'((?:[^']|'')*)'|(\$\w*\$)([\s\S]*)\2)\s*$/u.exec(query);
    if (constant === null) dynamic ??= query;
    else take((constant[3] ?? (constant[1] ?? "").replaceAll("''", "'")).replace(/;\s*$/u, ""));
  });
  return { statements, opaque: false, ...(dynamic === undefined ? {} : { dynamic }) };
}

function queryOf(part: unknown): string {
  const expression = (part as { PLpgSQL_expr?: { query?: string } } | undefined)?.PLpgSQL_expr;
  return expression?.query ?? "";
}

function visit(part: unknown, each: (kind: string, node: Readonly<Record<string, unknown>>) => void): void {
  if (Array.isArray(part)) for (const one of part) visit(one, each);
  else if (typeof part === "object" && part !== null)
    for (const [key, value] of Object.entries(part)) {
      if (key.startsWith("PLpgSQL_stmt_")) each(key, value as Record<string, unknown>);
      visit(value, each);
    }
}
