import { namesOf, walk } from "../reading/nodes.ts";
import type { Parser } from "../reading/parser.ts";
import { pieces } from "../reading/pieces.ts";
import type { ServerError, Shadow } from "./shadow.ts";

/** One statement of a schema, ready to be run. */
interface Part {
  readonly text: string;
  readonly roles: readonly string[];
  /** The role that it creates itself. */
  readonly creates?: string;
  /** The extension that it creates. */
  readonly extension?: string;
  /** As they stand in the tree, without the catalog's own. */
  readonly types: readonly string[];
}

export interface Script {
  readonly parts: readonly Part[];
  /** Names of all CREATE EXTENSION. */
  readonly extensions: readonly string[];
}

/** What of a schema is not as it is in production. */
export interface Loaded {
  /** Made up, so that the rest could be loaded: what depends on one is unproven. */
  readonly stubTypes: readonly string[];
  readonly missingExtensions: readonly string[];
  readonly skipped: readonly { readonly text: string; readonly error: ServerError }[];
}

/** Rounds of running again what failed: views may stand before what they need. */
const ROUNDS = 4;

/** The statements of a schema: commands of psql and data of COPY are left out. */
export function readSchema(text: string, parser: Parser): Script {
  const parts: Part[] = [];
  const extensions: string[] = [];
  for (const piece of pieces(text)) {
    if (piece.is !== "statement") continue;
    const sql = text.slice(piece.start, piece.end);
    const parsed = parser.parse(sql);
    if (parsed.is === "empty") continue;
    const roles: string[] = [];
    const types: string[] = [];
    let creates: string | undefined;
    let extension: string | undefined;
    if (parsed.is === "parsed") {
      // COPY FROM STDIN would wait for data for ever.
      if (parsed.kind === "CopyStmt") continue;
      walk(parsed.tree, (kind, node) => {
        if (kind === "CreateExtensionStmt") extension = String(node["extname"]);
        if (kind === "CreateRoleStmt") creates = String(node["role"]);
        if (kind === "RoleSpec") roles.push((node as { rolename?: string }).rolename ?? "");
      });
      mentions(parsed.tree, roles, types);
    }
    const named = roles.filter((role) => role !== "");
    if (extension !== undefined) extensions.push(extension);
    parts.push({
      text: sql,
      roles: named,
      types,
      ...(creates === undefined ? {} : { creates }),
      ...(extension === undefined ? {} : { extension }),
    });
  }
  return { parts, extensions: [...new Set(extensions)] };
}

/** Owners, grantees and names of types stand in fields, not only in nodes of their own. */
function mentions(part: unknown, roles: string[], types: string[]): void {
  if (typeof part !== "object" || part === null) return;
  for (const [key, value] of Object.entries(part)) {
    if (key === "newowner" && typeof value === "object")
      roles.push(String((value as { rolename?: string }).rolename ?? ""));
    if ((key === "typeName" || key === "TypeName") && typeof value === "object") {
      const names = namesOf((value as { names?: [] }).names);
      if (names.length > 0 && names[0] !== "pg_catalog") types.push(names.map(quoted).join("."));
    }
    mentions(value, roles, types);
  }
}

/** Runs the statements; makes up roles, and types of extensions that are not there. */
export async function loadSchema(
  shadow: Shadow,
  script: Script,
  available: readonly string[],
): Promise<Loaded> {
  const missing = script.extensions.filter((name) => !available.includes(name));
  const roles = new Set(script.parts.flatMap((part) => part.roles));
  for (const { creates } of script.parts) if (creates !== undefined) roles.delete(creates);
  // One that is there already (`postgres`, `pg_read_all_data`) is refused, which changes nothing.
  await shadow.run([...roles].map((role) => `CREATE ROLE ${quoted(role)}`));
  const stubs: string[] = [];
  let rest = script.parts.filter(({ extension }) => extension === undefined || available.includes(extension));
  let errors = await shadow.run(rest.map(({ text }) => text));
  for (let round = 0; round < ROUNDS && errors.some((error) => error !== undefined); round += 1) {
    const before = rest.length;
    rest = rest.filter((_, index) => errors[index] !== undefined);
    errors = errors.filter((error) => error !== undefined);
    if (rest.length === before && round > 0) break;
    // Guessing is only for what an extension would have brought.
    if (missing.length > 0) stubs.push(...(await stubTypes(shadow, rest)));
    errors = await shadow.run(rest.map(({ text }) => text));
  }
  await shadow.run(["RESET ALL", "RESET SESSION AUTHORIZATION"]);
  const skipped = rest.flatMap(({ text }, index) => {
    const error = errors[index];
    return error === undefined ? [] : [{ text: text.split("\n")[0] ?? "", error }];
  });
  return { stubTypes: stubs, missingExtensions: missing, skipped };
}

/** Makes up the types that these statements name and nobody knows. */
async function stubTypes(shadow: Shadow, parts: readonly Part[]): Promise<readonly string[]> {
  const made: string[] = [];
  for (const type of new Set(parts.flatMap((part) => part.types))) {
    const [row] = await shadow.rows<{ known: boolean }>(
      `SELECT to_regtype('${type.replaceAll("'", "''")}') IS NOT NULL AS known`,
    );
    if (row?.known !== false) continue;
    const [, schema = ""] = /^(.*\.)?[^.]+$/u.exec(type) ?? [];
    const input = `${schema}${quoted(`teal_in_${made.length}`)}`;
    const output = `${schema}${quoted(`teal_out_${made.length}`)}`;
    // Text under another name; PostgreSQL takes a length for it, so `vector(3)` stands.
    const errors = await shadow.run([
      `CREATE TYPE ${type}`,
      `CREATE FUNCTION ${input}(cstring) RETURNS ${type} AS 'textin' LANGUAGE internal IMMUTABLE STRICT`,
      `CREATE FUNCTION ${output}(${type}) RETURNS cstring AS 'textout' LANGUAGE internal IMMUTABLE STRICT`,
      `CREATE TYPE ${type} (INPUT = ${input}, OUTPUT = ${output}, TYPMOD_IN = varchartypmodin, TYPMOD_OUT = varchartypmodout, LIKE = text)`,
    ]);
    if (errors.every((error) => error === undefined)) made.push(type);
  }
  return made;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
