import type { ColumnDef, Constraint, Node, TypeName } from "libpg-query";
import { namesOf, walk } from "./nodes.ts";

/** What a column or constraint is, in words of SQL rather than of the parser. */
export interface Column {
  readonly name: string;
  readonly type: Type;
  readonly notNull: boolean;
  readonly default: "none" | "constant" | "volatile";
  /** Filled by the server: from a sequence, or computed. */
  readonly generated: "no" | "serial" | "identityAlways" | "identityByDefault" | "stored" | "virtual";
  readonly constraints: readonly TableConstraint[];
}

export interface Type {
  /** Without its schema where that is PostgreSQL's own: `int4`, `varchar`. */
  readonly name: string;
  readonly modifiers: readonly number[];
  readonly array: boolean;
}

export interface TableConstraint {
  readonly kind: "check" | "unique" | "primary" | "foreign" | "exclude" | "notNull";
  readonly name?: string;
  readonly columns: readonly string[];
  /** Holds for new rows only, until it is validated. */
  readonly notValid: boolean;
  /** Index that it takes instead of building one. */
  readonly usingIndex?: string;
  readonly references?: string;
  /** The column that a CHECK proves to be NOT NULL, and nothing else. */
  readonly provesNotNull?: string;
}

/**
 * Functions whose value may differ from row to row, so that ADD COLUMN with one as default rewrites the table
 * (pg_proc.provolatile = 'v'). A function that is not PostgreSQL's own counts as volatile: only the server knows.
 */
const NOT_VOLATILE = new Set(
  "now current_timestamp transaction_timestamp statement_timestamp current_date current_time localtime localtimestamp to_timestamp date_trunc lower upper concat coalesce jsonb_build_object jsonb_build_array json_build_object json_build_array to_json to_jsonb array_fill make_interval make_date md5 length trim btrim current_user session_user current_setting timezone date_part extract round floor ceil abs encode decode int4 text".split(
    " ",
  ),
);

export function typeOf(type: TypeName | undefined): Type {
  const names = namesOf(type?.names);
  const name = names[0] === "pg_catalog" ? (names[1] ?? "") : names.join(".");
  const modifiers = (type?.typmods ?? []).flatMap((node) =>
    "A_Const" in node ? [node.A_Const.ival?.ival ?? 0] : [],
  );
  return { name, modifiers, array: (type?.arrayBounds ?? []).length > 0 };
}

export function columnOf(definition: ColumnDef): Column {
  const type = typeOf(definition.typeName);
  const parts = (definition.constraints ?? []).flatMap((node) =>
    "Constraint" in node ? [node.Constraint] : [],
  );
  const of = (kind: Constraint["contype"]) => parts.find(({ contype }) => contype === kind);
  const name = definition.colname ?? "";
  const fallback = of("CONSTR_DEFAULT")?.raw_expr ?? definition.raw_default;
  const generated = generatedOf(type, of("CONSTR_IDENTITY"), of("CONSTR_GENERATED"));
  const primary = of("CONSTR_PRIMARY") !== undefined;
  return {
    name,
    type,
    notNull:
      of("CONSTR_NOTNULL") !== undefined ||
      primary ||
      generated === "serial" ||
      generated.startsWith("identity"),
    default:
      fallback === undefined || isNull(fallback) ? "none" : isVolatile(fallback) ? "volatile" : "constant",
    generated,
    constraints: parts.flatMap((part) => {
      const constraint = constraintOf(part, [name]);
      return constraint === undefined || constraint.kind === "notNull" ? [] : [constraint];
    }),
  };
}

const KINDS: Partial<Record<NonNullable<Constraint["contype"]>, TableConstraint["kind"]>> = {
  CONSTR_CHECK: "check",
  CONSTR_UNIQUE: "unique",
  CONSTR_PRIMARY: "primary",
  CONSTR_FOREIGN: "foreign",
  CONSTR_EXCLUSION: "exclude",
  CONSTR_NOTNULL: "notNull",
};

/** A constraint on a table, domain or column (then `own` is that column); undefined for what is none. */
export function constraintOf(part: Constraint, own: readonly string[] = []): TableConstraint | undefined {
  const kind = part.contype === undefined ? undefined : KINDS[part.contype];
  if (kind === undefined) return undefined;
  const listed = namesOf(kind === "foreign" ? part.fk_attrs : part.keys);
  const table = part.pktable;
  const proves = kind === "check" ? notNullTest(part.raw_expr) : undefined;
  return {
    kind,
    columns: listed.length > 0 ? listed : own,
    notValid: part.skip_validation === true,
    ...(part.conname === undefined ? {} : { name: part.conname }),
    ...(part.indexname === undefined ? {} : { usingIndex: part.indexname }),
    ...(table === undefined
      ? {}
      : { references: [table.schemaname, table.relname].filter(Boolean).join(".") }),
    ...(proves === undefined ? {} : { provesNotNull: proves }),
  };
}

/** The column of `x IS NOT NULL`. */
function notNullTest(expression: Node | undefined): string | undefined {
  if (expression === undefined || !("NullTest" in expression)) return undefined;
  const { arg, nulltesttype } = expression.NullTest;
  if (nulltesttype !== "IS_NOT_NULL" || arg === undefined || !("ColumnRef" in arg)) return undefined;
  return namesOf(arg.ColumnRef.fields).at(-1);
}

function generatedOf(
  type: Type,
  identity: Constraint | undefined,
  expression: Constraint | undefined,
): Column["generated"] {
  if (/^(?:big|small)?serial[248]?$/u.test(type.name)) return "serial";
  if (identity !== undefined) return identity.generated_when === "a" ? "identityAlways" : "identityByDefault";
  if (expression !== undefined) return expression.generated_kind === "v" ? "virtual" : "stored";
  return "no";
}

function isNull(expression: Node): boolean {
  if ("TypeCast" in expression)
    return expression.TypeCast.arg !== undefined && isNull(expression.TypeCast.arg);
  return "A_Const" in expression && expression.A_Const.isnull === true;
}

function isVolatile(expression: Node): boolean {
  let found = false;
  walk(expression, (kind, node) => {
    if (kind !== "FuncCall") return;
    const names = namesOf((node as { funcname?: Node[] }).funcname);
    if (!NOT_VOLATILE.has(names.at(-1) ?? "")) found = true;
  });
  return found;
}
