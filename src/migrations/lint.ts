import { analyse, findingOf } from "./analyse.ts";
import { byUrgency, type Finding } from "./finding.ts";
import type { Migration, SourceFile } from "./reading/model.ts";
import type { Parser } from "./reading/parser.ts";
import { readMigrations } from "./reading/read.ts";
import { KNOWN_CODES } from "./rules/index.ts";

/** What the text of some migrations tells, and what of it was looked at. */
export interface Linted {
  /** What an operator must do something about first, first. */
  readonly findings: readonly Finding[];
  /** The migrations that were judged: those forward. */
  readonly migrations: readonly Migration[];
  /** Ways back, which no deployment runs. */
  readonly skipped: readonly Migration[];
  readonly schemas: readonly string[];
}

/** Judges migrations by their text alone. `others`: files beside them that say how they are run. */
export function lint(files: readonly SourceFile[], others: readonly SourceFile[], parser: Parser): Linted {
  const { migrations, schemas, problems } = readMigrations(files, others, parser, KNOWN_CODES);
  const forward = migrations.filter(({ direction }) => direction === "up");
  const findings = [
    ...problems.map(findingOf),
    ...forward.flatMap((migration) => analyse(migration, parser)),
  ].sort(byUrgency);
  return {
    findings,
    migrations: forward,
    skipped: migrations.filter((one) => !forward.includes(one)),
    schemas,
  };
}
