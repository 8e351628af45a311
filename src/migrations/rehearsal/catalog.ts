import type { Shadow } from "./shadow.ts";

/** What of the catalog decides whether a write is accepted; keys are oids, which a rename keeps. */
export interface Catalog {
  readonly tables: ReadonlyMap<number, Table>;
  readonly constraints: readonly Constraint[];
  readonly functions: readonly { readonly name: string; readonly body: string }[];
  readonly types: ReadonlyMap<number, string>;
}

export interface Table {
  readonly oid: number;
  /** `schema.table`, unquoted. */
  readonly name: string;
  readonly columns: readonly TableColumn[];
  readonly triggers: readonly { readonly name: string; readonly body: string }[];
  readonly rowSecurity: boolean;
  readonly grants: readonly string[];
}

export interface TableColumn {
  readonly number: number;
  readonly name: string;
  /** With its length: `character varying(50)`. */
  readonly type: string;
  readonly notNull: boolean;
  /** By a default, an identity or a generated value. */
  readonly filled: boolean;
}

export interface Constraint {
  readonly kind: "check" | "unique" | "foreignKey" | "exclusion";
  readonly name: string;
  readonly table: number;
  /** Numbers of columns. */
  readonly columns: readonly number[];
  /** As the server prints it; of a check its expression alone. */
  readonly definition: string;
  readonly parent: number;
  readonly parentColumns: readonly number[];
}

const OURS = "n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')";

const TABLES = `
SELECT c.oid::int AS oid, n.nspname || '.' || c.relname AS name, c.relrowsecurity AS "rowSecurity",
  coalesce((SELECT json_agg(a::text) FROM unnest(c.relacl) a), '[]') AS grants,
  coalesce((SELECT json_agg(json_build_object('number', a.attnum, 'name', a.attname,
      'type', format_type(a.atttypid, a.atttypmod), 'notNull', a.attnotnull,
      'filled', a.atthasdef OR a.attidentity <> '') ORDER BY a.attnum)
    FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '[]') AS columns,
  coalesce((SELECT json_agg(json_build_object('name', t.tgname, 'body', p.prosrc) ORDER BY t.tgname)
    FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid WHERE t.tgrelid = c.oid AND NOT t.tgisinternal), '[]') AS triggers
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND ${OURS}`;

/** Unique indexes bind as constraints do, so they are taken from the indexes. */
const CONSTRAINTS = `
SELECT CASE k.contype WHEN 'c' THEN 'check' WHEN 'f' THEN 'foreignKey' ELSE 'exclusion' END AS kind, k.conname AS name,
  k.conrelid::int AS "table", to_json(k.conkey) AS columns,
  CASE k.contype WHEN 'c' THEN pg_get_expr(k.conbin, k.conrelid) ELSE pg_get_constraintdef(k.oid) END AS definition,
  k.confrelid::int AS parent, coalesce(to_json(k.confkey), '[]') AS "parentColumns"
FROM pg_constraint k WHERE k.contype IN ('c', 'f', 'x') AND k.conrelid <> 0
UNION ALL
SELECT 'unique', c.relname, i.indrelid::int, to_json(i.indkey::int2[]),
  coalesce('(' || (SELECT string_agg(pg_get_indexdef(i.indexrelid, at, true), ', ' ORDER BY at)
    FROM generate_series(1, i.indnkeyatts) at) || ')' || ' WHERE ' || pg_get_expr(i.indpred, i.indrelid),
    '(' || (SELECT string_agg(pg_get_indexdef(i.indexrelid, at, true), ', ' ORDER BY at)
    FROM generate_series(1, i.indnkeyatts) at) || ')'), 0, '[]'
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE i.indisunique AND i.indislive AND ${OURS}`;

const FUNCTIONS = `
SELECT p.proname AS name, p.prosrc AS body FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
JOIN pg_language l ON l.oid = p.prolang WHERE l.lanname NOT IN ('internal', 'c') AND ${OURS}`;

export async function readCatalog(shadow: Shadow): Promise<Catalog> {
  const tables = await shadow.rows<Table>(TABLES);
  const constraints = await shadow.rows<Constraint>(CONSTRAINTS);
  const functions = await shadow.rows<{ name: string; body: string }>(FUNCTIONS);
  const types = await shadow.rows<{ oid: number; name: string }>(
    "SELECT oid::int AS oid, format_type(oid, NULL) AS name FROM pg_type",
  );
  return {
    tables: new Map(tables.map((table) => [table.oid, table])),
    constraints,
    functions,
    types: new Map(types.map(({ oid, name }) => [oid, name])),
  };
}

/** The table that a query's name leads to: without a schema it is looked for in `public`. */
export function tableNamed(catalog: Catalog, schema: string | undefined, name: string): Table | undefined {
  const wanted = `${schema ?? "public"}.${name}`;
  return [...catalog.tables.values()].find((table) => table.name === wanted);
}
