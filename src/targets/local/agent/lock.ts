import { DatabaseSync } from "node:sqlite";

/**
 * Makes this process the only agent of a service. SQLite's exclusive lock is one of the kernel's file locks (Node
 * offers none of its own): it ends with the process, however that ends, so it can never outlive its holder.
 * @returns a function that gives the lock back, or undefined when another process holds it.
 */
export function lockAlone(path: string): (() => void) | undefined {
  const database = new DatabaseSync(path, { timeout: 0 });
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
