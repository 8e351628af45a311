import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { queriesInRecords, type Unread } from "./records.ts";
import { queriesInSource } from "./source.ts";
import { queriesInSql } from "./sql-files.ts";
import type { Found } from "./query.ts";

export interface FoundInFiles {
  readonly found: readonly Found[];
  readonly unread: readonly Unread[];
  readonly files: number;
}

const KINDS = [
  {
    ending: /\.sql$/iu,
    read: (file: string, text: string) => ({ found: queriesInSql(file, text), unread: [] }),
  },
  { ending: /\.(?:ndjson|jsonl|json|csv)$/iu, read: queriesInRecords },
  {
    ending: /\.[cm]?[jt]sx?$/iu,
    read: (file: string, text: string) => ({ found: queriesInSource(file, text), unread: [] }),
  },
] as const;

/** In folders only what is meant as queries or programs; a `.json` there may be anything. */
const IN_FOLDERS = /\.(?:sql|ndjson|jsonl|[cm]?[jt]sx?)$/iu;
const PASSED_OVER = /^(?:node_modules|dist|\..*)$/u;

/** Reads queries from files and folders. Throws the file system's error where a path cannot be read. */
export async function queriesInFiles(paths: readonly string[]): Promise<FoundInFiles> {
  const files = (await Promise.all(paths.map((path) => filesAt(path)))).flat();
  const found: Found[] = [];
  const unread: Unread[] = [];
  for (const file of files) {
    const kind = KINDS.find(({ ending }) => ending.test(file));
    if (kind === undefined) {
      unread.push({ file, line: 1, says: "not a kind of file that queries are read from" });
      continue;
    }
    const read = kind.read(file, await readFile(file, "utf8"));
    found.push(...read.found);
    unread.push(...read.unread);
  }
  return { found, unread, files: files.length };
}

async function filesAt(path: string): Promise<readonly string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  const entries = await readdir(path, { withFileTypes: true });
  const below = entries
    .filter(({ name }) => !PASSED_OVER.test(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((entry) => {
      const at = join(path, entry.name);
      if (entry.isDirectory()) return filesAt(at);
      return Promise.resolve(entry.isFile() && IN_FOLDERS.test(entry.name) ? [at] : []);
    });
  return (await Promise.all(below)).flat();
}
