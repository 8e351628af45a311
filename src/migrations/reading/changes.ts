import type { AlterTableCmd, AlterTableStmt, Node } from "libpg-query";
import { type Column, columnOf, constraintOf, type TableConstraint, type Type, typeOf } from "./columns.ts";
import { commandOffsets } from "./commands.ts";
import type { Statement } from "./model.ts";
import { namesOf, qualified, tableOf, walk } from "./nodes.ts";

/** What one statement does to a database, in words of SQL: rules read these and never the parser's tree. */
export type Change = { readonly at: number } & Done;

/** The changes of one kind, or of several. */
export type ChangeOf<Is extends Done["is"]> = Is extends unknown ? Change & { readonly is: Is } : never;

export type ObjectKind =
  | "table"
  | "view"
  | "matview"
  | "sequence"
  | "index"
  | "function"
  | "type"
  | "domain"
  | "schema"
  | "trigger"
  | "policy"
  | "constraint"
  | "column"
  | "extension"
  | "foreign table"
  | "other";

export type Done =
  | {
      readonly is: "createTable";
      readonly table: string;
      readonly columns: readonly Column[];
      readonly constraints: readonly TableConstraint[];
      readonly partitionOf?: string;
      readonly inherits: readonly string[];
      readonly temporary: boolean;
    }
  | { readonly is: "addColumn"; readonly table: string; readonly column: Column }
  | { readonly is: "dropColumn"; readonly table: string; readonly column: string; readonly cascade: boolean }
  | {
      readonly is: "alterType";
      readonly table: string;
      readonly column: string;
      readonly type: Type;
      readonly using: boolean;
    }
  | {
      readonly is: "setNotNull" | "dropNotNull" | "dropDefault" | "dropExpression" | "setExpression";
      readonly table: string;
      readonly column: string;
    }
  | { readonly is: "setDefault"; readonly table: string; readonly column: string }
  | { readonly is: "addIdentity"; readonly table: string; readonly column: string; readonly always: boolean }
  | { readonly is: "addConstraint"; readonly table: string; readonly constraint: TableConstraint }
  | { readonly is: "validateConstraint" | "dropConstraint"; readonly table: string; readonly name: string }
  | {
      readonly is: "attachPartition";
      readonly table: string;
      readonly partition: string;
      readonly isDefault: boolean;
    }
  | {
      readonly is: "detachPartition";
      readonly table: string;
      readonly partition: string;
      readonly concurrently: boolean;
    }
  | { readonly is: "enableRowSecurity"; readonly table: string }
  | { readonly is: "rewrite"; readonly table: string; readonly by: string }
  | { readonly is: "otherAlter"; readonly table: string; readonly command: string }
  | {
      readonly is: "rename";
      readonly what: ObjectKind;
      readonly name: string;
      readonly to: string;
      readonly table?: string;
    }
  | { readonly is: "setSchema"; readonly what: ObjectKind; readonly name: string; readonly to: string }
  | {
      readonly is: "drop";
      readonly what: ObjectKind;
      readonly names: readonly string[];
      readonly cascade: boolean;
      readonly concurrently: boolean;
    }
  | {
      readonly is: "createIndex";
      readonly table: string;
      readonly name?: string;
      readonly columns: readonly string[];
      readonly unique: boolean;
      readonly concurrently: boolean;
      readonly ifNotExists: boolean;
      readonly method: string;
    }
  | { readonly is: "reindex"; readonly name: string; readonly concurrently: boolean }
  | { readonly is: "createView"; readonly name: string; readonly replaces: boolean }
  | { readonly is: "createFunction"; readonly name: string; readonly replaces: boolean }
  | { readonly is: "createTrigger"; readonly table: string; readonly name: string }
  | { readonly is: "createPolicy"; readonly table: string }
  | { readonly is: "addEnumValue"; readonly type: string; readonly value: string; readonly ordered: boolean }
  | { readonly is: "renameEnumValue"; readonly type: string; readonly value: string; readonly to: string }
  | { readonly is: "addDomainConstraint"; readonly domain: string; readonly notValid: boolean }
  | { readonly is: "revoke"; readonly privileges: string; readonly on: string }
  | { readonly is: "truncate"; readonly tables: readonly string[]; readonly cascade: boolean }
  | { readonly is: "update" | "delete"; readonly table: string; readonly everyRow: boolean }
  | { readonly is: "insert"; readonly table: string; readonly fromQuery: boolean }
  | { readonly is: "refresh"; readonly view: string; readonly concurrently: boolean }
  | { readonly is: "setting"; readonly name: string; readonly value: string }
  | { readonly is: "transaction"; readonly does: "begin" | "commit" | "rollback" | "other" }
  | { readonly is: "dropDatabase"; readonly name: string }
  | { readonly is: "block"; readonly language: string; readonly body: string }
  | { readonly is: "lock"; readonly tables: readonly string[]; readonly mode: number };

