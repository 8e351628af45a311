import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadParser, type Parser } from "../reading/parser.ts";
import { queriesInFiles } from "./files.ts";
import { knownQueries } from "./known.ts";
import { queriesInRecords } from "./records.ts";
import { queriesInSource } from "./source.ts";
import { queriesInSql } from "./sql-files.ts";

let parser: Parser;
beforeAll(async () => void (parser = await loadParser()));

const textsOf = (found: readonly { readonly text: string }[]) => found.map(({ text }) => text);

describe(".sql files", () => {
  test("plain statements with their places", () => {
    const found = queriesInSql("a.sql", "SELECT 1;\n\n  SELECT ':no' FROM t -- @no\n WHERE a = $1::int;");
    expect(textsOf(found)).toEqual(["SELECT 1", "SELECT ':no' FROM t -- @no\n WHERE a = $1::int"]);
    expect(found.map(({ origin }) => [origin.line, origin.column])).toEqual([
      [1, 1],
      [3, 3],
    ]);
  });

  test("sqlc: names, and parameters by number", () => {
    const text = `-- name: Find :many
      SELECT sqlc.embed(users) FROM users WHERE id = @id AND a = sqlc.arg('a') AND b = ANY(sqlc.slice('ids')) AND c = @id AND d @> '@x';`;
    const [one] = queriesInSql("a.sql", text);
    expect(one?.origin.name).toBe("Find");
    expect(one?.text).toBe(
      "SELECT users.* FROM users WHERE id = $1 AND a = $2 AND b = ANY($3) AND c = $1 AND d @> '@x'",
    );
  });

  test("pgtyped: names, lists and rows", () => {
    const text = `/* @name Add
  @param rows -> ((id, name)...)
  @param ids -> (...) */
INSERT INTO users (id, name) VALUES :rows RETURNING id::int; /* @name Get */ SELECT 1 FROM users WHERE id = :id! AND a::text = ':x';`;
    const found = queriesInSql("a.sql", text);
    expect(found.map(({ origin }) => origin.name)).toEqual(["Add", "Get"]);
    expect(textsOf(found)).toEqual([
      "INSERT INTO users (id, name) VALUES ($1, $2) RETURNING id::int",
      "SELECT 1 FROM users WHERE id = $1 AND a::text = ':x'",
    ]);
  });
});

describe("records", () => {
  test("a capture; half a line is named and spoils no other", () => {
    const text = '{"sql":"SELECT 1","calls":3,"seen":"2026-11-01T00:00:00Z","name":"one"}\n{"sql":"SEL';
    const { found, unread } = queriesInRecords("c.ndjson", text);
    expect(found).toMatchObject([
      { text: "SELECT 1", calls: 3, origin: { from: "capture", name: "one", line: 1 } },
    ]);
    expect(unread).toMatchObject([{ line: 2 }]);
  });

  test("pg_stat_statements as CSV, with line breaks, commas and quotes in a query", () => {
    const text = 'calls,query\r\n7,"SELECT ""a"",\n b FROM t"\r\n1,SELECT 2\r\n';
    const { found } = queriesInRecords("s.csv", text);
    expect(found).toMatchObject([
      { text: 'SELECT "a",\n b FROM t', calls: 7, origin: { from: "statistics", line: 2 } },
      { text: "SELECT 2", calls: 1, origin: { line: 4 } },
    ]);
  });

  test("pg_stat_statements as JSON", () => {
    const { found } = queriesInRecords("s.json", '[{"query":"SELECT 1","calls":"9"}]');
    expect(found).toMatchObject([{ text: "SELECT 1", calls: 9 }]);
  });
});

describe("source", () => {
  test("literals that begin as queries; comments, regular expressions and prose are none", () => {
    const text = `
      // "SELECT 1"
      const a = /"SELECT 2"/; const half = x / 2; /* 'SELECT 3' */
      db.query("SELECT id\\n FROM t"); say("Select a file: it's"); const b = sql\`SELECT \${f({ a: "UPDATE t SET x = 1" })} + 1\`;
      db.query(\`SELECT * FROM \${name}\`); db.query("SELECT a" + rest);`;
    const found = queriesInSource("a.ts", text);
    expect(
      found.map(({ text: sql, incomplete, origin }) => [sql, incomplete !== undefined, origin.line]),
    ).toEqual([
      ["SELECT id\n FROM t", false, 4],
      ["Select a file: it's", false, 4],
      ["UPDATE t SET x = 1", false, 4],
      ["SELECT $1 + 1", false, 4],
      ["SELECT * FROM $1", true, 5],
      ["SELECT a", true, 5],
    ]);
  });
});

describe("known queries", () => {
  const found = (texts: readonly string[]) =>
    texts.flatMap((text, index) => queriesInSql(`${index}.sql`, text));

  test("alike ones are one, with the sum of their calls and the latest time", async () => {
    const { found: captured } = queriesInRecords(
      "c.ndjson",
      '{"sql":"SELECT a FROM t WHERE id = $1","calls":2,"seen":"2026-01-02"}\n{"sql":"select a from t where id=$1","calls":3,"seen":"2026-01-01"}',
    );
    const queries = await knownQueries(captured, parser);
    expect(queries).toMatchObject([{ calls: 5, seen: "2026-01-02" }]);
    expect(queries[0]?.origins).toHaveLength(2);
  });

  test("a constant is not a parameter, but one number is as good as another", async () => {
    const queries = await knownQueries(
      found(["SELECT 1 FROM t WHERE a = 5", "SELECT 1 FROM t WHERE a = 6", "SELECT 1 FROM t WHERE a = $1"]),
      parser,
    );
    expect(queries.map(({ origins }) => origins.length)).toEqual([2, 1]);
  });

  test("tables and columns that differ in a number only are different; lists of any length are one", async () => {
    const texts = [
      "SELECT a FROM part_1",
      "SELECT a FROM part_2",
      "SELECT a1 FROM part_1",
      "SELECT a2 FROM part_1",
    ];
    expect(await knownQueries(found(texts), parser)).toHaveLength(4);
    const lists = ["SELECT a FROM t WHERE a IN (1, 2)", "SELECT a FROM t WHERE a IN (1, 2, 3)"];
    expect(await knownQueries(found(lists), parser)).toHaveLength(1);
  });

  test("what does not parse stays known, with the reason", async () => {
    const queries = await knownQueries(found(["SELEC 1"]), parser);
    expect(queries).toMatchObject([{ unreadable: expect.stringContaining("does not parse") as string }]);
  });
});

describe("files", () => {
  let folder: string;
  beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), "teal-queries-"))));
  afterAll(() => rm(folder, { recursive: true }));

  test("a folder gives its kinds of files; one of another kind is named where it was asked for", async () => {
    await Promise.all([
      writeFile(join(folder, "a.sql"), "SELECT 1"),
      writeFile(join(folder, "b.ts"), 'db.query("SELECT 2")'),
      writeFile(join(folder, "c.png"), ""),
      writeFile(join(folder, "package.json"), "{}"),
    ]);
    expect(textsOf((await queriesInFiles([folder])).found)).toEqual(["SELECT 1", "SELECT 2"]);
    expect((await queriesInFiles([join(folder, "c.png")])).unread).toHaveLength(1);
    await expect(queriesInFiles([join(folder, "none")])).rejects.toThrow("ENOENT");
  });
});
