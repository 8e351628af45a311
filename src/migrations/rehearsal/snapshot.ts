import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { zstdCompress, zstdDecompress } from "node:zlib";
import type { Parser } from "../reading/parser.ts";
import { availableExtensions, pgliteVersion, startPglite } from "./pglite.ts";
import { type Loaded, loadSchema, readSchema } from "./schema.ts";
import type { Shadow } from "./shadow.ts";

/** Raised when the way a schema is loaded changes: earlier snapshots are not taken then. */
const FORMAT = 1;
/** Snapshots that are kept; each is about 4 MB. */
const KEPT = 8;

export interface Prepared {
  readonly shadow: Shadow;
  readonly loaded: Loaded;
  readonly from: "snapshot" | "schema";
}

/**
 * A shadow database with this schema: from a snapshot in `folder`, where there is one of the same text and engine, else
 * by loading it, which leaves one. A snapshot that cannot be read is made anew.
 */
export async function openShadow(
  schema: string,
  parser: Parser,
  folder: string | undefined,
): Promise<Prepared> {
  const script = readSchema(schema, parser);
  const available = await availableExtensions(script.extensions);
  const key = createHash("sha256")
    .update(JSON.stringify([FORMAT, pgliteVersion(), schema]))
    .digest("hex")
    .slice(0, 32);
  const file = folder === undefined ? undefined : join(folder, `pglite-${pgliteVersion()}-${key}`);
  const kept = file === undefined ? undefined : await read(file);
  if (kept !== undefined)
    return { shadow: await startPglite(available, kept.archive), loaded: kept.loaded, from: "snapshot" };
  const shadow = await startPglite(available, undefined);
  const loaded = await loadSchema(shadow, script, available);
  if (folder !== undefined && file !== undefined) await write(folder, file, await shadow.dump(), loaded);
  return { shadow, loaded, from: "schema" };
}

async function read(
  file: string,
): Promise<{ readonly archive: Uint8Array; readonly loaded: Loaded } | undefined> {
  try {
    const loaded = JSON.parse(await readFile(`${file}.json`, "utf8")) as Loaded;
    const archive = await promisify(zstdDecompress)(await readFile(`${file}.tar.zst`));
    const now = new Date((await stat(file + ".json")).mtimeMs + 1);
    await utimes(`${file}.json`, now, now);
    return { archive, loaded };
  } catch {
    return undefined;
  }
}

/** The report last: a snapshot without one was not finished. Best effort: without it the next run is slower. */
async function write(folder: string, file: string, archive: Uint8Array, loaded: Loaded): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await place(`${file}.tar.zst`, await promisify(zstdCompress)(archive));
    await place(`${file}.json`, JSON.stringify(loaded));
    await prune(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
  }
}

async function place(file: string, content: Uint8Array | string): Promise<void> {
  const beside = `${file}.${process.pid}`;
  await writeFile(beside, content, { mode: 0o600 });
  await rename(beside, file);
}

async function prune(folder: string): Promise<void> {
  const reports = (await readdir(folder)).filter(
    (name) => name.startsWith("pglite-") && name.endsWith(".json"),
  );
  const aged = await Promise.all(
    reports.map(async (name) => ({ name, at: (await stat(join(folder, name))).mtimeMs })),
  );
  for (const { name } of aged.sort((a, b) => b.at - a.at).slice(KEPT)) {
    await rm(join(folder, name), { force: true });
    await rm(join(folder, name.replace(/\.json$/u, ".tar.zst")), { force: true });
  }
}