/** The changes of a statement in its own order; none for what only reads or what no rule asks about. */
export function changesOf(statement: Statement): readonly Change[] {
  const { tree, span } = statement;
  const one = (done: Done): readonly Change[] => [{ at: span.offset, ...done }];
  if ("AlterTableStmt" in tree) return alterations(statement, tree.AlterTableStmt);
  if ("CreateStmt" in tree) {
    const { relation, tableElts = [], inhRelations = [], partbound } = tree.CreateStmt;
    const parents = inhRelations.flatMap((node) => ("RangeVar" in node ? [tableOf(node.RangeVar)] : []));
    const [parent] = parents;
    return one({
      is: "createTable",
      table: tableOf(relation),
      columns: tableElts.flatMap((node) => ("ColumnDef" in node ? [columnOf(node.ColumnDef)] : [])),
      constraints: tableElts.flatMap((node) =>
        "Constraint" in node ? (constraintOf(node.Constraint) ?? []) : [],
      ),
      temporary: relation?.relpersistence === "t",
      inherits: partbound === undefined ? parents : [],
      ...(partbound === undefined || parent === undefined ? {} : { partitionOf: parent }),
    });
  }
  if ("CreateTableAsStmt" in tree) {
    const { into, objtype } = tree.CreateTableAsStmt;
    const table = tableOf(into?.rel);
    if (objtype === "OBJECT_MATVIEW") return one({ is: "createView", name: table, replaces: false });
    return one({
      is: "createTable",
      table,
      columns: [],
      constraints: [],
      inherits: [],
      temporary: into?.rel?.relpersistence === "t",
    });
  }
  if ("RenameStmt" in tree) {
    const { renameType, relation, object, subname = "", newname: to = "" } = tree.RenameStmt;
    const what = objectKind(renameType);
    const onTable = what === "column" || what === "constraint" || what === "trigger" || what === "policy";
    if (onTable) return one({ is: "rename", what, name: subname, to, table: tableOf(relation) });
    const name = relation === undefined ? (nameOfObject(object) ?? subname) : tableOf(relation);
    return one({ is: "rename", what, name, to });
  }
  if ("AlterObjectSchemaStmt" in tree) {
    const { objectType, relation, object, newschema: to = "" } = tree.AlterObjectSchemaStmt;
    const name = relation === undefined ? (nameOfObject(object) ?? "") : tableOf(relation);
    return one({ is: "setSchema", what: objectKind(objectType), name, to });
  }
  if ("DropStmt" in tree) {
    const { objects = [], removeType, behavior, concurrent } = tree.DropStmt;
    return one({
      is: "drop",
      what: objectKind(removeType),
      names: objects.map((node) => nameOfObject(node) ?? ""),
      cascade: behavior === "DROP_CASCADE",
      concurrently: concurrent === true,
    });
  }
  if ("DropOwnedStmt" in tree)
    return one({
      is: "drop",
      what: "other",
      names: ["everything owned"],
      cascade: true,
      concurrently: false,
    });
  if ("DropdbStmt" in tree) return one({ is: "dropDatabase", name: tree.DropdbStmt.dbname ?? "" });
  if ("IndexStmt" in tree) {
    const {
      relation,
      idxname,
      indexParams = [],
      unique,
      concurrent,
      if_not_exists,
      accessMethod = "btree",
    } = tree.IndexStmt;
    return one({
      is: "createIndex",
      table: tableOf(relation),
      columns: indexParams.flatMap((node) =>
        "IndexElem" in node ? [node.IndexElem.name ?? "(expression)"] : [],
      ),
      unique: unique === true,
      concurrently: concurrent === true,
      ifNotExists: if_not_exists === true,
      method: accessMethod,
      ...(idxname === undefined ? {} : { name: idxname }),
    });
  }
  if ("ReindexStmt" in tree) {
    const { relation, name = "", params = [] } = tree.ReindexStmt;
    const concurrently = params.some((node) => "DefElem" in node && node.DefElem.defname === "concurrently");
    return one({ is: "reindex", name: relation === undefined ? name : tableOf(relation), concurrently });
  }
  if ("ViewStmt" in tree)
    return one({
      is: "createView",
      name: tableOf(tree.ViewStmt.view),
      replaces: tree.ViewStmt.replace === true,
    });
  if ("CreateFunctionStmt" in tree) {
    const { funcname, replace } = tree.CreateFunctionStmt;
    return one({ is: "createFunction", name: qualified(namesOf(funcname)), replaces: replace === true });
  }
  if ("CreateTrigStmt" in tree) {
    const { relation, trigname: name = "" } = tree.CreateTrigStmt;
    return one({ is: "createTrigger", table: tableOf(relation), name });
  }
  if ("CreatePolicyStmt" in tree)
    return one({ is: "createPolicy", table: tableOf(tree.CreatePolicyStmt.table) });
  if ("AlterEnumStmt" in tree) {
    const { typeName, oldVal, newVal = "", newValNeighbor } = tree.AlterEnumStmt;
    const type = qualified(namesOf(typeName));
    if (oldVal !== undefined) return one({ is: "renameEnumValue", type, value: oldVal, to: newVal });
    return one({ is: "addEnumValue", type, value: newVal, ordered: newValNeighbor !== undefined });
  }
  if ("AlterDomainStmt" in tree) {
    const { typeName, def, subtype } = tree.AlterDomainStmt;
    const domain = qualified(namesOf(typeName));
    if (subtype === "O") return one({ is: "addDomainConstraint", domain, notValid: false });
    if (subtype !== "C" || def === undefined || !("Constraint" in def)) return [];
    return one({ is: "addDomainConstraint", domain, notValid: def.Constraint.skip_validation === true });
  }
  if ("GrantStmt" in tree) {
    const { is_grant, objects = [], privileges = [] } = tree.GrantStmt;
    if (is_grant === true) return [];
    const what = privileges.flatMap((node) =>
      "AccessPriv" in node ? [node.AccessPriv.priv_name ?? ""] : [],
    );
    return one({
      is: "revoke",
      privileges: what.join(", ") || "all privileges",
      on: objects.map((node) => nameOfObject(node) ?? "").join(", "),
    });
  }
  if ("TruncateStmt" in tree) {
    const { relations = [], behavior } = tree.TruncateStmt;
    const tables = relations.flatMap((node) => ("RangeVar" in node ? [tableOf(node.RangeVar)] : []));
    return one({ is: "truncate", tables, cascade: behavior === "DROP_CASCADE" });
  }
  if ("UpdateStmt" in tree)
    return one({
      is: "update",
      table: tableOf(tree.UpdateStmt.relation),
      everyRow: tree.UpdateStmt.whereClause === undefined && (tree.UpdateStmt.fromClause ?? []).length === 0,
    });
  if ("DeleteStmt" in tree)
    return one({
      is: "delete",
      table: tableOf(tree.DeleteStmt.relation),
      everyRow: tree.DeleteStmt.whereClause === undefined && (tree.DeleteStmt.usingClause ?? []).length === 0,
    });
  if ("InsertStmt" in tree) {
    const { relation, selectStmt } = tree.InsertStmt;
    const values =
      selectStmt !== undefined &&
      "SelectStmt" in selectStmt &&
      (selectStmt.SelectStmt.valuesLists ?? []).length > 0;
    return one({ is: "insert", table: tableOf(relation), fromQuery: selectStmt !== undefined && !values });
  }
  if ("RefreshMatViewStmt" in tree) {
    const { relation, concurrent } = tree.RefreshMatViewStmt;
    return one({ is: "refresh", view: tableOf(relation), concurrently: concurrent === true });
  }
  if ("VariableSetStmt" in tree) {
    const { name = "", args, kind } = tree.VariableSetStmt;
    return one({ is: "setting", name, value: kind === "VAR_SET_VALUE" ? constant(args?.[0]) : "default" });
  }
  if ("TransactionStmt" in tree) {
    const { kind } = tree.TransactionStmt;
    const does =
      kind === "TRANS_STMT_BEGIN" || kind === "TRANS_STMT_START"
        ? "begin"
        : kind === "TRANS_STMT_COMMIT"
          ? "commit"
          : kind === "TRANS_STMT_ROLLBACK"
            ? "rollback"
            : "other";
    return one({ is: "transaction", does });
  }
  if ("ClusterStmt" in tree)
    return one({ is: "rewrite", table: tableOf(tree.ClusterStmt.relation), by: "CLUSTER" });
  if ("VacuumStmt" in tree) {
    const { options = [], rels = [], is_vacuumcmd } = tree.VacuumStmt;
    const full = options.some((node) => "DefElem" in node && node.DefElem.defname === "full");
    if (is_vacuumcmd !== true || !full) return [];
    const tables = rels.flatMap((node) =>
      "VacuumRelation" in node ? [tableOf(node.VacuumRelation.relation)] : [],
    );
    return one({ is: "rewrite", table: tables.join(", "), by: "VACUUM FULL" });
  }
  if ("DoStmt" in tree) {
    const parts = (tree.DoStmt.args ?? []).flatMap((node) => ("DefElem" in node ? [node.DefElem] : []));
    const of = (name: string) => {
      const arg = parts.find(({ defname }) => defname === name)?.arg;
      return arg !== undefined && "String" in arg ? arg.String.sval : undefined;
    };
    return one({ is: "block", language: of("language") ?? "plpgsql", body: of("as") ?? "" });
  }
  if ("LockStmt" in tree) {
    const { relations = [], mode = 0 } = tree.LockStmt;
    return one({
      is: "lock",
      tables: relations.flatMap((node) => ("RangeVar" in node ? [tableOf(node.RangeVar)] : [])),
      mode,
    });
  }
  if ("SelectStmt" in tree) return settingsOf(tree).map((done) => ({ at: span.offset, ...done }));
  return [];
}

