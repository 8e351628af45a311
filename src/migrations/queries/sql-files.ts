import { pieces } from "../reading/pieces.ts";
import { Positions } from "../reading/position.ts";
import type { Found } from "./query.ts";

/** `-- name: GetUser :one` of sqlc, `@name GetUser` of pgtyped. */
const SQLC = /^--\s*name:\s*(\w+)\s+:\w+/u;
const PGTYPED = /@name\s+(\w+)/u;
/** `@param rows -> ((id, name)...)` of pgtyped. */
const SPREAD = /@param\s+(\w+)\s*->\s*(\(.*\))/gu;
/** What hides parameters, and `::`, which is a cast. */
const HIDDEN = String.raw`'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*[\s\S]*?\*/|(\$\w*\$)[\s\S]*?\1|::`;
const SQLC_PARAMETER = new RegExp(
  `${HIDDEN}|sqlc\\.(embed)\\((\\w+)\\)|sqlc\\.(?:arg|narg|slice)\\(\\s*'?(\\w+)'?\\s*\\)|(?<![\\w@<>|&#~!?=-])@(\\w+)`,
  "gu",
);
const PGTYPED_PARAMETER = new RegExp(`${HIDDEN}|(?<![\\w:]):([a-z_]\\w*)!?`, "giu");

/** The queries of one `.sql` file: plain statements, or those of sqlc and pgtyped with their names and parameters. */
export function queriesInSql(file: string, text: string): readonly Found[] {
  const positions = new Positions(text);
  const found: Found[] = [];
  let head = "";
  for (const piece of pieces(text)) {
    if (piece.is === "comment") head += `${text.slice(piece.start, piece.end)}\n`;
    if (piece.is !== "statement") continue;
    const { line, column } = positions.span(piece.start, piece.end);
    const { name, sql } = prepared(head, text.slice(piece.start, piece.end));
    const origin = { from: "sql", file, line, column, ...(name === undefined ? {} : { name }) } as const;
    found.push({ text: sql, origin });
    head = "";
  }
  return found;
}

function prepared(head: string, sql: string): { readonly name?: string; readonly sql: string } {
  const sqlc = head
    .split("\n")
    .map((line) => SQLC.exec(line)?.[1])
    .findLast((name) => name !== undefined);
  if (sqlc !== undefined) return { name: sqlc, sql: numberedSqlc(sql) };
  const pgtyped = PGTYPED.exec(head)?.[1];
  return pgtyped === undefined ? { sql } : { name: pgtyped, sql: numberedPgtyped(head, sql) };
}

function numberedSqlc(sql: string): string {
  const number = numbering();
  return sql.replaceAll(SQLC_PARAMETER, (all, _dollar, embed, table, argument, at) =>
    embed === undefined ? ((argument ?? at) === undefined ? all : number(argument ?? at)) : `${table}.*`,
  );
}

/** A list becomes a list of one: it is prepared alike. */
function numberedPgtyped(head: string, sql: string): string {
  const shapes = new Map([...head.matchAll(SPREAD)].map(([, name = "", shape = ""]) => [name, shape]));
  const number = numbering();
  return sql.replaceAll(PGTYPED_PARAMETER, (all, _dollar, name: string | undefined) => {
    if (name === undefined) return all;
    const fields = [...(shapes.get(name) ?? "").matchAll(/[a-z_]\w*/giu)].map(([field]) =>
      number(`${name}.${field}`),
    );
    if (fields.length > 0) return `(${fields.join(", ")})`;
    return shapes.has(name) ? `(${number(name)})` : number(name);
  });
}

function numbering(): (name: string) => string {
  const names: string[] = [];
  return (name) => {
    if (!names.includes(name)) names.push(name);
    return `$${names.indexOf(name) + 1}`;
  };
}
