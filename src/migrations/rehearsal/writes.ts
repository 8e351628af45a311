import { walk } from "../reading/nodes.ts";

/** One change of rows in a query, also in a WITH. */
export interface Write {
  readonly does: "insert" | "update" | "delete" | "merge";
  readonly schema?: string;
  readonly table: string;
  /** By name; by place from 0 in an INSERT without names; `unknown` could be any. */
  readonly columns: readonly string[] | { readonly places: readonly number[] } | "unknown";
}

/** What a query touches, as its text says it. */
export interface Use {
  readonly kind: string;
  readonly writes: readonly Write[];
  readonly tables: readonly { readonly schema?: string; readonly name: string }[];
  readonly functions: readonly string[];
}

type Fields = Readonly<Record<string, unknown>>;

/** Finds what the statement with this tree reads, writes and calls. */
export function useOf(kind: string, tree: unknown): Use {
  const writes: Write[] = [];
  const tables: { schema?: string; name: string }[] = [];
  const functions: string[] = [];
  walk(tree, (node, fields) => {
    if (node === "InsertStmt") writes.push(...inserted(fields));
    if (node === "UpdateStmt") writes.push(written("update", fields, names(fields["targetList"])));
    if (node === "DeleteStmt") writes.push(written("delete", fields, []));
    if (node === "MergeStmt") writes.push(written("merge", fields, "unknown"));
    if (node === "RangeVar") tables.push(place(fields));
    if (node === "FuncCall") functions.push(lastName(fields["funcname"]));
  });
  for (const { schema, table } of writes)
    tables.push({ ...(schema === undefined ? {} : { schema }), name: table });
  return { kind, writes, tables, functions };
}

function inserted(fields: Fields): readonly Write[] {
  const lists = valueLists(fields);
  // DEFAULT written out is as good as left out.
  const isDefault = (index: number) =>
    lists.some((list) => "SetToDefault" in ((list[index] ?? {}) as object));
  const named = names(fields["cols"]);
  const columns =
    named.length > 0
      ? named.filter((_, index) => !isDefault(index))
      : fields["selectStmt"] === undefined
        ? []
        : lists[0] === undefined
          ? "unknown"
          : { places: lists[0].map((_, index) => index).filter((index) => !isDefault(index)) };
  const conflict = fields["onConflictClause"] as Fields | undefined;
  const updated = names(conflict?.["targetList"]);
  return [
    written("insert", fields, columns),
    ...(updated.length === 0 ? [] : [written("update", fields, updated)]),
  ];
}

function valueLists(fields: Fields): readonly (readonly unknown[])[] {
  const select = (fields["selectStmt"] as { SelectStmt?: Fields } | undefined)?.SelectStmt;
  const lists = (select?.["valuesLists"] ?? []) as { List?: { items?: unknown[] } }[];
  return lists.map((list) => list.List?.items ?? []);
}

function written(does: Write["does"], fields: Fields, columns: Write["columns"]): Write {
  const { schema, name } = place((fields["relation"] ?? {}) as Fields);
  return { does, table: name, columns, ...(schema === undefined ? {} : { schema }) };
}

function place(fields: Fields): { schema?: string; name: string } {
  const { schemaname, relname } = fields as { schemaname?: string; relname?: string };
  return { name: relname ?? "", ...(schemaname === undefined ? {} : { schema: schemaname }) };
}

function names(list: unknown): readonly string[] {
  const targets = (list ?? []) as { ResTarget?: { name?: string } }[];
  return targets.flatMap(({ ResTarget: target }) => (target?.name === undefined ? [] : [target.name]));
}

function lastName(list: unknown): string {
  const parts = (list ?? []) as { String?: { sval?: string } }[];
  return parts.at(-1)?.String?.sval ?? "";
}