function alterations(
  statement: Statement,
  { relation, cmds = [], objtype }: AlterTableStmt,
): readonly Change[] {
  const table = tableOf(relation);
  const from =
    relation?.location === undefined ? 0 : statement.offsetOf(relation.location) - statement.span.offset;
  const offsets = commandOffsets(statement.text, from);
  return cmds.flatMap((node, index) => {
    if (!("AlterTableCmd" in node)) return [];
    const at = statement.span.offset + (offsets[index] ?? 0);
    const done = alteration(table, node.AlterTableCmd, objtype === "OBJECT_TABLE");
    return [{ at, ...done }];
  });
}

function alteration(table: string, command: AlterTableCmd, isTable: boolean): Done {
  const { name: column = "", def } = command;
  // As text: most of the parser's sixty kinds mean nothing to any rule.
  const subtype: string = command.subtype ?? "";
  const other: Done = { is: "otherAlter", table, command: subtype };
  // Of indexes, views, sequences and foreign tables nothing that the rules for tables mean.
  if (!isTable) return other;
  switch (subtype) {
    case "AT_AddColumn":
      return def !== undefined && "ColumnDef" in def
        ? { is: "addColumn", table, column: columnOf(def.ColumnDef) }
        : other;
    case "AT_DropColumn":
      return { is: "dropColumn", table, column, cascade: command.behavior === "DROP_CASCADE" };
    case "AT_AlterColumnType":
      if (def === undefined || !("ColumnDef" in def)) return other;
      return {
        is: "alterType",
        table,
        column,
        type: typeOf(def.ColumnDef.typeName),
        using: def.ColumnDef.raw_default !== undefined,
      };
    case "AT_ColumnDefault":
      return def === undefined ? { is: "dropDefault", table, column } : { is: "setDefault", table, column };
    case "AT_SetNotNull":
      return { is: "setNotNull", table, column };
    case "AT_DropNotNull":
      return { is: "dropNotNull", table, column };
    case "AT_DropExpression":
      return { is: "dropExpression", table, column };
    case "AT_SetExpression":
      return { is: "setExpression", table, column };
    case "AT_AddIdentity":
      return {
        is: "addIdentity",
        table,
        column,
        always: def !== undefined && "Constraint" in def && def.Constraint.generated_when === "a",
      };
    case "AT_AddConstraint": {
      const constraint = def !== undefined && "Constraint" in def ? constraintOf(def.Constraint) : undefined;
      return constraint === undefined ? other : { is: "addConstraint", table, constraint };
    }
    case "AT_ValidateConstraint":
      return { is: "validateConstraint", table, name: column };
    case "AT_DropConstraint":
      return { is: "dropConstraint", table, name: column };
    case "AT_AttachPartition":
    case "AT_DetachPartition": {
      if (def === undefined || !("PartitionCmd" in def)) return other;
      const { name, concurrent, bound } = def.PartitionCmd;
      const partition = tableOf(name);
      if (subtype === "AT_DetachPartition")
        return { is: "detachPartition", table, partition, concurrently: concurrent === true };
      return { is: "attachPartition", table, partition, isDefault: bound?.is_default === true };
    }
    case "AT_EnableRowSecurity":
    case "AT_ForceRowSecurity":
      return { is: "enableRowSecurity", table };
    case "AT_SetUnLogged":
      return { is: "rewrite", table, by: "SET UNLOGGED" };
    case "AT_SetLogged":
      return { is: "rewrite", table, by: "SET LOGGED" };
    case "AT_SetAccessMethod":
      return { is: "rewrite", table, by: "SET ACCESS METHOD" };
    case "AT_SetTableSpace":
      return { is: "rewrite", table, by: "SET TABLESPACE" };
    default:
      return other;
  }
}

