import type { Check, Decision, Sample } from "./checks.ts";
import type { Replica } from "./observed.ts";
import { redact } from "./redact.ts";
import { assertNever, type Cause } from "./units.ts";

/** What a judgement is about, in the order in which it is told. */
export interface Findings {
  readonly failing: readonly {
    readonly check: Check;
    readonly sample: Sample;
    readonly failed: number;
    readonly of: number;
    readonly forced: boolean;
  }[];
  readonly unknown: readonly Sample[];
  readonly passing: readonly { readonly check: Check; readonly sample: Sample }[];
  readonly crashed: readonly Replica[];
  readonly replicas: number;
  readonly needed: number;
}

/** The one line behind a step's name, and the cause for whoever reports the decision. */
export function explain(
  findings: Findings,
  decision: Decision | "undecided",
): { summary: string; cause?: Cause } {
  const summary = summaryOf(findings, decision);
  switch (decision) {
    case "pass":
    case "undecided":
      return { summary };
    case "fail":
      return {
        summary,
        cause: {
          code: findings.crashed.length > 0 ? "TEAL-H103" : "TEAL-H101",
          message: summary,
          evidence: evidenceOf(findings),
        },
      };
    case "inconclusive":
      return { summary, cause: { code: "TEAL-H102", message: summary, evidence: evidenceOf(findings) } };
    default:
      return assertNever(decision);
  }
}

function summaryOf(findings: Findings, decision: Decision | "undecided"): string {
  const forced = findings.failing
    .filter((finding) => finding.forced)
    .map((finding) => `forced: ${failureLine(finding)}`);
  return [...headline(findings, decision), ...forced].join(" · ");
}

function headline(findings: Findings, decision: Decision | "undecided"): readonly string[] {
  const failing = findings.failing.filter((finding) => !finding.forced);
  if (decision === "pass") return findings.passing.map(({ check, sample }) => passLine(check, sample));
  if (findings.replicas === 0) return ["no replica to ask"];
  const crashed = findings.crashed[0];
  if (crashed !== undefined) return [crashLine(crashed), ...failing.slice(0, 1).map(failureLine)];
  const [worst, ...others] = failing;
  if (worst !== undefined && decision !== "inconclusive") {
    const more =
      others.length === 0
        ? []
        : [`${others.length} more failing: ${others.map(({ check }) => shortName(check)).join(", ")}`];
    return [failureLine(worst), ...more];
  }
  const blind = findings.unknown[0];
  if (blind !== undefined)
    return [
      `${redact(blind.check)}: could not be asked${blind.actual === undefined ? "" : ` (${blind.actual})`}`,
    ];
  if (worst !== undefined) return [failureLine(worst)];
  if (findings.replicas < findings.needed) return [`${findings.replicas} of ${findings.needed} replicas`];
  return findings.passing.length === 0
    ? ["no answer yet"]
    : [
        `too few answers yet: ${findings.passing.map(({ check, sample }) => passLine(check, sample)).join(" · ")}`,
      ];
}

function passLine(check: Check, sample: Sample): string {
  return [
    shortName(check),
    sample.actual ?? "passed",
    ...(sample.excerpt === undefined ? [] : [`"${sample.excerpt}"`]),
  ].join(" ");
}

function failureLine({ check, sample, failed, of }: Findings["failing"][number]): string {
  const what =
    sample.expected === undefined
      ? (sample.actual ?? "failed")
      : `expected ${sample.expected}, got ${sample.actual ?? "nothing"}`;
  return `${longName(check)}: ${what} (${failed} of ${of} failed)`;
}

function crashLine(replica: Replica): string {
  if (replica.phase === "crashLoop")
    return `${replica.id} crashes again and again (${replica.restarts} restarts${exitOf(replica)})`;
  if (replica.phase === "exited") return `${replica.id} crashed${exitOf(replica)}`;
  return `${replica.id} crashed and was restarted${exitOf(replica)}`;
}

function exitOf({ exit }: Replica): string {
  if (exit === undefined) return "";
  return exit.signal === null ? `, exit ${exit.code ?? "unknown"}` : `, ${exit.signal}`;
}

/** As in `/health 200`. A command line or a query may hold what no one should read. */
function shortName(check: Check): string {
  switch (check.ask) {
    case "http":
      return redact(check.http.path);
    case "tcp":
      return check.tcp.port === undefined ? "tcp" : `tcp :${check.tcp.port}`;
    case "exec":
      return redact(check.name);
    default:
      return assertNever(check);
  }
}

/** As in `GET /health/db: expected 200`. */
function longName(check: Check): string {
  return check.ask === "http" ? `${check.http.method} ${shortName(check)}` : shortName(check);
}

function evidenceOf(findings: Findings): readonly string[] {
  return findings.failing
    .flatMap(({ sample }) => (sample.excerpt === undefined ? [] : [`body: "${sample.excerpt}"`]))
    .slice(0, 3);
}
