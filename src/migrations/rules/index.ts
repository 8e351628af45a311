import type { Done } from "../reading/changes.ts";
import { notParsed } from "./m101-not-parsed.ts";
import { placeholder } from "./m102-placeholder.ts";
import { psqlCommand } from "./m103-psql-command.ts";
import { acknowledgementNotUnderstood } from "./m104-acknowledgement-not-understood.ts";
import { acknowledgementUnused } from "./m105-acknowledgement-unused.ts";
import { copyDataWithoutEnd } from "./m106-copy-data-without-end.ts";
import { knownOnlyAtRunTime } from "./m107-known-only-at-run-time.ts";
import { dropColumn } from "./m201-drop-column.ts";
import { dropTable } from "./m202-drop-table.ts";
import { dropView } from "./m203-drop-view.ts";
import { dropFunction } from "./m204-drop-function.ts";
import { dropType } from "./m205-drop-type.ts";
import { dropSchema } from "./m206-drop-schema.ts";
import { renameColumn } from "./m207-rename-column.ts";
import { renameTable } from "./m208-rename-table.ts";
import { moveToSchema } from "./m209-move-to-schema.ts";
import { renameEnumValue } from "./m210-rename-enum-value.ts";
import { renameFunctionOrType } from "./m211-rename-function-or-type.ts";
import { preparedStar } from "./m212-prepared-star.ts";
import { ambiguousName } from "./m213-ambiguous-name.ts";
import { requiredColumn } from "./m214-required-column.ts";
import { setNotNullLive } from "./m215-set-not-null-live.ts";
import { dropDefault } from "./m216-drop-default.ts";
import { typeSeenByDriver } from "./m217-type-seen-by-driver.ts";
import { constraintOnLiveWrites } from "./m218-constraint-on-live-writes.ts";
import { conflictArbiter } from "./m219-conflict-arbiter.ts";
import { serverFillsColumn } from "./m220-server-fills-column.ts";
import { revoke } from "./m221-revoke.ts";
import { rowSecurity } from "./m222-row-security.ts";
import { replaceView } from "./m224-replace-view.ts";
import { triggerOnLiveWrites } from "./m225-trigger-on-live-writes.ts";
import { columnReused } from "./m226-column-reused.ts";
import { changedDefault } from "./m227-changed-default.ts";
import { enumOrder } from "./m228-enum-order.ts";
import { indexNotConcurrent } from "./m301-index-not-concurrent.ts";
import { typeRewrite } from "./m302-type-rewrite.ts";
import { setNotNullScan } from "./m303-set-not-null-scan.ts";
import { checkScan } from "./m304-check-scan.ts";
import { foreignKeyScan } from "./m305-foreign-key-scan.ts";
import { uniqueBuildsIndex } from "./m306-unique-builds-index.ts";
import { exclusionConstraint } from "./m307-exclusion-constraint.ts";
import { addColumnRewrites } from "./m308-add-column-rewrites.ts";
import { addColumnWithConstraint } from "./m309-add-column-with-constraint.ts";
import { dropIndexNotConcurrent } from "./m310-drop-index-not-concurrent.ts";
import { reindexNotConcurrent } from "./m311-reindex-not-concurrent.ts";
import { dropLocksParent } from "./m312-drop-locks-parent.ts";
import { attachPartitionScan } from "./m313-attach-partition-scan.ts";
import { detachPartition } from "./m314-detach-partition.ts";
import { createPartitionOf } from "./m315-create-partition-of.ts";
import { rewriteCommand } from "./m317-rewrite-command.ts";
import { refreshNotConcurrent } from "./m318-refresh-not-concurrent.ts";
import { domainConstraintScan } from "./m319-domain-constraint-scan.ts";
import { primaryKeyNullable } from "./m321-primary-key-nullable.ts";
import { tableReferences } from "./m322-table-references.ts";
import { truncate } from "./m401-truncate.ts";
import { deleteAll } from "./m402-delete-all.ts";
import { updateAll } from "./m403-update-all.ts";
import { dropCascade } from "./m404-drop-cascade.ts";
import { dropDatabase } from "./m405-drop-database.ts";
import { concurrentlyInTransaction } from "./m501-concurrently-in-transaction.ts";
import { noLockTimeout } from "./m502-no-lock-timeout.ts";
import { dataUnderLock } from "./m503-data-under-lock.ts";
import { severalTablesLocked } from "./m504-several-tables-locked.ts";
import { validateInSameTransaction } from "./m505-validate-in-same-transaction.ts";
import { indexIfNotExists } from "./m506-index-if-not-exists.ts";
import { charType } from "./m507-char-type.ts";
import { timestampWithoutZone } from "./m508-timestamp-without-zone.ts";
import { jsonType } from "./m509-json-type.ts";
import { smallSerial } from "./m510-small-serial.ts";
import { noPrimaryKey } from "./m512-no-primary-key.ts";
import { nestedTransaction } from "./m513-nested-transaction.ts";
import { uncommittedTransaction } from "./m514-uncommitted-transaction.ts";
import type { Rule } from "./rule.ts";

