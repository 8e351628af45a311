import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Replaces a file so that a reader, or a machine that lost power, finds the old content or the new one, never a part:
 * temporary file in the same folder, fsync, rename, fsync of the folder. Synchronous on purpose: callers acknowledge
 * after it returns, and the files are a few kilobytes.
 */
export function writeDurably(path: string, content: string, mode = 0o600): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    // Not `writeSync`: a disk that fills up takes a part and says so only to the next write.
    writeFileSync(temporary, content, { mode, flush: true });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  const folder = openSync(dirname(path), "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** The parsed content, or undefined when there is no such file. A file that is not JSON throws: nothing here writes one. */
export function readJson<T>(path: string): T | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  return JSON.parse(text) as T;
}
