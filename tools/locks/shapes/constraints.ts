import type { Shapes } from "../shape.ts";

const NULLABLE = "CREATE UNIQUE INDEX t_ready ON t (n)";
const NOT_NULL = "ALTER TABLE t ALTER COLUMN n SET NOT NULL; CREATE UNIQUE INDEX t_ready ON t (n)";
const WITHOUT_KEY = "CREATE UNIQUE INDEX lone_ready ON lone (id)";

/** Constraints, and the foreign keys among them, which lock two tables. */
export const CONSTRAINTS = {
  "add-check": "ALTER TABLE t ADD CONSTRAINT added CHECK (n > 0)",
  "add-check-not-valid": "ALTER TABLE t ADD CONSTRAINT added CHECK (n > 0) NOT VALID",
  "validate-check": "ALTER TABLE t VALIDATE CONSTRAINT t_later",
  "validate-check-again": "ALTER TABLE t VALIDATE CONSTRAINT t_checked",
  "add-and-validate-check":
    "ALTER TABLE t ADD CONSTRAINT added CHECK (n > 0) NOT VALID, VALIDATE CONSTRAINT added",
  "add-check-not-enforced": "ALTER TABLE t ADD CONSTRAINT added CHECK (n > 0) NOT ENFORCED",
  "add-check-partitioned": "ALTER TABLE parted ADD CONSTRAINT added CHECK (n >= 0)",
  "add-check-not-valid-partitioned": "ALTER TABLE parted ADD CONSTRAINT added CHECK (n >= 0) NOT VALID",
  "drop-check": "ALTER TABLE t DROP CONSTRAINT t_checked",
  "drop-constraint-if-exists": "ALTER TABLE t DROP CONSTRAINT IF EXISTS missing",
  "rename-constraint": "ALTER TABLE t RENAME CONSTRAINT t_checked TO renamed",
  "rename-constraint-unique": "ALTER TABLE t RENAME CONSTRAINT t_single TO renamed",
  "add-not-null": "ALTER TABLE t ADD CONSTRAINT added NOT NULL n",
  "add-not-null-not-valid": "ALTER TABLE t ADD CONSTRAINT added NOT NULL n NOT VALID",
  "validate-not-null": {
    sql: "ALTER TABLE t VALIDATE CONSTRAINT added",
    before: "ALTER TABLE t ADD CONSTRAINT added NOT NULL n NOT VALID",
    since: 18,
  },
  "set-not-null-over-not-valid": {
    sql: "ALTER TABLE t ALTER COLUMN n SET NOT NULL",
    before: "ALTER TABLE t ADD CONSTRAINT added NOT NULL n NOT VALID",
    since: 18,
  },
  "add-unique": "ALTER TABLE t ADD CONSTRAINT added UNIQUE (n)",
  "add-unique-nulls-not-distinct": "ALTER TABLE t ADD CONSTRAINT added UNIQUE NULLS NOT DISTINCT (n)",
  "add-unique-using-index": "ALTER TABLE t ADD CONSTRAINT added UNIQUE USING INDEX t_n",
  "add-unique-partitioned": "ALTER TABLE parted ADD CONSTRAINT added UNIQUE (id, n)",
  "drop-unique": "ALTER TABLE t DROP CONSTRAINT t_single",
  "add-primary-key": "ALTER TABLE lone ADD PRIMARY KEY (id)",
  "add-primary-key-not-null": {
    sql: "ALTER TABLE lone ADD PRIMARY KEY (id)",
    before: "ALTER TABLE lone ALTER COLUMN id SET NOT NULL",
  },
  "add-primary-key-using-index": {
    sql: "ALTER TABLE lone ADD CONSTRAINT added PRIMARY KEY USING INDEX lone_ready",
    before: `${WITHOUT_KEY}; ALTER TABLE lone ALTER COLUMN id SET NOT NULL`,
  },
  "add-primary-key-using-index-nullable": {
    sql: "ALTER TABLE lone ADD CONSTRAINT added PRIMARY KEY USING INDEX lone_ready",
    before: WITHOUT_KEY,
  },
  "replace-primary-key-using-index": {
    sql: "ALTER TABLE t DROP CONSTRAINT t_pkey, ADD CONSTRAINT t_pkey PRIMARY KEY USING INDEX t_ready",
    before: NOT_NULL,
  },
  "replace-unique-using-index": {
    sql: "ALTER TABLE t DROP CONSTRAINT t_single, ADD CONSTRAINT t_single UNIQUE USING INDEX t_ready",
    before: NULLABLE,
  },
  "drop-primary-key": "ALTER TABLE t DROP CONSTRAINT t_pkey",
  "drop-primary-key-referenced": "ALTER TABLE referenced DROP CONSTRAINT referenced_pkey CASCADE",
  "add-exclusion": "ALTER TABLE t ADD CONSTRAINT added EXCLUDE USING btree (n WITH =)",
  "drop-exclusion": "ALTER TABLE t DROP CONSTRAINT t_excluded",
  "add-foreign-key": "ALTER TABLE t ADD CONSTRAINT added FOREIGN KEY (n) REFERENCES referenced",
  "add-foreign-key-not-valid":
    "ALTER TABLE t ADD CONSTRAINT added FOREIGN KEY (n) REFERENCES referenced NOT VALID",
  "add-foreign-key-not-enforced":
    "ALTER TABLE t ADD CONSTRAINT added FOREIGN KEY (n) REFERENCES referenced NOT ENFORCED",
  "add-foreign-key-to-unique-index":
    "ALTER TABLE t ADD CONSTRAINT added FOREIGN KEY (n) REFERENCES referenced (code)",
  "add-foreign-key-to-itself": "ALTER TABLE t ADD CONSTRAINT added FOREIGN KEY (n) REFERENCES t (id)",
  "add-foreign-key-on-partitioned":
    "ALTER TABLE plain ADD CONSTRAINT added FOREIGN KEY (n) REFERENCES referenced",
  "add-foreign-key-not-valid-on-partitioned":
    "ALTER TABLE plain ADD CONSTRAINT added FOREIGN KEY (n) REFERENCES referenced NOT VALID",
  "add-foreign-key-to-partitioned":
    "ALTER TABLE lone ADD CONSTRAINT added FOREIGN KEY (n) REFERENCES parted NOT VALID",
  "validate-foreign-key": "ALTER TABLE t VALIDATE CONSTRAINT t_ref_later",
  "alter-foreign-key-deferrable": "ALTER TABLE t ALTER CONSTRAINT t_ref DEFERRABLE",
  "alter-foreign-key-not-enforced": "ALTER TABLE t ALTER CONSTRAINT t_ref NOT ENFORCED",
  "alter-foreign-key-enforced": {
    sql: "ALTER TABLE t ALTER CONSTRAINT t_ref ENFORCED",
    before: "ALTER TABLE t ALTER CONSTRAINT t_ref NOT ENFORCED",
    since: 18,
  },
  "drop-foreign-key": "ALTER TABLE t DROP CONSTRAINT t_ref",
} as const satisfies Shapes;
