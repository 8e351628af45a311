import { describe, expect, test } from "vitest";
import { KNOWN_CODES } from "../rules/index.ts";
import { loadParser } from "./parser.ts";
import { pieces } from "./pieces.ts";
import { readMigrations } from "./read.ts";

const parser = await loadParser();
const read = (path: string, text: string, others: { path: string; text: string }[] = []) =>
  readMigrations([{ path, text }], others, parser, KNOWN_CODES);
const statements = (text: string) => read("a.sql", text).migrations[0]?.statements.map((one) => one.text);
const modes = (path: string, text: string, others: { path: string; text: string }[] = []) =>
  read(path, text, others).migrations.map(({ layout, direction, transaction, statements: of }) => [
    layout,
    direction,
    transaction,
    of.length,
  ]);

describe("statements", () => {
  test.each([
    ["select ';' ; select 2", ["select ';'", "select 2"]],
    ["select $a$ ; $$ ; $a$; select 2;", ["select $a$ ; $$ ; $a$", "select 2"]],
    ["select 1 -- ; no\n; /* ; /* ; */ ; */ select 2", ["select 1", "select 2"]],
    ["select E'\\'; ' ; select 2", ["select E'\\'; '", "select 2"]],
    ['select 1 as "a;""b"; select 2', ['select 1 as "a;""b"', "select 2"]],
    [
      "create function f() returns int begin atomic; select case when true then 1 end; end; select 2",
      ["create function f() returns int begin atomic; select case when true then 1 end; end", "select 2"],
    ],
    [
      "create rule r as on insert to a do also (select 1; select 2); select 3",
      ["create rule r as on insert to a do also (select 1; select 2)", "select 3"],
    ],
    ["\uFEFFselect 1;\r\nselect 2;", ["select 1", "select 2"]],
    ["copy a from stdin;\n1\t;\n\\.\nselect 1;", ["copy a from stdin", "select 1"]],
    ["\\restrict abc\nselect 1;\n\\unrestrict abc", ["select 1"]],
    ["select 1 \\gexec\nselect 2;", ["select 1", "select 2"]],
    [";;", []],
  ])("%j", (text, expected) => {
    expect(statements(text)).toEqual(expected);
  });

  test("positions count lines of every kind and characters of every width", () => {
    const text = "-- é😀\r\nselect 'é😀',\n\tfrm frm frm;\n";
    const [problem] = read("a.sql", text).problems;
    expect(problem).toMatchObject({ code: "TEAL-M101", span: { line: 3, column: 10 } });
    expect(text.slice(problem?.span.offset, (problem?.span.offset ?? 0) + 3)).toBe("frm");
  });

  test("one that does not parse spoils no other", () => {
    const { migrations, problems } = read("a.sql", "select 1; slect 2; select 3;");
    expect(migrations[0]?.statements.map(({ span }) => span.column)).toEqual([1, 20]);
    expect(problems.map(({ says }) => says)).toEqual(['syntax error at or near "slect"']);
  });
});

describe("what is no SQL", () => {
  test.each([
    ["\\i b.sql", ["TEAL-M103"]],
    ["select 1 \\gexec", ["TEAL-M103"]],
    ["copy a from stdin;\n1", ["TEAL-M106"]],
    ["create table ${schema}.a (id int);", []],
    ["create table {{ schema }}.a (id int);", []],
    ["alter table :name add column a int;", []],
    ["{% if x %} select 1; {% endif %}", ["TEAL-M102", "TEAL-M102"]],
    ["select '${value}';", []],
  ])("%j", (text, codes) => {
    expect(read("a.sql", text).problems.map(({ code }) => code)).toEqual(codes);
  });
});

