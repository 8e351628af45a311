import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import { readJson, writeDurably } from "../targets/local/files.ts";
import { identify, isAlive, type ProcessIdentity } from "../targets/local/identity.ts";
import { globalWords } from "./globals.ts";
import type { Session } from "./session.ts";

/** Starts a Teal of its own that goes on with the open deployment; it outlives this command and its terminal. */
export function resumeInBackground(session: Session): { readonly log: string } {
  return start(session, ["resume", "--stay"], "resume.log");
}

/**
 * Makes sure that somebody is there when the previous slot need not be kept warm any longer, or when a wait is over:
 * one small process per service, which sleeps until then and resumes.
 */
export function ensureCaretaker(session: Session): void {
  const caretaker = readJson<ProcessIdentity>(pidFile(session));
  if (caretaker !== undefined && isAlive(caretaker)) return;
  start(session, ["resume", "--when-due"], "caretaker.log");
}

/** This process is the service's caretaker, unless another one lives. @returns how to stop being it. */
export function becomeCaretaker(session: Session): (() => void) | undefined {
  const file = pidFile(session);
  const other = readJson<ProcessIdentity>(file);
  if (other !== undefined && isAlive(other) && other.pid !== process.pid) return undefined;
  writeDurably(file, JSON.stringify(identify(process.pid)));
  return () => rmSync(file, { force: true });
}

/** Ends the service's caretaker, if one lives: nothing is left for it to look after. */
export function endCaretaker(session: Session): void {
  const caretaker = readJson<ProcessIdentity>(pidFile(session));
  if (caretaker !== undefined && caretaker.pid !== process.pid && isAlive(caretaker))
    process.kill(caretaker.pid, "SIGTERM");
}

/** Whether this process is still the one: the folder may have been removed, or another one have taken its place. */
export function isCaretaker(session: Session): boolean {
  return readJson<ProcessIdentity>(pidFile(session))?.pid === process.pid;
}

function pidFile({ connection }: Session): string {
  return join(connection.folder, "caretaker.pid.json");
}

function start(session: Session, words: readonly string[], logName: string): { readonly log: string } {
  const { folder } = session.connection;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const log = join(folder, logName);
  const file = openSync(log, "a", 0o600);
  const program = process.argv[1];
  if (program === undefined) throw new Error("a program without a file cannot start itself again");
  const child = spawn(
    process.execPath,
    [program, ...words, ...globalWords(session.invocation.globals, session.file)],
    {
      detached: true,
      stdio: ["ignore", file, file],
      // Of another terminal's size and colours it knows nothing.
      env: { ...process.env, NO_COLOR: "1" },
    },
  );
  child.unref();
  closeSync(file);
  return { log };
}