const KINDS: Readonly<Record<string, ObjectKind>> = {
  OBJECT_TABLE: "table",
  OBJECT_VIEW: "view",
  OBJECT_MATVIEW: "matview",
  OBJECT_SEQUENCE: "sequence",
  OBJECT_INDEX: "index",
  OBJECT_FUNCTION: "function",
  OBJECT_PROCEDURE: "function",
  OBJECT_ROUTINE: "function",
  OBJECT_AGGREGATE: "function",
  OBJECT_TYPE: "type",
  OBJECT_DOMAIN: "domain",
  OBJECT_SCHEMA: "schema",
  OBJECT_TRIGGER: "trigger",
  OBJECT_POLICY: "policy",
  OBJECT_TABCONSTRAINT: "constraint",
  OBJECT_COLUMN: "column",
  OBJECT_EXTENSION: "extension",
  OBJECT_FOREIGN_TABLE: "foreign table",
  OBJECT_ATTRIBUTE: "type",
};

function objectKind(kind: string | undefined): ObjectKind {
  return KINDS[kind ?? ""] ?? "other";
}

function nameOfObject(node: Node | undefined): string | undefined {
  if (node === undefined) return undefined;
  if ("String" in node) return node.String.sval;
  if ("List" in node) return qualified(namesOf(node.List.items));
  if ("TypeName" in node) return qualified(namesOf(node.TypeName.names));
  if ("ObjectWithArgs" in node) return qualified(namesOf(node.ObjectWithArgs.objname));
  return "RangeVar" in node ? tableOf(node.RangeVar) : undefined;
}

/** `select set_config('lock_timeout', '2s', false)` sets as SET does. */
function settingsOf(tree: Node): readonly Done[] {
  const found: Done[] = [];
  walk(tree, (kind, node) => {
    const { funcname, args } = node as { funcname?: Node[]; args?: Node[] };
    if (kind === "FuncCall" && namesOf(funcname).at(-1) === "set_config")
      found.push({ is: "setting", name: constant(args?.[0]), value: constant(args?.[1]) });
  });
  return found;
}

function constant(node: Node | undefined): string {
  if (node === undefined || !("A_Const" in node)) return "";
  const { sval, ival, fval } = node.A_Const;
  return sval?.sval ?? fval?.fval ?? (ival === undefined ? "" : String(ival.ival ?? 0));
}