describe("layouts", () => {
  const two = "select 1; select 2;";
  const index = "create index concurrently i on a (b);";
  const goose = (more: string) => `-- +goose Up\n${more}${two}\n-- +goose Down\nselect 3;`;
  const dbmate = (more: string) => `-- migrate:up${more}\n${two}\n-- migrate:down\nselect 3;`;
  test.each([
    ["plain", "a.sql", two, [["plain", "up", "perStatement", 2]]],
    ["flyway", "V1__a.sql", two, [["flyway", "up", "one", 2]]],
    ["flyway, undo", "U1__a.sql", two, [["flyway", "down", "one", 2]]],
    ["flyway, not in a transaction", "V1__a.sql", index, [["flyway", "up", "perStatement", 1]]],
    ["golang-migrate", "1_a.up.sql", two, [["golang-migrate", "up", "one", 2]]],
    ["golang-migrate, one statement", "1_a.down.sql", index, [["golang-migrate", "down", "perStatement", 1]]],
    [
      "goose",
      "1.sql",
      goose(""),
      [
        ["goose", "up", "one", 2],
        ["goose", "down", "one", 1],
      ],
    ],
    [
      "goose, bare",
      "1.sql",
      goose("-- +goose NO TRANSACTION\n"),
      [
        ["goose", "up", "perStatement", 2],
        ["goose", "down", "perStatement", 1],
      ],
    ],
    [
      "dbmate",
      "1.sql",
      dbmate(""),
      [
        ["dbmate", "up", "one", 2],
        ["dbmate", "down", "one", 1],
      ],
    ],
    [
      "dbmate, bare",
      "1.sql",
      dbmate(" transaction:false"),
      [
        ["dbmate", "up", "one", 2],
        ["dbmate", "down", "one", 1],
      ],
    ],
    ["prisma", "1_a/migration.sql", index, [["prisma", "up", "perStatement", 1]]],
    [
      "drizzle",
      "a/migration.sql",
      "select 1;--> statement-breakpoint\nselect 2;",
      [["drizzle", "up", "one", 2]],
    ],
    [
      "node-pg-migrate",
      "a.sql",
      "-- Up Migration\nselect 1;\n-- Down Migration\nselect 2;",
      [
        ["node-pg-migrate", "up", "one", 1],
        ["node-pg-migrate", "down", "one", 1],
      ],
    ],
    [
      "tern",
      "a.sql",
      "select 1;\n---- create above / drop below ----\nselect 2;",
      [
        ["tern", "up", "one", 1],
        ["tern", "down", "one", 1],
      ],
    ],
    [
      "sqitch",
      "deploy/a.sql",
      "-- Deploy shop:a to pg\nBEGIN;\nselect 1;\nCOMMIT;",
      [["sqitch", "up", "perStatement", 3]],
    ],
    [
      "graphile-migrate",
      "a.sql",
      "--! Previous: -\n--! no-transaction\nselect 1;",
      [["graphile-migrate", "up", "perStatement", 1]],
    ],
    ["rails schema", "db/structure.sql", two, []],
    ["pg_dump", "dump.sql", `--\n-- PostgreSQL database dump\n--\n${two}`, []],
  ] as const)("%s", (_, path, text, expected) => {
    expect(modes(path, text)).toEqual(expected);
  });

  test("drizzle by its journal, flyway by its configuration", () => {
    expect(modes("d/1.sql", two, [{ path: "d/meta/_journal.json", text: "{}" }])).toEqual([
      ["drizzle", "up", "one", 2],
    ]);
    expect(
      modes("d/V1__a.sql", two, [{ path: "d/V1__a.sql.conf", text: "executeInTransaction=false\n" }]),
    ).toEqual([["flyway", "up", "perStatement", 2]]);
  });

  test("in the order of their numbers", () => {
    const files = ["V10__a.sql", "V9__a.sql"].map((path) => ({ path, text: two }));
    expect(readMigrations(files, [], parser, KNOWN_CODES).migrations.map(({ name }) => name)).toEqual([
      "V9__a.sql",
      "V10__a.sql",
    ]);
  });
});

test("pieces lie in the text, in order, without overlap, whatever the text", () => {
  for (const text of [
    "'",
    '"',
    "$$",
    "/*",
    "--",
    "\\",
    "e'\\",
    "copy a from stdin;\n",
    "{{",
    "$a$ $b$",
    "((",
    "create function f() begin",
  ]) {
    let last = 0;
    for (const { start, end } of pieces(text)) {
      expect(start).toBeGreaterThanOrEqual(last);
      expect(end).toBeLessThanOrEqual(text.length);
      last = end;
    }
  }
});
