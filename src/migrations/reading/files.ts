import { readdir, readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Cause } from "../../core/units.ts";
import type { SourceFile } from "./model.ts";

/** Where migrations lie when nobody says where. */
const USUAL_FOLDERS = [
  "migrations",
  "db/migrations",
  "db/migrate",
  "prisma/migrations",
  "drizzle",
  "supabase/migrations",
  "sql/migrations",
  "src/migrations",
  "src/main/resources/db/migration",
];

/** More than any history of migrations; beyond it the path is another one than was meant. */
const MOST_FILES = 20_000;

export type Found =
  | { readonly is: "found"; readonly files: readonly SourceFile[]; readonly others: readonly SourceFile[] }
  | { readonly is: "none"; readonly cause: Cause; readonly next: string };

/** Reads the `.sql` files at these paths, folders with all below, and what beside them says how they are run. */
export async function findFiles(paths: readonly string[], cwd: string): Promise<Found> {
  const wanted = paths.length > 0 ? paths : await usualFolders(cwd);
  const files = new Map<string, string>();
  const others = new Map<string, string>();
  for (const path of wanted) {
    const listed = await list(path, cwd);
    if (typeof listed === "string")
      return none("TEAL-M001", `${path}: ${listed}`, "teal migrate lint PATH...");
    for (const file of listed) {
      if (files.size > MOST_FILES)
        return none(
          "TEAL-M002",
          `${path} holds more than ${MOST_FILES} .sql files`,
          "teal migrate lint PATH...",
        );
      const text = await readFile(resolve(cwd, file), "utf8").catch((error: Error) => error);
      if (typeof text !== "string")
        return none("TEAL-M001", `${file}: ${text.message}`, "teal migrate lint PATH...");
      // A path that was named is SQL whatever it is called.
      (file.endsWith(".sql") || file === path ? files : others).set(file.replace(/^\.\//u, ""), text);
    }
  }
  if (files.size === 0) {
    const where =
      wanted.length === 0
        ? `none of ${USUAL_FOLDERS.join(", ")} is here`
        : `no .sql file in ${wanted.join(", ")}`;
    return none("TEAL-M002", `No migrations found: ${where}.`, "teal migrate lint FOLDER");
  }
  const sources = (map: ReadonlyMap<string, string>) => [...map].map(([path, text]) => ({ path, text }));
  return { is: "found", files: sources(files), others: sources(others) };
}

function none(code: string, message: string, next: string): Found {
  return { is: "none", cause: { code, message }, next };
}

async function usualFolders(cwd: string): Promise<readonly string[]> {
  const there = await Promise.all(
    USUAL_FOLDERS.map(async (folder) => {
      const found = await stat(resolve(cwd, folder)).catch(() => undefined);
      return found?.isDirectory() === true ? [folder] : [];
    }),
  );
  return there.flat();
}

/** The files of a path that matter; what is wrong with it otherwise. */
async function list(path: string, cwd: string): Promise<readonly string[] | string> {
  const found = await stat(resolve(cwd, path)).catch(() => undefined);
  if (found === undefined) return "no such file or folder";
  if (!found.isDirectory()) return [path];
  const folder = path.replace(/\/+$/u, "");
  const entries = await readdir(resolve(cwd, folder), { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile() && matters(entry.name))
    .map((entry) =>
      join(folder, join(entry.parentPath, entry.name).slice(resolve(cwd, folder).length)).replaceAll(
        "\\",
        "/",
      ),
    )
    .filter((file) => !/(?:^|\/)(?:node_modules|\.[^/.][^/]*)\//u.test(file))
    .sort();
}

function matters(name: string): boolean {
  return (
    name.endsWith(".sql") ||
    name.endsWith(".sql.conf") ||
    name === "_journal.json" ||
    name === "snapshot.json"
  );
}
