import type { Cause } from "../../core/units.ts";

/** Names of SQLite's primary result codes that mean the world, not a bug. https://sqlite.org/rescode.html */
const BUSY = 5;
const LOCKED = 6;
const FAULTS: Readonly<Record<number, (path: string) => Cause>> = {
  3: notPermitted,
  [BUSY]: busy,
  [LOCKED]: busy,
  8: notPermitted,
  10: (path) => unreadable(path, "the disk reports an input/output error"),
  11: damaged,
  13: diskFull,
  14: (path) => unreadable(path, "the file cannot be opened"),
  26: damaged,
};

/** Somebody else writes at this moment: worth another try. */
export function isBusy(error: unknown): boolean {
  const code = primaryCode(error);
  return code === BUSY || code === LOCKED;
}

/** The cause to answer with, or undefined for a fault of this program. */
export function causeOf(error: unknown, path: string): Cause | undefined {
  if (error instanceof StoreFault) return error.fault;
  const result = primaryCode(error);
  if (result !== undefined) return FAULTS[result]?.(path);
  const { code: errno = "", syscall, message } = error as NodeJS.ErrnoException;
  if (["EACCES", "EPERM", "EROFS"].includes(errno)) return notPermitted(path);
  if (["ENOSPC", "EDQUOT"].includes(errno)) return diskFull(path);
  return syscall === undefined ? undefined : unreadable(path, message);
}

/** A fault that was found by looking, with its cause ready. */
export class StoreFault extends Error {
  readonly fault: Cause;
  constructor(fault: Cause) {
    super(fault.message);
    this.fault = fault;
  }
}

export function writtenByLater(path: string, found: string, known: number): Cause {
  return {
    code: "TEAL-S105",
    message: `${path} was written by a later Teal (format ${found}, this one knows up to ${known}). Run that version, or a later one.`,
  };
}

export function replaced(path: string): Cause {
  return {
    code: "TEAL-S107",
    message: `${path} was moved or replaced while Teal used it. Put it back, or run the command again to use what lies there now.`,
  };
}

export function closedStore(path: string): Cause {
  return unreadable(path, "this process has closed it");
}

function busy(path: string): Cause {
  return {
    code: "TEAL-S101",
    message: `${path} is locked by another process that does not finish writing. Find it with: fuser ${path}`,
  };
}

function diskFull(path: string): Cause {
  return { code: "TEAL-S102", message: `No space is left for ${path}. Free some and run: teal resume` };
}

function notPermitted(path: string): Cause {
  return {
    code: "TEAL-S103",
    message: `${path} or its folder may not be written by this user. Use the user that deploys, or set TEAL_STATE_DIR.`,
  };
}

function damaged(path: string): Cause {
  return {
    code: "TEAL-S104",
    message: `${path} is damaged or no database. Traffic is not touched. Move the file aside (the history starts anew) and run: teal status`,
  };
}

function unreadable(path: string, why: string): Cause {
  return {
    code: "TEAL-S106",
    message: `${path} cannot be used: ${why}. Traffic is not touched. Repair it and run: teal status`,
  };
}

/** SQLite's extended codes carry the primary one in their low byte. */
function primaryCode(error: unknown): number | undefined {
  const { code, errcode } = error as { readonly code?: unknown; readonly errcode?: unknown };
  return code === "ERR_SQLITE_ERROR" && typeof errcode === "number" ? errcode & 0xff : undefined;
}
