import { blocks, type Finding } from "../../migrations/finding.ts";

/** Longest part of a source line that is shown. */
const WIDTH = 100;
/** Lines of SQL to paste that are shown. */
const SAFE_LINES = 12;

/** A finding for people: where, what, its line with a caret, why, and what to write instead. */
export function findingLines(finding: Finding, text: string, full: boolean): readonly string[] {
  const { where, code, says, why, safe, phase, acknowledged } = finding;
  const head = `${where.file}:${where.line}:${where.column} ${wordOf(finding)}: ${says} ${code}`;
  if (acknowledged !== undefined) return [`${head}`, `    acknowledged: ${acknowledged}`];
  if (!full) return [head];
  return [
    head,
    ...frame(text, where),
    `    ${why}`,
    ...(phase === "contract" ? ["    It belongs after the live version is gone (contract)."] : []),
    ...(safe === undefined
      ? []
      : [
          "    Instead:",
          ...safe
            .split("\n")
            .slice(0, SAFE_LINES)
            .map((line) => `      ${line}`),
        ]),
  ];
}

/** What the finding is, in a word or two. */
export function wordOf(finding: Finding): string {
  const may = finding.certainty === "possible" ? "may be: " : "";
  return `${may}${WORDS[finding.class]}`;
}

const WORDS = {
  breaksLive: "breaks the live version",
  breaksCandidate: "breaks the candidate",
  fails: "fails",
  losesData: "loses data",
  locks: "locks",
  rewrites: "rewrites",
  scans: "scans",
  unread: "not judged",
  practice: "practice",
} as const satisfies Record<Finding["class"], string>;

function frame(text: string, { offset, line, column }: Finding["where"]): readonly string[] {
  const start = offset - (column - 1);
  const whole = /^[^\r\n]*/u.exec(text.slice(start))?.[0] ?? "";
  const from = column <= WIDTH ? 0 : column - 1 - WIDTH / 2;
  const number = String(line).padStart(5);
  const before = whole.slice(from, column - 1).replaceAll(/[^\t]/gu, " ");
  return [`${number} | ${whole.slice(from, from + WIDTH)}`, `      | ${before}^`];
}

/** How many of which kind, as one line. */
export function summaryLine(
  findings: readonly Finding[],
  looked: { migrations: number; statements: number; skipped: number; schemas: number },
): string {
  const open = findings.filter(({ acknowledged }) => acknowledged === undefined);
  const stop = open.filter(blocks).length;
  const practice = open.filter((one) => one.class === "practice").length;
  const parts = [
    ...(stop === 0 ? [] : [`${stop} to solve or acknowledge`]),
    ...(open.length - stop - practice === 0 ? [] : [`${open.length - stop - practice} possible`]),
    ...(practice === 0 ? [] : [`${practice} of practice`]),
    ...(findings.length === open.length ? [] : [`${findings.length - open.length} acknowledged`]),
  ];
  const left = [
    ...(looked.skipped === 0 ? [] : [`${plural(looked.skipped, "way")} back not judged`]),
    ...(looked.schemas === 0 ? [] : [`${plural(looked.schemas, "schema file")} not judged`]),
  ];
  const of = `${plural(looked.migrations, "migration")}, ${plural(looked.statements, "statement")}`;
  return `${of}: ${parts.length === 0 ? "nothing found" : parts.join(", ")}${left.length === 0 ? "" : ` (${left.join(", ")})`}`;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
