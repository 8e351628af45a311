import type { Shapes } from "../shape.ts";

/** Partitions and inheritance: what a statement about one table does to its relatives. */
export const PARTITIONS = {
  "attach-partition": "ALTER TABLE plain ATTACH PARTITION loose FOR VALUES FROM (300) TO (400)",
  "attach-partition-proven": "ALTER TABLE plain ATTACH PARTITION loose_proven FOR VALUES FROM (300) TO (400)",
  "attach-partition-beside-default":
    "ALTER TABLE guarded ATTACH PARTITION loose FOR VALUES FROM (300) TO (400)",
  "attach-partition-proven-beside-default":
    "ALTER TABLE guarded ATTACH PARTITION loose_proven FOR VALUES FROM (300) TO (400)",
  "attach-partition-beside-proven-default":
    "ALTER TABLE ready ATTACH PARTITION loose FOR VALUES FROM (300) TO (400)",
  "attach-partition-proven-beside-proven-default":
    "ALTER TABLE ready ATTACH PARTITION loose_proven FOR VALUES FROM (300) TO (400)",
  "attach-partition-proven-to-indexed":
    "ALTER TABLE indexed ATTACH PARTITION loose_proven FOR VALUES FROM (300) TO (400)",
  "attach-partition-proven-and-indexed": {
    sql: "ALTER TABLE indexed ATTACH PARTITION loose_proven FOR VALUES FROM (300) TO (400)",
    before: "CREATE INDEX loose_proven_n ON loose_proven (n)",
  },
  "attach-partition-default": "ALTER TABLE plain ATTACH PARTITION loose DEFAULT",
  "detach-partition": "ALTER TABLE plain DETACH PARTITION plain_a",
  "detach-partition-beside-default": "ALTER TABLE parted DETACH PARTITION part_a",
  "detach-partition-concurrently": {
    sql: "ALTER TABLE plain DETACH PARTITION plain_a CONCURRENTLY",
    outside: ["plain", "plain_a"],
  },
  "detach-partition-concurrently-beside-default": {
    sql: "ALTER TABLE parted DETACH PARTITION part_a CONCURRENTLY",
    outside: ["parted"],
  },
  "create-partition": "CREATE TABLE added PARTITION OF plain FOR VALUES FROM (300) TO (400)",
  "create-partition-beside-default": "CREATE TABLE added PARTITION OF guarded FOR VALUES FROM (300) TO (400)",
  "create-partition-beside-proven-default":
    "CREATE TABLE added PARTITION OF ready FOR VALUES FROM (300) TO (400)",
  "create-partition-default": "CREATE TABLE added PARTITION OF plain DEFAULT",
  "create-partitioned-table": "CREATE TABLE added (id int) PARTITION BY RANGE (id)",
  "drop-partition": "DROP TABLE plain_a",
  "drop-partition-beside-default": "DROP TABLE part_a",
  "drop-partitioned-table": "DROP TABLE parted",
  "truncate-partition": "TRUNCATE part_a",
  "truncate-partitioned-table": "TRUNCATE parted",
  "create-trigger-partitioned":
    "CREATE TRIGGER added AFTER INSERT ON parted FOR EACH ROW EXECUTE FUNCTION nothing()",
  "rename-partitioned-table": "ALTER TABLE parted RENAME TO renamed",
  "rename-partition": "ALTER TABLE part_a RENAME TO renamed",
  inherit: "ALTER TABLE like_base INHERIT base",
  "no-inherit": "ALTER TABLE heir NO INHERIT base",
  "create-table-inherits": "CREATE TABLE added () INHERITS (base)",
  "drop-table-inherited": "DROP TABLE heir",
} as const satisfies Shapes;
