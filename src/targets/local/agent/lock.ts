/**
 * Makes this process the only one that holds the lock, such as the only agent of a service. SQLite's exclusive lock is
 * one of the kernel's file locks (Node offers none of its own): it ends with the process, however that ends, so it can
 * never outlive its holder.
 * @param wait how long (ms) another holder is waited for; nothing else happens in this process meanwhile.
 * @returns a function that gives the lock back, or undefined when another process holds it.
 */
export function lockAlone(path: string, wait = 0): (() => void) | undefined {
  // Loaded when needed: `teal status` locks nothing.
  const { DatabaseSync } = process.getBuiltinModule("node:sqlite");
  const database = new DatabaseSync(path, { timeout: wait });
  try {
    database.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return undefined;
    throw error;
  }
  return () => database.close();
}

const SQLITE_BUSY = 5;
