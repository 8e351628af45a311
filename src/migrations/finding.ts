import type { Span } from "./reading/model.ts";

/**
 * What a finding endangers: the version that is live, the candidate, who waits for a lock, the time of a rewrite or
 * scan, data, the migration's own success (`fails`), or good habits. `unread` is what could not be judged at all.
 */
export type FindingClass =
  | "breaksLive"
  | "breaksCandidate"
  | "fails"
  | "losesData"
  | "locks"
  | "rewrites"
  | "scans"
  | "unread"
  | "practice";

/** `possible`: it depends on what the text alone does not tell. */
export type Certainty = "certain" | "possible";

/** Where the statement belongs: before the candidate starts, after the previous revision is gone, or nowhere. */
export type Phase = "expand" | "contract" | "never";

/** Something in a migration that an operator should know before it runs. */
export interface Finding {
  /** `TEAL-M201`; `teal migrate explain TEAL-M201` tells all about it. */
  readonly code: string;
  readonly class: FindingClass;
  readonly certainty: Certainty;
  readonly phase: Phase;
  readonly where: Span & { readonly file: string };
  /** What exactly, in one line, with the names of this statement. */
  readonly says: string;
  /** Two sentences: what happens, and to whom. */
  readonly why: string;
  /** SQL to paste instead. */
  readonly safe?: string;
  /** The reason given in the file, where it was acknowledged. */
  readonly acknowledged?: string;
}

/** Whether the finding stops a deployment until somebody acknowledges it. */
export function blocks(finding: Finding): boolean {
  return (
    finding.certainty === "certain" && finding.class !== "practice" && finding.acknowledged === undefined
  );
}

const URGENCY = [
  "unread",
  "fails",
  "breaksLive",
  "breaksCandidate",
  "losesData",
  "locks",
  "rewrites",
  "scans",
  "practice",
] as const satisfies readonly FindingClass[];

/** What an operator must do something about first: what blocks, what breaks, then by place. */
export function byUrgency(a: Finding, b: Finding): number {
  return (
    Number(blocks(b)) - Number(blocks(a)) ||
    URGENCY.indexOf(a.class) - URGENCY.indexOf(b.class) ||
    (a.where.file < b.where.file ? -1 : a.where.file > b.where.file ? 1 : 0) ||
    a.where.offset - b.where.offset ||
    (a.code < b.code ? -1 : a.code > b.code ? 1 : 0)
  );
}
