import { readWord } from "./acknowledgements.ts";
import { layoutOf, type Section } from "./layouts.ts";
import type { Acknowledgement, Migration, Problem, Reading, SourceFile, Statement } from "./model.ts";
import type { Parser } from "./parser.ts";
import { type Piece, pieces } from "./pieces.ts";
import { placeholders, withNames } from "./placeholders.ts";
import { Positions } from "./position.ts";

/** Codes of what reading alone finds; their rules explain them. */
export const READING = {
  notParsed: "TEAL-M101",
  placeholder: "TEAL-M102",
  command: "TEAL-M103",
  acknowledgement: "TEAL-M104",
  data: "TEAL-M106",
} as const;

/** Commands of psql that change nothing a statement means. */
const HARMLESS =
  /^\\(?:restrict|unrestrict|echo|qecho|warn|timing|set|unset|pset|x|a|t|f|H|C|encoding|prompt|errverbose|conninfo|password|o|out|if|elif|else|endif|g|gx|gset|gdesc|watch|crosstabview|copy|d\S*|l|s|h|\?|q|\.)$/u;

/**
 * Reads files of migrations: `others` are files beside them that only say how to read them (`_journal.json`, Flyway's
 * `.conf`). Pure, and total: what cannot be read is a problem with its place.
 */
export function readMigrations(
  files: readonly SourceFile[],
  others: readonly SourceFile[],
  parser: Parser,
  known: ReadonlySet<string>,
): Reading {
  const neighbours = new Map([...files, ...others].map(({ path, text }) => [path, text]));
  const migrations: Migration[] = [];
  const schemas: string[] = [];
  const problems: Problem[] = [];
  for (const file of [...files].sort(byVersion)) {
    const layout = layoutOf(file, neighbours);
    if (layout.is === "schema") {
      schemas.push(file.path);
      continue;
    }
    for (const section of layout.sections) {
      const reader = new SectionReader(file, section, parser, known);
      migrations.push(reader.read(layout.tool));
      problems.push(...reader.problems);
    }
  }
  return { migrations, schemas, problems };
}

/** As tools order their files: by the numbers in them, else by name. */
function byVersion(a: SourceFile, b: SourceFile): number {
  return a.path.localeCompare(b.path, "en", { numeric: true }) || (a.path < b.path ? -1 : 1);
}

class SectionReader {
  readonly problems: Problem[] = [];
  readonly #file: SourceFile;
  readonly #section: Section;
  readonly #parser: Parser;
  readonly #known: ReadonlySet<string>;
  readonly #positions: Positions;
  readonly #statements: Statement[] = [];
  readonly #acknowledgements: Acknowledgement[] = [];
  /** Read before the statement they are about. */
  #waiting: Acknowledgement[] = [];
  /** Statements met so far, whether they parsed or not. */
  #met = 0;

  constructor(file: SourceFile, section: Section, parser: Parser, known: ReadonlySet<string>) {
    this.#file = file;
    this.#section = section;
    this.#parser = parser;
    this.#known = known;
    this.#positions = new Positions(file.text);
  }

