import { styleText } from "node:util";
import { createRedactor, REDACTED } from "../core/redact.ts";

/** Something wrong in the configuration, and where. */
export interface Problem {
  readonly file: string;
  /** Both from 1. */
  readonly line: number;
  readonly column: number;
  /** Dotted path of the value as written in the file; empty for the file as a whole. */
  readonly path: string;
  /** Without position, code and hint: those are printed beside it. */
  readonly message: string;
  /** `TEAL-C101`; `docs/errors.md` explains it. */
  readonly code: string;
  /** The nearest valid key or name, for what looks like a slip. */
  readonly hint?: string;
  /** The source line and, below it, a caret under the column; empty where there is no line. */
  readonly excerpt: string;
}

/** A problem whose position is still an offset into the text. */
export interface Finding {
  readonly at: number;
  readonly path: string;
  readonly message: string;
  readonly code: string;
  readonly hint?: string;
}

export const CODES = {
  syntax: "TEAL-C101",
  duplicateKey: "TEAL-C102",
  unknownKey: "TEAL-C103",
  wrongType: "TEAL-C104",
  missingKey: "TEAL-C105",
  badValue: "TEAL-C106",
  contradiction: "TEAL-C107",
  undefinedVariable: "TEAL-C108",
  environment: "TEAL-C109",
  service: "TEAL-C110",
  notYet: "TEAL-C111",
  file: "TEAL-C112",
  envFile: "TEAL-C113",
  tooLarge: "TEAL-C114",
} as const;

/** Longest source line that an excerpt shows; longer ones are cut around the caret. */
const EXCERPT_WIDTH = 100;

/**
 * Turns findings into problems: sorted by position, each once, with line, column and excerpt. Values in `secrets`
 * are covered everywhere; in source lines also what looks like a secret.
 */
export function problemsIn(
  file: string,
  text: string,
  findings: readonly Finding[],
  secrets: readonly string[],
): readonly Problem[] {
  const lines = text.split(/\r\n|[\n\r]/);
  const redact = createRedactor(secrets);
  const seen = new Set<string>();
  return [...findings]
    .sort((a, b) => a.at - b.at || compare(a.code, b.code) || compare(a.message, b.message))
    .flatMap((finding) => {
      const { line, column } = positionOf(text, finding.at);
      const message = cover(finding.message, secrets);
      const key = `${finding.at} ${finding.code} ${message}`;
      if (seen.has(key)) return [];
      seen.add(key);
      const path = cover(finding.path, secrets);
      const hint = finding.hint === undefined ? {} : { hint: finding.hint };
      const excerpt = text === "" ? "" : excerptOf(lines[line - 1] ?? "", column, redact);
      return [{ file, line, column, path, message, code: finding.code, ...hint, excerpt }];
    });
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function positionOf(text: string, at: number): { line: number; column: number } {
  const before = text.slice(0, at).split(/\r\n|[\n\r]/);
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

/**
 * Covers the secrets in our own sentences. Not by the redactor: after `API_TOKEN: ` it would take our next word for one.
 * Longest first, so that a part of one does not spoil the whole.
 */
function cover(text: string, secrets: readonly string[]): string {
  return [...secrets]
    .sort((a, b) => b.length - a.length)
    .reduce((covered, secret) => covered.replaceAll(secret, REDACTED), text);
}

/** The line and a caret; what is redacted before the caret moves it. */
function excerptOf(line: string, column: number, redact: (text: string) => string): string {
  const shown = redact(line);
  const before = redact(line.slice(0, column - 1));
  const start = before.length < EXCERPT_WIDTH ? 0 : before.length - EXCERPT_WIDTH / 2;
  // Tabs are kept in front of the caret, so that it stands under its column at any tab width.
  const indent = before.slice(start).replace(/[^\t]/g, " ");
  return `${shown.slice(start, start + EXCERPT_WIDTH)}\n${indent}^`;
}

/** All problems as people read them: `file:line:column`, the message, the source line, a caret, then the count. */
export function formatProblems(problems: readonly Problem[], options: { readonly color: boolean }): string {
  const style = (format: Parameters<typeof styleText>[0], text: string) =>
    options.color ? styleText(format, text, { validateStream: false }) : text;
  const blocks = problems.map((problem) => {
    const place = style("bold", `${problem.file}:${problem.line}:${problem.column}`);
    const hint = problem.hint === undefined ? "" : `; did you mean "${problem.hint}"?`;
    const head = `${place} ${style("red", problem.message)}${hint} ${style("dim", problem.code)}`;
    if (problem.excerpt === "") return head;
    const [line = "", caret = ""] = problem.excerpt.split("\n");
    return `${head}\n  ${line}\n  ${style("red", caret)}`;
  });
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  return `${blocks.join("\n")}\n${count}. Nothing was changed.`;
}
