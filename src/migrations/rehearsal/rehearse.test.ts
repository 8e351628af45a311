import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { knownQueries } from "../queries/known.ts";
import { queriesInSql } from "../queries/sql-files.ts";
import { loadParser, type Parser } from "../reading/parser.ts";
import { readMigrations } from "../reading/read.ts";
import { startPglite } from "./pglite.ts";
import { type Rehearsal, type Request, rehearse } from "./rehearse.ts";
import { loadSchema, readSchema } from "./schema.ts";
import type { Shadow } from "./shadow.ts";

const SCHEMA = `
CREATE TABLE users (id int PRIMARY KEY, email text NOT NULL UNIQUE, age int, name varchar(100));
CREATE TABLE orders (id int PRIMARY KEY, user_id int NOT NULL, total int NOT NULL DEFAULT 0);`;

let shadow: Shadow;
let parser: Parser;

beforeAll(async () => {
  parser = await loadParser();
  shadow = await startPglite([], undefined);
});
afterAll(() => shadow.close());

interface Story {
  readonly schema?: string;
  readonly queries: string;
  readonly candidate?: string;
  readonly prepared?: Request["prepared"];
  readonly role?: string;
}

/** Rehearses in a schema of its own; every string is SQL, every migration a file. */
async function tell(migrations: string | readonly string[], story: Story): Promise<Rehearsal> {
  await shadow.run([
    "DEALLOCATE ALL",
    "DROP SCHEMA public CASCADE",
    "CREATE SCHEMA public",
    "GRANT ALL ON SCHEMA public TO public",
  ]);
  const loaded = await loadSchema(shadow, readSchema(story.schema ?? SCHEMA, parser), []);
  expect(loaded.skipped).toEqual([]);
  const files = [migrations].flat().map((text, index) => ({ path: `${index + 1}.sql`, text }));
  return rehearse({
    shadow,
    loaded,
    parser,
    migrations: readMigrations(files, [], parser, new Set()).migrations,
    live: await knownQueries(queriesInSql("live.sql", story.queries), parser),
    candidate: await knownQueries(queriesInSql("candidate.sql", story.candidate ?? ""), parser),
    prepared: story.prepared ?? "unknown",
    ...(story.role === undefined ? {} : { role: story.role }),
  });
}

/** `breaks 42703`, `unproven TEAL-M604`, `proven`: of each query in its order. */
function verdicts({ judged }: Rehearsal): readonly string[] {
  return judged.map(({ verdict }) =>
    verdict.is === "proven"
      ? "proven"
      : `${verdict.is} ${(verdict.is === "breaks" ? verdict.error?.code : undefined) ?? verdict.code}`,
  );
}

describe("hazards that the server itself names", () => {
  test.each([
    ["a column dropped", "ALTER TABLE users DROP COLUMN age", "SELECT age FROM users", "breaks 42703"],
    [
      "a column renamed",
      "ALTER TABLE users RENAME email TO mail",
      "UPDATE users SET email = $1 WHERE id = $2",
      "breaks 42703",
    ],
    ["a table renamed", "ALTER TABLE users RENAME TO people", "SELECT id FROM users", "breaks 42P01"],
    [
      "a name ambiguous",
      "ALTER TABLE orders ADD email text",
      "SELECT email FROM users JOIN orders ON orders.user_id = users.id",
      "breaks 42702",
    ],
    [
      "the index of ON CONFLICT lost",
      "ALTER TABLE users DROP CONSTRAINT users_email_key",
      "INSERT INTO users (id, email) VALUES ($1, $2) ON CONFLICT (email) DO NOTHING",
      "breaks 42P10",
    ],
    [
      "a column generated",
      "ALTER TABLE users DROP COLUMN age, ADD age int GENERATED ALWAYS AS (id + 1) STORED",
      "INSERT INTO users (id, email, age) VALUES ($1, $2, $3)",
      "breaks 428C9",
    ],
    [
      "another signature",
      "DROP FUNCTION twice(int); CREATE FUNCTION twice(text) RETURNS text LANGUAGE sql AS 'SELECT $1 || $1'",
      "SELECT twice(id) FROM users",
      "breaks 42883",
    ],
  ])("%s", async (_, migration, query, verdict) => {
    const schema = `${SCHEMA} CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT $1 * 2';`;
    expect(verdicts(await tell(migration, { schema, queries: query }))).toEqual([verdict]);
  });

  test("a right taken away from the role that sends the queries", async () => {
    const schema = `${SCHEMA} GRANT SELECT ON users TO shop;`;
    const rehearsal = await tell("REVOKE SELECT ON users FROM shop", {
      schema,
      queries: "SELECT id FROM users",
      role: "shop",
    });
    expect(verdicts(rehearsal)).toEqual(["breaks 42501"]);
  });
});