  read(layout: string): Migration {
    const { direction, from, to, runs } = this.#section;
    let before: Piece | undefined;
    for (const piece of pieces(this.#file.text, from, to)) {
      this.#take(piece, before);
      before = piece;
    }
    return {
      name: nameOf(this.#file.path),
      file: this.#file.path,
      text: this.#file.text,
      layout,
      direction,
      transaction: runs === "query" ? (this.#met > 1 ? "one" : "perStatement") : runs,
      statements: this.#statements,
      acknowledgements: [...this.#acknowledgements, ...this.#waiting],
    };
  }

  #take(piece: Piece, before: Piece | undefined): void {
    switch (piece.is) {
      case "statement":
        return this.#statement(piece);
      case "comment": {
        // Behind a statement on its line: it is about that one.
        const trails = before?.is === "statement" && this.#lineOf(before.end) === this.#lineOf(piece.start);
        return this.#comment(piece.start, piece.end, trails ? this.#statements.length - 1 : undefined);
      }
      case "command":
        if (!HARMLESS.test(piece.name))
          this.#problem(READING.command, piece.start, piece.end, `${piece.name}: what it does is not read`);
        return;
      case "data":
        if (!piece.ended)
          this.#problem(
            READING.data,
            piece.start,
            piece.end,
            "the data of COPY has no end; a line \\. is missing",
          );
    }
  }

  #statement({ start, end, comments }: Extract<Piece, { is: "statement" }>): void {
    this.#met += 1;
    const text = this.#file.text.slice(start, end);
    const plain = blanked(
      text,
      start,
      comments.filter(({ start: at }) => this.#file.text[at] === "\\"),
    );
    let parsed = this.#parser.parse(plain);
    const found = parsed.is === "wrong" ? placeholders(plain) : [];
    if (parsed.is === "wrong" && found.length > 0) {
      const named = this.#parser.parse(withNames(plain));
      if (named.is === "wrong") return this.#unreadable(start, end, found[0]);
      parsed = named;
    }
    if (parsed.is === "wrong") {
      const at = start + parsed.at;
      return this.#problem(READING.notParsed, at, Math.max(at + 1, end), parsed.message);
    }
    if (parsed.is === "empty") return;
    const index = this.#statements.length;
    const { kind, tree, offsetOf } = parsed;
    const span = this.#positions.span(start, end);
    this.#statements.push({ text, kind, tree, span, offsetOf: (at) => start + offsetOf(at) });
    this.#acknowledgements.push(...this.#waiting.map((word) => ({ ...word, statement: index })));
    this.#waiting = [];
    for (const comment of comments) this.#comment(comment.start, comment.end, index);
  }

  #unreadable(start: number, end: number, first: ReturnType<typeof placeholders>[number] | undefined): void {
    const at = start + (first?.at ?? 0);
    const to = first === undefined ? end : at + first.text.length;
    this.#problem(
      READING.placeholder,
      at,
      to,
      `${first?.text ?? "a placeholder"}: only its value says what this statement does`,
    );
  }

  #comment(start: number, end: number, statement: number | undefined): void {
    const span = this.#positions.span(start, end);
    const word = readWord(this.#file.text.slice(start, end), span, this.#known);
    if (word === undefined) return;
    if (word.is === "malformed") return this.#problem(READING.acknowledgement, start, end, word.says);
    const { code, reason } = word;
    if (statement === undefined || statement < 0) this.#waiting.push({ code, reason, span });
    else this.#acknowledgements.push({ code, reason, span, statement });
  }

  /** A problem takes the acknowledgement that waits for it; one for another finding goes on waiting. */
  #problem(code: string, start: number, end: number, says: string): void {
    const word = this.#waiting.find((waiting) => waiting.code === code);
    this.#waiting = this.#waiting.filter((waiting) => waiting !== word);
    const acknowledged = word === undefined ? {} : { acknowledged: word.reason };
    const span = this.#positions.span(start, end);
    this.problems.push({ code, file: this.#file.path, span, says, ...acknowledged });
  }

  #lineOf(offset: number): number {
    return this.#positions.span(offset, offset).line;
  }
}

/** The text with these ranges of the file as spaces. */
function blanked(text: string, offset: number, ranges: readonly { start: number; end: number }[]): string {
  return ranges.reduce(
    (rest, { start, end }) =>
      rest.slice(0, start - offset) + " ".repeat(end - start) + rest.slice(end - offset),
    text,
  );
}

/** `V12__add_mail.sql` of a file; of Prisma's and Drizzle's `migration.sql` its folder. */
function nameOf(path: string): string {
  const parts = path.split("/");
  const file = parts.at(-1) ?? path;
  return file === "migration.sql" ? (parts.at(-2) ?? file) : file;
}
