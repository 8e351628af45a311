import { createHash } from "node:crypto";
import type { Query } from "../queries/query.ts";
import type { Migration } from "../reading/model.ts";
import type { Parser } from "../reading/parser.ts";
import { type Catalog, readCatalog } from "./catalog.ts";
import { type Delta, deltaOf, judgeUse, questions } from "./constraints.ts";
import { compareResults } from "./results.ts";
import type { Loaded } from "./schema.ts";
import type { Description, Engine, ServerError, Shadow } from "./shadow.ts";
import { PROVEN, REHEARSAL, refused, unproven, type Verdict } from "./verdict.ts";
import { type Use, useOf } from "./writes.ts";

export interface Request {
  readonly shadow: Shadow;
  readonly loaded: Loaded;
  readonly parser: Parser;
  readonly migrations: readonly Migration[];
  /** Of the revision that is live: compared before and after. */
  readonly live: readonly Query[];
  /** Of the candidate: they must hold once the migrations ran, which is before any contract. */
  readonly candidate: readonly Query[];
  /** Whether the program's driver keeps prepared statements over the migration. */
  readonly prepared: "kept" | "unknown" | "notKept";
  /** Who sends the queries; without it they are tried with every right. */
  readonly role?: string;
}

export interface Judged {
  readonly query: Query;
  readonly of: "live" | "candidate";
  readonly verdict: Verdict;
  /** Name of the migration after which the verdict fell, where one is to blame. */
  readonly migration?: string;
}

/** How much of what is known was proven. Calls only of queries whose source counts them. */
export interface Coverage {
  readonly queries: number;
  readonly proven: number;
  readonly breaks: number;
  readonly unproven: number;
  readonly calls: number;
  readonly provenCalls: number;
}

export interface Rehearsal {
  readonly engine: Engine;
  readonly judged: readonly Judged[];
  /** The statement that the server refused; nothing after it was rehearsed. */
  readonly failed?: {
    readonly file: string;
    readonly line: number;
    readonly column: number;
    readonly error: ServerError;
  };
  /** Read-only SQL for the real database. */
  readonly questions: readonly string[];
  readonly coverage: Coverage;
  /** SHA-256 of schema-independent facts that led here: migrations, queries, engine, verdicts. */
  readonly evidence: string;
}

/** One query on its way through the rehearsal. */
interface Probe {
  readonly query: Query;
  readonly name: string;
  readonly use: Use | undefined;
}

interface Answer {
  /** As a statement that was prepared before the migration. */
  readonly kept: Description;
  readonly fresh: Description;
  readonly plan: ServerError | undefined;
}

/** Statements that touch no table. */
const WITHOUT_TABLES = new Set([
  "TransactionStmt",
  "VariableSetStmt",
  "VariableShowStmt",
  "DiscardStmt",
  "DeallocateStmt",
  "ListenStmt",
  "NotifyStmt",
  "UnlistenStmt",
]);
const PLANNED = new Set(["SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"]);

/** Applies the migrations in their order and judges every query after each. */
export async function rehearse(request: Request): Promise<Rehearsal> {
  const { shadow, migrations } = request;
  const probes = probesOf(request.live, request.parser);
  const before = await readCatalog(shadow);
  const first = await answers(request, probes, "prepare");
  const judged = new Map<Probe, Judged>();
  const suspended = new Map<Probe, Judged>();
  let failed: Rehearsal["failed"];
  let delta = deltaOf(before, before);
  for (const migration of migrations) {
    failed = await apply(shadow, migration);
    if (failed !== undefined) break;
    delta = deltaOf(before, await readCatalog(shadow));
    const rest = probes.filter((probe) => !judged.has(probe));
    const later = await answers(request, rest, "describe");
    for (const [index, probe] of rest.entries()) {
      const was = first[probes.indexOf(probe)];
      const now = later[index];
      if (was === undefined || now === undefined) continue;
      const verdict = judge(request, probe, was, now, delta);
      const one: Judged = { query: probe.query, of: "live", verdict, migration: migration.name };
      if (verdict.is === "breaks") judged.set(probe, one);
      else if (verdict.is === "unproven") {
        if (!suspended.has(probe)) suspended.set(probe, one);
      } else suspended.delete(probe);
    }
  }
  const live = probes.map(
    (probe): Judged =>
      judged.get(probe) ??
      suspended.get(probe) ?? {
        query: probe.query,
        of: "live",
        verdict: failed === undefined ? PROVEN : notReached(),
      },
  );
  const candidate = failed === undefined ? await judgeCandidate(request) : [];
  const all = [...live, ...candidate];
  return {
    engine: shadow.engine,
    judged: all,
    ...(failed === undefined ? {} : { failed }),
    questions: questions(delta),
    coverage: coverageOf(all),
    evidence: evidenceOf(shadow.engine, migrations, all),
  };
}