describe("a statement that was prepared before", () => {
  const story = { queries: "SELECT * FROM users WHERE id = $1; SELECT id, email FROM users WHERE id = $1" };

  test("is refused with the server's own 0A000 once a column is added, an explicit list is not", async () => {
    const rehearsal = await tell("ALTER TABLE users ADD phone text", { ...story, prepared: "kept" });
    expect(verdicts(rehearsal)).toEqual(["breaks 0A000", "proven"]);
    const [first] = rehearsal.judged;
    expect(first?.verdict).toMatchObject({ error: { message: "cached plan must not change result type" } });
  });

  test("is unproven where nobody says what the driver does, and fine where it keeps none", async () => {
    expect(verdicts(await tell("ALTER TABLE users ADD phone text", story))).toEqual([
      "unproven TEAL-M604",
      "proven",
    ]);
    const notKept = await tell("ALTER TABLE users ADD phone text", { ...story, prepared: "notKept" });
    expect(verdicts(notKept)).toEqual(["proven", "proven"]);
  });
});

describe("what the program sees and the server does not mind", () => {
  test.each([
    ["int to bigint", "ALTER TABLE users ALTER age TYPE bigint", "SELECT age FROM users", "breaks TEAL-M602"],
    ["varchar to text", "ALTER TABLE users ALTER name TYPE text", "SELECT name FROM users", "proven"],
    ["a column gone from *", "ALTER TABLE users DROP COLUMN age", "SELECT * FROM users", "breaks TEAL-M602"],
  ])("%s", async (_, migration, query, verdict) => {
    expect(verdicts(await tell(migration, { queries: query, prepared: "notKept" }))).toEqual([verdict]);
  });
});

describe("writes and what binds them", () => {
  const insert = "INSERT INTO users (id, email) VALUES ($1, $2)";

  test.each([
    [
      "a required column that the INSERT omits",
      "ALTER TABLE users ADD phone text NOT NULL",
      insert,
      "breaks TEAL-M603",
    ],
    ["with a default", "ALTER TABLE users ADD phone text NOT NULL DEFAULT ''", insert, "proven"],
    [
      "a default dropped",
      "ALTER TABLE orders ALTER total DROP DEFAULT",
      "INSERT INTO orders (id, user_id) VALUES (1, 2)",
      "breaks TEAL-M603",
    ],
    [
      "DEFAULT written out",
      "ALTER TABLE orders ALTER total DROP DEFAULT",
      "INSERT INTO orders VALUES (1, 2, DEFAULT)",
      "breaks TEAL-M603",
    ],
    [
      "NOT NULL on a written column",
      "ALTER TABLE users ALTER age SET NOT NULL",
      "UPDATE users SET age = $1",
      "unproven TEAL-M611",
    ],
    [
      "NOT NULL on another column",
      "ALTER TABLE users ALTER age SET NOT NULL",
      "UPDATE users SET name = $1",
      "proven",
    ],
    [
      "a CHECK on a written column",
      "ALTER TABLE users ADD CHECK (age > 0) NOT VALID",
      "UPDATE users SET age = $1",
      "unproven TEAL-M611",
    ],
    [
      "a CHECK on another column",
      "ALTER TABLE users ADD CHECK (age > 0)",
      "UPDATE users SET name = $1",
      "proven",
    ],
    [
      "UNIQUE on a written column",
      "CREATE UNIQUE INDEX ON users (name)",
      "UPDATE users SET name = $1",
      "unproven TEAL-M611",
    ],
    [
      "a foreign key to rows that are deleted",
      "ALTER TABLE orders ADD FOREIGN KEY (user_id) REFERENCES users",
      "DELETE FROM users WHERE id = $1",
      "unproven TEAL-M611",
    ],
    [
      "narrower",
      "ALTER TABLE users ALTER name TYPE varchar(10)",
      "UPDATE users SET name = $1",
      "unproven TEAL-M611",
    ],
    ["wider", "ALTER TABLE users ALTER name TYPE varchar(200)", "UPDATE users SET name = $1", "proven"],
    ["a plain index", "CREATE INDEX ON users (name)", insert, "proven"],
  ])("%s", async (_, migration, query, verdict) => {
    expect(verdicts(await tell(migration, { queries: query }))).toEqual([verdict]);
  });

  test("a trigger whose body names what changes", async () => {
    const schema = `${SCHEMA}
      CREATE FUNCTION count_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE users SET age = 1; RETURN NEW; END $$;
      CREATE TRIGGER up BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION count_up();`;
    const queries = "INSERT INTO orders (id, user_id) VALUES ($1, $2)";
    expect(verdicts(await tell("ALTER TABLE users DROP COLUMN age", { schema, queries }))).toEqual([
      "unproven TEAL-M612",
    ]);
  });

  test("questions that only real rows answer run on the schema as it is before", async () => {
    const migration =
      "ALTER TABLE users ALTER age SET NOT NULL, ADD CHECK (age > 0); CREATE UNIQUE INDEX ON users (name);" +
      "ALTER TABLE orders ADD FOREIGN KEY (user_id) REFERENCES users";
    const { questions } = await tell(migration, { queries: "" });
    expect(questions).toHaveLength(4);
    await tell("SELECT 1", { queries: "" });
    expect(await shadow.run(questions)).toEqual([undefined, undefined, undefined, undefined]);
  });
});

