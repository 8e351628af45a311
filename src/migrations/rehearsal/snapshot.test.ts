import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadParser } from "../reading/parser.ts";
import { openShadow } from "./snapshot.ts";

const DUMP = `\\restrict abc
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION vector;
SELECT pg_catalog.set_config('search_path', '', false);
CREATE VIEW public.early AS SELECT id FROM public.users;
CREATE TABLE public.users (id int PRIMARY KEY, email text, place public.vector(3));
ALTER TABLE public.users OWNER TO shop_owner;
COPY public.users (id, email) FROM stdin;
1\ta
\\.
CREATE INDEX ON public.users USING hnsw (place);
GRANT SELECT ON public.users TO reader;
\\unrestrict abc
`;

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), "teal-shadow-"))));
afterAll(() => rm(folder, { recursive: true }));

test("a dump is loaded with stubs, kept as a snapshot and found again; a broken snapshot is made anew", async () => {
  const parser = await loadParser();
  const first = await openShadow(DUMP, parser, folder);
  expect(first.from).toBe("schema");
  expect(first.loaded).toMatchObject({
    missingExtensions: ["vector"],
    stubTypes: ['"public"."vector"'],
    // No table depends on it, and nobody can make up an access method.
    skipped: [{ text: "CREATE INDEX ON public.users USING hnsw (place)", error: { code: "42704" } }],
  });
  const asked =
    "SELECT count(*)::int AS rows, has_table_privilege('reader', 'public.users', 'SELECT') AS reads FROM early";
  expect(await first.shadow.rows(asked)).toEqual([{ rows: 0, reads: true }]);
  await first.shadow.close();

  const second = await openShadow(DUMP, parser, folder);
  expect([second.from, second.loaded]).toEqual(["snapshot", first.loaded]);
  expect(await second.shadow.rows(asked)).toEqual([{ rows: 0, reads: true }]);
  await second.shadow.close();

  const archive = (await readdir(folder)).find((name) => name.endsWith(".zst")) ?? "";
  await writeFile(join(folder, archive), "half");
  const third = await openShadow(DUMP, parser, folder);
  expect(third.from).toBe("schema");
  await third.shadow.close();
  expect((await readdir(folder)).length).toBe(2);
});