function notReached(): Verdict {
  return unproven(REHEARSAL.failed, "the migration fails before its end");
}

function probesOf(queries: readonly Query[], parser: Parser): readonly Probe[] {
  return queries.map((query, index) => {
    const parsed = query.unreadable === undefined ? parser.parse(query.text) : undefined;
    const use = parsed?.is === "parsed" ? useOf(parsed.kind, parsed.tree) : undefined;
    return { query, name: `teal_${index}`, use };
  });
}

/** Asks the server about each query, in three bundles. */
async function answers(
  request: Request,
  probes: readonly Probe[],
  how: "prepare" | "describe",
): Promise<readonly Answer[]> {
  const { shadow, role } = request;
  if (role !== undefined) await shadow.run([`SET ROLE "${role.replaceAll('"', '""')}"`]);
  const known = probes.filter((probe) => probe.use !== undefined);
  const kept =
    how === "prepare"
      ? await shadow.prepare(known.map(({ name, query }) => ({ name, text: query.text })))
      : await shadow.describe(known.map(({ name }) => name));
  const fresh =
    how === "prepare"
      ? kept
      : await shadow.prepare(known.map(({ query }) => ({ name: "", text: query.text })));
  // Rights are checked when a plan starts, not when it is described.
  const planned = known.filter(
    ({ use }) => PLANNED.has(use?.kind ?? "") && (role !== undefined || (use?.writes.length ?? 0) > 0),
  );
  const plans = await shadow.run(
    planned.map(({ query }) => `EXPLAIN (GENERIC_PLAN, COSTS OFF) ${query.text}`),
  );
  if (role !== undefined) await shadow.run(["RESET ROLE"]);
  const none: Description = { is: "described", parameters: [], columns: [] };
  return probes.map((probe) => {
    const index = known.indexOf(probe);
    return { kept: kept[index] ?? none, fresh: fresh[index] ?? none, plan: plans[planned.indexOf(probe)] };
  });
}

function judge(request: Request, { query, use }: Probe, was: Answer, now: Answer, delta: Delta): Verdict {
  const unsuited = judgeBefore(query, use, was, request.loaded, delta.before);
  if (unsuited !== undefined) return unsuited;
  if (now.fresh.is === "refused") return refused(now.fresh.error);
  if (now.plan !== undefined) return refused(now.plan);
  if (use === undefined || was.fresh.is === "refused") return PROVEN;
  const names = { before: delta.before.types, after: delta.after.types };
  const result = compareResults(was.fresh, now.fresh, names);
  if (result.is === "breaks") return result;
  const written = judgeUse(use, delta);
  if (written?.is === "breaks") return written;
  return judgeKept(request, now) ?? (result.is === "unproven" ? result : (written ?? PROVEN));
}

/** 0A000 and its kind: only a statement that is prepared already meets it. */
function judgeKept({ prepared }: Request, { kept }: Answer): Verdict | undefined {
  // The migration itself may have thrown the statements away; a driver's would have gone as well.
  if (kept.is === "described" || kept.error.code === "26000" || prepared === "notKept") return undefined;
  const { code, message } = kept.error;
  const says = `${code} ${message}, in every connection that prepared it before`;
  if (prepared === "unknown")
    return unproven(REHEARSAL.prepared, `${says}; --prepared says whether the driver keeps statements`);
  const safe =
    "List the columns instead of *, or let the pool connect anew (DISCARD ALL) when the migration is done.";
  return { is: "breaks", code: REHEARSAL.prepared, says, error: kept.error, safe };
}

