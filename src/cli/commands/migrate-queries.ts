import { knownQueries } from "../../migrations/queries/known.ts";
import { queriesInFiles } from "../../migrations/queries/files.ts";
import type { Query } from "../../migrations/queries/query.ts";
import { loadParser } from "../../migrations/reading/parser.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import type { Out } from "../out.ts";
import { outOf } from "../session.ts";
import type { Invocation } from "../spec.ts";
import { table } from "../view/table.ts";

/** The words of a query that a table has room for. */
const SHOWN = 60;

/** Lists what is known. Reads files, never a database. */
export async function run(invocation: Invocation): Promise<ExitCode> {
  const out = outOf(invocation);
  const paths = invocation.words ?? [];
  if (paths.length === 0)
    return wrong(out, invocation.command, "no files to read queries from", "teal migrate queries PATH...");
  const known = await queriesAt(paths);
  if ("error" in known)
    return wrong(out, invocation.command, known.error, "name files or folders that can be read");
  const { queries, unread } = known;
  const rows = queries.map((query) => [
    brief(query.text),
    originOf(query),
    query.seen?.slice(0, 10) ?? "",
    query.calls === undefined ? "" : String(query.calls),
  ]);
  out.text([
    ...table([["query", "from", "seen", "calls"], ...rows], out.terminal.columns),
    `${queries.length} known queries, ${queries.filter(({ unreadable }) => unreadable !== undefined).length} of them not readable.`,
    ...unread.map(({ file, line, says }) => `${file}:${line} not read: ${says} (TEAL-M701)`),
  ]);
  return out.result({ command: invocation.command, exit: EXIT.done, queries, unread });
}

/** Known queries of these paths, or why one of them cannot be read. */
export async function queriesAt(paths: readonly string[]) {
  try {
    const { found, unread } = await queriesInFiles(paths);
    return { queries: await knownQueries(found, await loadParser()), unread };
  } catch (error) {
    const { code, path, message } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    return { error: path === undefined ? message : `${path} cannot be read: ${code}` };
  }
}

/** One line of a query. */
export function brief(text: string, most = SHOWN): string {
  const line = text.replaceAll(/\s+/gu, " ").trim();
  return line.length <= most ? line : `${line.slice(0, most - 1)}…`;
}

/** `queries/users.sql:3 GetUser`, and how many more. */
export function originOf({ origins }: Query): string {
  const [first] = origins;
  if (first === undefined) return "";
  const name = first.name === undefined ? "" : ` ${first.name}`;
  const last = first.from === "source" ? " (a string in source)" : "";
  const more = origins.length === 1 ? "" : ` and ${origins.length - 1} more`;
  return `${first.file}:${first.line}${name}${last}${more}`;
}

export function wrong(out: Out, command: string, message: string, next: string): ExitCode {
  const cause = { code: "TEAL-M702", message };
  out.problem(cause, { exit: EXIT.usage, next });
  return out.result({ command, exit: EXIT.usage, is: "refused", cause, next });
}
