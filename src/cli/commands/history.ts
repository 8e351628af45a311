import { EXIT, type ExitCode } from "../exit.ts";
import { withSession } from "../session.ts";
import { count, type Invocation } from "../spec.ts";
import { formatDate, formatTime } from "../times.ts";
import { table } from "../view/table.ts";
import { tookInWords } from "../view/words.ts";

const DEFAULT_LINES = 20;

export function run(invocation: Invocation): Promise<ExitCode> {
  return withSession(invocation, async ({ connection, out, suffix }) => {
    const answer = await connection.store.history(
      connection.key,
      count(invocation, "lines") ?? DEFAULT_LINES,
    );
    if (answer.is === "unavailable") {
      out.problem(answer.cause, { exit: EXIT.human, next: `teal status${suffix}` });
      return out.result({ command: "history", exit: EXIT.human, is: "failed", cause: answer.cause });
    }
    const rows = answer.rows.map((row) => [
      `r${row.number}`,
      `${formatDate(row.closed)} ${formatTime(row.closed).slice(0, 5)}`,
      row.revision,
      row.slot,
      row.strategy,
      [row.outcome, ...(row.cause === undefined ? [] : [row.cause.code])].join(" "),
      tookInWords(row.closed - row.opened),
      row.by,
    ]);
    const heads = ["", "ended", "revision", "slot", "strategy", "outcome", "open for", "by"];
    out.text(
      rows.length === 0 ? ["Nothing was deployed here yet."] : table([heads, ...rows], out.terminal.columns),
    );
    return out.result({ command: "history", exit: EXIT.done, rows: answer.rows });
  });
}