/** Every rule, by its code. */
export const ALL_RULES: readonly Rule[] = [
  notParsed,
  placeholder,
  psqlCommand,
  acknowledgementNotUnderstood,
  acknowledgementUnused,
  copyDataWithoutEnd,
  knownOnlyAtRunTime,
  dropColumn,
  dropTable,
  dropView,
  dropFunction,
  dropType,
  dropSchema,
  renameColumn,
  renameTable,
  moveToSchema,
  renameEnumValue,
  renameFunctionOrType,
  preparedStar,
  ambiguousName,
  requiredColumn,
  setNotNullLive,
  dropDefault,
  typeSeenByDriver,
  constraintOnLiveWrites,
  conflictArbiter,
  serverFillsColumn,
  revoke,
  rowSecurity,
  replaceView,
  triggerOnLiveWrites,
  columnReused,
  changedDefault,
  enumOrder,
  indexNotConcurrent,
  typeRewrite,
  setNotNullScan,
  checkScan,
  foreignKeyScan,
  uniqueBuildsIndex,
  exclusionConstraint,
  addColumnRewrites,
  addColumnWithConstraint,
  dropIndexNotConcurrent,
  reindexNotConcurrent,
  dropLocksParent,
  attachPartitionScan,
  detachPartition,
  createPartitionOf,
  rewriteCommand,
  refreshNotConcurrent,
  domainConstraintScan,
  primaryKeyNullable,
  tableReferences,
  truncate,
  deleteAll,
  updateAll,
  dropCascade,
  dropDatabase,
  concurrentlyInTransaction,
  noLockTimeout,
  dataUnderLock,
  severalTablesLocked,
  validateInSameTransaction,
  indexIfNotExists,
  charType,
  timestampWithoutZone,
  jsonType,
  smallSerial,
  noPrimaryKey,
  nestedTransaction,
  uncommittedTransaction,
];

/** Rules whose findings the analysis itself makes. */
export const ALWAYS = { block: knownOnlyAtRunTime, unused: acknowledgementUnused } as const;

const BY_CODE = new Map(ALL_RULES.map((rule) => [rule.code, rule]));
const BY_CHANGE = Map.groupBy(
  ALL_RULES.flatMap((rule) => rule.on.map((is) => ({ is, rule }))),
  ({ is }) => is,
);
const RULES = new Map([...BY_CHANGE].map(([is, pairs]) => [is, pairs.map(({ rule }) => rule)]));

/** The rules that look at such a change. */
export function rulesFor(is: Done["is"]): readonly Rule[] {
  return RULES.get(is) ?? [];
}

/** `TEAL-M201` or `m201`. */
export function ruleOf(code: string): Rule | undefined {
  const short = code.toUpperCase().replace(/^TEAL-/u, "");
  return BY_CODE.get(`TEAL-${short}`);
}

export const KNOWN_CODES: ReadonlySet<string> = new Set(BY_CODE.keys());
