import type { Linted } from "../../migrations/lint.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import type { Out } from "../out.ts";
import { outOf } from "../session.ts";
import type { Invocation } from "../spec.ts";

/** Judges migrations by their text; needs neither configuration nor database. */
export async function run(invocation: Invocation): Promise<ExitCode> {
  const out = outOf(invocation);
  const [{ findFiles }, { loadParser }, { lint }, { createRedactor }] = await Promise.all([
    import("../../migrations/reading/files.ts"),
    import("../../migrations/reading/parser.ts"),
    import("../../migrations/lint.ts"),
    import("../../core/redact.ts"),
  ]);
  // Lines of migrations are shown, and some set passwords.
  out.hideWith(createRedactor([]));
  const { command } = invocation;
  const found = await findFiles(invocation.words ?? [], process.cwd());
  if (found.is === "none") {
    out.problem(found.cause, { exit: EXIT.usage, next: found.next });
    return out.result({ command, exit: EXIT.usage, is: "refused", cause: found.cause, next: found.next });
  }
  const linted = lint(found.files, found.others, await loadParser());
  return report(out, invocation, new Map(found.files.map(({ path, text }) => [path, text])), linted);
}

async function report(
  out: Out,
  { command, globals }: Invocation,
  texts: ReadonlyMap<string, string>,
  { findings, migrations, skipped, schemas }: Linted,
): Promise<ExitCode> {
  const { findingLines, summaryLine } = await import("../view/findings.ts");
  const { blocks } = await import("../../migrations/finding.ts");
  const stops = findings.find(blocks);
  const shown = findings.filter(({ acknowledged }) => acknowledged === undefined || globals.verbose);
  for (const finding of shown)
    out.text(findingLines(finding, texts.get(finding.where.file) ?? "", blocks(finding) || globals.verbose));
  const counts = {
    migrations: migrations.length,
    statements: migrations.reduce((sum, { statements }) => sum + statements.length, 0),
    skipped: skipped.length,
    schemas: schemas.length,
  };
  const exit = stops === undefined ? EXIT.done : EXIT.refused;
  out.text([summaryLine(findings, counts)]);
  if (stops !== undefined)
    out.text([
      "Nothing was changed; this read the text alone.",
      `Next: teal migrate explain ${stops.code}, or accept it above its statement: -- teal: acknowledge ${stops.code} REASON`,
      `${stops.code}, exit ${exit}`,
    ]);
  return out.result({
    command,
    exit,
    is: "linted",
    ...counts,
    findings: findings.map((finding) => ({ ...finding, blocks: blocks(finding) })),
  });
}