/** Why nothing can be said of a query, whatever the migration does. */
function judgeBefore(
  query: Query,
  use: Use | undefined,
  was: Answer,
  loaded: Loaded,
  { types }: Catalog,
): Verdict | undefined {
  if (use === undefined) return unproven(REHEARSAL.unreadable, query.unreadable ?? "it does not parse");
  if (WITHOUT_TABLES.has(use.kind)) return undefined;
  if (!PLANNED.has(use.kind))
    return unproven(REHEARSAL.kind, `a ${use.kind} cannot be described without running it`);
  const error = was.fresh.is === "refused" ? was.fresh.error : was.plan;
  if (error !== undefined) {
    const lacks =
      loaded.missingExtensions.length === 0
        ? ""
        : ` (extensions not here: ${loaded.missingExtensions.join(", ")})`;
    return unproven(
      REHEARSAL.before,
      `refused before the migration already: ${error.code} ${error.message}${lacks}`,
    );
  }
  if (was.fresh.is === "refused" || loaded.stubTypes.length === 0) return undefined;
  const used = [...was.fresh.parameters, ...was.fresh.columns.map(({ type }) => type)].map(
    (type) => types.get(type) ?? "",
  );
  const stub = used.find((name) =>
    loaded.stubTypes.some((made) => made.replaceAll('"', "").endsWith(name) && name !== ""),
  );
  return stub === undefined
    ? undefined
    : unproven(REHEARSAL.stub, `the type ${stub} is of an extension that is not here`);
}

/** Runs a migration as its tool would: in one transaction, or each statement by itself. */
async function apply(
  shadow: Shadow,
  { file, transaction, statements }: Migration,
): Promise<Rehearsal["failed"]> {
  if (transaction === "one") await shadow.run(["BEGIN"]);
  for (const { text, kind, span } of statements) {
    // The data of COPY FROM STDIN is not here, and the server would wait for it.
    if (kind === "CopyStmt") continue;
    const [error] = await shadow.run([text]);
    if (error === undefined) continue;
    await shadow.run(["ROLLBACK"]);
    return { file, line: span.line, column: span.column, error };
  }
  if (transaction === "one") await shadow.run(["COMMIT"]);
  await shadow.run(["RESET ALL", "RESET ROLE"]);
  return undefined;
}

/** The candidate meets only the schema after the migrations: what the server refuses there, breaks. */
async function judgeCandidate(request: Request): Promise<readonly Judged[]> {
  const probes = probesOf(request.candidate, request.parser).map((probe) => ({
    ...probe,
    name: `candidate_${probe.name}`,
  }));
  const found = await answers(request, probes, "prepare");
  return probes.map((probe, index) => {
    const { query, use } = probe;
    const answer = found[index];
    const error = answer?.fresh.is === "refused" ? answer.fresh.error : answer?.plan;
    const verdict =
      use === undefined
        ? unproven(REHEARSAL.unreadable, query.unreadable ?? "it does not parse")
        : error !== undefined
          ? refused(error)
          : PLANNED.has(use.kind) || WITHOUT_TABLES.has(use.kind)
            ? PROVEN
            : unproven(REHEARSAL.kind, `a ${use.kind} cannot be described without running it`);
    return { query, of: "candidate", verdict };
  });
}

function coverageOf(judged: readonly Judged[]): Coverage {
  const count = (is: Verdict["is"]) => judged.filter(({ verdict }) => verdict.is === is).length;
  const calls = (some: readonly Judged[]) => some.reduce((sum, { query }) => sum + (query.calls ?? 0), 0);
  return {
    queries: judged.length,
    proven: count("proven"),
    breaks: count("breaks"),
    unproven: count("unproven"),
    calls: calls(judged),
    provenCalls: calls(judged.filter(({ verdict }) => verdict.is === "proven")),
  };
}

function evidenceOf(engine: Engine, migrations: readonly Migration[], judged: readonly Judged[]): string {
  const facts = [
    engine,
    migrations.map(({ name, transaction, statements }) => [
      name,
      transaction,
      statements.map(({ text }) => text),
    ]),
    judged.map(({ query, of, verdict }) => [of, query.id, verdict]),
  ];
  return createHash("sha256").update(JSON.stringify(facts)).digest("hex");
}
