import { readFile, readdir, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { loadParser } from "../../migrations/reading/parser.ts";
import { readMigrations } from "../../migrations/reading/read.ts";
import type { SourceFile } from "../../migrations/reading/model.ts";
import type { Judged, Rehearsal, Request } from "../../migrations/rehearsal/rehearse.ts";
import type { Prepared } from "../../migrations/rehearsal/snapshot.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { outOf } from "../session.ts";
import { type Invocation, text, texts } from "../spec.ts";
import { brief, originOf, queriesAt, wrong } from "./migrate-queries.ts";

/** Unproven queries that are listed before the rest is only counted; `--json` has all. */
const LISTED = 20;
const USAGE = "teal migrate rehearse --schema FILE --queries PATH... MIGRATION...";

/** Rehearses on a database in this process; nothing that runs is touched. */
export async function run(invocation: Invocation): Promise<ExitCode> {
  const out = outOf(invocation);
  const { command, words = [] } = invocation;
  const [schema, live] = [texts(invocation, "schema"), texts(invocation, "queries")];
  if (schema.length === 0 || live.length === 0 || words.length === 0)
    return wrong(out, command, "a schema, queries and a migration are needed", USAGE);
  const known = await queriesAt(live);
  if ("error" in known) return wrong(out, command, known.error, USAGE);
  const candidate = await queriesAt(texts(invocation, "candidateQueries"));
  if ("error" in candidate) return wrong(out, command, candidate.error, USAGE);
  const files = await readable(async () => ({
    schema: (await Promise.all(schema.map(sqlAt))).flat(),
    migrations: (await Promise.all(words.map(sqlAt))).flat(),
  }));
  if ("error" in files) return wrong(out, command, files.error, USAGE);

  const parser = await loadParser();
  const { migrations, problems } = readMigrations(files.migrations, [], parser, new Set());
  const up = migrations.filter(({ direction }) => direction === "up");
  if (problems.length > 0) {
    const evidence = problems.map(({ file, span, says }) => `${file}:${span.line}:${span.column} ${says}`);
    const cause = {
      code: "TEAL-M606",
      message: "the migrations cannot be read whole, so nothing was rehearsed",
      evidence,
    };
    out.problem(cause, { exit: EXIT.refused, next: "teal migrate lint" });
    return out.result({ command, exit: EXIT.refused, is: "refused", cause });
  }
  const [{ openShadow }, { rehearse }] = await Promise.all([
    import("../../migrations/rehearsal/snapshot.ts"),
    import("../../migrations/rehearsal/rehearse.ts"),
  ]);
  const folder = invocation.options["snapshot"] === false ? undefined : cacheFolder(process.env);
  const opened = await openShadow(files.schema.map((file) => file.text).join("\n;\n"), parser, folder);
  const role = text(invocation, "role");
  try {
    const rehearsal = await rehearse({
      shadow: opened.shadow,
      loaded: opened.loaded,
      parser,
      migrations: up,
      live: known.queries,
      candidate: candidate.queries,
      prepared: (text(invocation, "prepared") ?? "unknown") as Request["prepared"],
      ...(role === undefined ? {} : { role }),
    });
    out.text(report(rehearsal, opened));
    const exit = rehearsal.failed === undefined && rehearsal.coverage.breaks === 0 ? EXIT.done : EXIT.refused;
    return out.result({ command, exit, ...rehearsal, loaded: opened.loaded, schemaFrom: opened.from });
  } finally {
    await opened.shadow.close();
  }
}

function report(
  { engine, judged, failed, questions, coverage, evidence }: Rehearsal,
  { loaded }: Prepared,
): readonly string[] {
  const breaking = judged.filter(({ verdict }) => verdict.is === "breaks");
  const unproven = judged.filter(({ verdict }) => verdict.is === "unproven");
  const { queries, proven, calls, provenCalls } = coverage;
  const ofCalls = calls === 0 ? "" : `, ${provenCalls} of ${calls} calls`;
  return [
    ...(failed === undefined
      ? []
      : [
          `✗ the migration itself fails at ${failed.file}:${failed.line}:${failed.column}  TEAL-M605`,
          `    ${failed.error.code} ${failed.error.message}`,
        ]),
    ...breaking.flatMap(broken),
    ...unproven
      .slice(0, LISTED)
      .flatMap(({ query, verdict }) =>
        verdict.is === "unproven" ? [`? ${originOf(query)}  ${verdict.code}`, `    ${verdict.reason}`] : [],
      ),
    ...(unproven.length > LISTED ? [`? ${unproven.length - LISTED} more unproven queries: --json`] : []),
    ...(questions.length === 0
      ? []
      : ["Only the real rows can tell (read-only; 0 is the answer to hope for):"]),
    ...questions.map((question) => `    ${question}`),
    ...(loaded.missingExtensions.length === 0
      ? []
      : [
          `Extensions that are not here: ${loaded.missingExtensions.join(", ")}; what needs them is unproven.`,
        ]),
    ...loaded.skipped.map(
      ({ text: line, error }) => `Not loaded of the schema: ${brief(line)}: ${error.code} ${error.message}`,
    ),
    `${proven} of ${queries} known queries proven${ofCalls}; ${coverage.breaks} break, ${coverage.unproven} unproven.`,
    `PostgreSQL ${engine.server} (${engine.name} ${engine.version}), evidence ${evidence.slice(0, 16)}`,
  ];
}

function broken({ query, of, verdict, migration }: Judged): readonly string[] {
  if (verdict.is !== "breaks") return [];
  const by = migration === undefined ? "" : ` after ${migration}`;
  return [
    `✗ ${originOf(query)}: a query of the ${of === "live" ? "live revision" : "candidate"} breaks${by}  ${verdict.code}`,
    `    ${brief(query.text, 100)}`,
    `    ${verdict.says}`,
    ...(verdict.safe === undefined ? [] : [`    Instead: ${verdict.safe}`]),
  ];
}

/** Files of SQL at a path, a folder's in order of their names. */
async function sqlAt(path: string): Promise<readonly SourceFile[]> {
  if (!(await stat(path)).isDirectory()) return [{ path, text: await readFile(path, "utf8") }];
  const names = (await readdir(path, { recursive: true })).filter((name) => name.endsWith(".sql")).sort();
  return Promise.all(
    names.map(async (name) => ({ path: join(path, name), text: await readFile(join(path, name), "utf8") })),
  );
}

async function readable<Value extends object>(
  read: () => Promise<Value>,
): Promise<Value | { readonly error: string }> {
  try {
    return await read();
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    return { error: `${path} cannot be read: ${code}` };
  }
}

/** Outside of any working tree, where the system keeps what can be made again. */
function cacheFolder(env: NodeJS.ProcessEnv): string {
  const base = env["XDG_CACHE_HOME"];
  return join(base === undefined || base === "" ? join(homedir(), ".cache") : base, "teal", "shadow");
}