describe("the run", () => {
  test("names the first of several migrations that breaks a query", async () => {
    const rehearsal = await tell(["ALTER TABLE users ADD x int", "ALTER TABLE users DROP COLUMN age"], {
      queries: "SELECT age FROM users",
    });
    expect(rehearsal.judged).toMatchObject([{ migration: "2.sql", verdict: { is: "breaks" } }]);
  });

  test("a migration that fails itself is named with its place, and proves nothing", async () => {
    const rehearsal = await tell("ALTER TABLE users ADD x int;\n  ALTER TABLE nobody ADD y int;", {
      queries: "SELECT id FROM users",
    });
    expect(rehearsal.failed).toMatchObject({ file: "1.sql", line: 2, column: 3, error: { code: "42P01" } });
    expect(rehearsal.coverage).toMatchObject({ queries: 1, proven: 0, unproven: 1 });
  });

  test("the candidate is judged on the schema after: before any contract it may be without a column it needs", async () => {
    const candidate = "SELECT phone FROM users; SELECT address FROM users";
    const rehearsal = await tell("ALTER TABLE users ADD phone text", { queries: "", candidate });
    expect(verdicts(rehearsal)).toEqual(["proven", "breaks 42703"]);
  });

  test("a query that is refused before, or cannot be parsed, is unproven", async () => {
    const rehearsal = await tell("ALTER TABLE users ADD phone text", {
      queries: "SELECT nope FROM users; SELEC 1; COMMIT",
    });
    expect(verdicts(rehearsal)).toEqual(["unproven TEAL-M610", "unproven TEAL-M615", "proven"]);
  });

  test("the same facts give the same evidence, another query another", async () => {
    const [a, b, c] = [
      await tell("ALTER TABLE users ADD x int", { queries: "SELECT id FROM users" }),
      await tell("ALTER TABLE users ADD x int", { queries: "SELECT id FROM users" }),
      await tell("ALTER TABLE users ADD x int", { queries: "SELECT name FROM users" }),
    ];
    expect(a.evidence).toBe(b.evidence);
    expect(a.evidence).not.toBe(c.evidence);
  });

  test("a migration that adds only new tables never breaks a query", async () => {
    const queries = `SELECT * FROM users; SELECT email FROM users u JOIN orders o ON o.user_id = u.id;
      INSERT INTO users (id, email) VALUES ($1, $2) ON CONFLICT (email) DO UPDATE SET age = $3;
      UPDATE orders SET total = total + $1; DELETE FROM users WHERE id = $1;`;
    const column = fc.record({
      name: fc.constantFrom("id", "email", "age", "total", "user_id", "x"),
      type: fc.constantFrom("int NOT NULL", "text", "bigint DEFAULT 1", "int UNIQUE", "int CHECK (true)"),
    });
    const columns = fc.uniqueArray(column, { selector: ({ name }) => name, minLength: 1 });
    await fc.assert(
      fc.asyncProperty(columns, fc.integer({ min: 1, max: 3 }), async (list, count) => {
        const body = list.map(({ name, type }) => `${name} ${type}`).join(", ");
        const files = Array.from({ length: count }, (_, index) => `CREATE TABLE added_${index} (${body})`);
        const rehearsal = await tell(files, { queries, prepared: "kept" });
        expect(verdicts(rehearsal)).toEqual(["proven", "proven", "proven", "proven", "proven"]);
      }),
      { numRuns: 15 },
    );
  });
});
