import type { Certainty, FindingClass, Phase } from "../finding.ts";
import type { Change, ChangeOf, Done } from "../reading/changes.ts";
import type { Context } from "./context.ts";

/** One hazard: what it looks like, why it is one, on what evidence, and how to do without. */
export interface Rule {
  readonly code: string;
  /** As in its file's name: `drop-column`. */
  readonly name: string;
  /** One line, no full stop. */
  readonly title: string;
  readonly class: FindingClass;
  readonly certainty: Certainty;
  readonly phase: Phase;
  /** Two sentences. */
  readonly why: string;
  readonly evidence: string;
  /** A script of which this rule finds exactly one thing, and one of which it finds nothing. */
  readonly bad: string;
  readonly good: string;
  /** What it looks at; nothing where reading itself finds it. */
  readonly on: readonly Done["is"][];
  readonly check: (change: Change, context: Context) => Hit | undefined;
}

/** What a rule says of itself, whatever it looks at. */
export type About = Omit<Rule, "on" | "check">;

/** A rule about some kinds of changes; its check sees only those. */
export function rule<const Is extends Done["is"]>(
  about: About,
  on: readonly Is[],
  check: (change: ChangeOf<Is>, context: Context) => Hit | undefined,
): Rule {
  return { ...about, on, check: (change, context) => check(change as ChangeOf<Is>, context) };
}

/** A rule whose finding reading itself makes. */
export function ofReading(about: About): Rule {
  return { ...about, on: [], check: () => undefined };
}

/** A rule's answer about one change; what it leaves out is as the rule says. */
export interface Hit {
  /** What exactly, in one line, with the names of this statement. */
  readonly says: string;
  readonly safe?: string;
  readonly certainty?: Certainty;
}

/** A name as SQL takes it: quoted where it must be. */
export function id(name: string): string {
  return name
    .split(".")
    .map((part) => (/^[a-z_][a-z0-9_]*$/u.test(part) ? part : `"${part.replaceAll('"', '""')}"`))
    .join(".");
}
