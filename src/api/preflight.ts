import type { Plan } from "../core/plan.ts";
import type { Cause } from "../core/units.ts";
import type { Finding } from "../ports/target.ts";
import type { Connection } from "./connection.ts";

/**
 * What the target can tell about the plan before anything is written, what blocks it first. A target that has nothing to
 * tell finds nothing; one that fails to look has proven nothing.
 */
export async function preflight(
  { target }: Connection,
  plan: Plan,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  if (target.preflight === undefined) return [];
  const found = await target.preflight(plan, signal).catch((error: unknown): readonly Finding[] => [
    {
      is: "unproven",
      cause: { code: "TEAL-D140", message: `nothing could be looked at beforehand: ${String(error)}` },
    },
  ]);
  return found.toSorted((a, b) => ORDER.indexOf(a.is) - ORDER.indexOf(b.is));
}

const ORDER: readonly Finding["is"][] = ["blocks", "warns", "unproven"];

/** Why the plan cannot be carried out, as one refusal with everything that stands in its way; undefined when nothing does. */
export function blocked(
  findings: readonly Finding[],
): { readonly cause: Cause; readonly next: string } | undefined {
  const [first, ...others] = findings.filter((each) => each.is === "blocks");
  if (first === undefined) return undefined;
  const evidence = [
    ...(first.cause.evidence ?? []),
    ...others.map(({ cause }) => `${cause.message} (${cause.code})`),
  ];
  const cause = { ...first.cause, ...(evidence.length === 0 ? {} : { evidence }) };
  return { cause, next: first.next ?? "remove what stands in the way and run the command again" };
}

/** One line of a finding, for people. */
export function findingInWords({ is, cause, next }: Finding): string {
  const advice = next === undefined || is === "unproven" ? "" : ` Next: ${next}`;
  return `${WORDS[is]} ${cause.message} (${cause.code})${advice === "" ? "" : `.${advice}`}`;
}

const WORDS = { blocks: "✗", warns: "!", unproven: "? not proven:" } as const;
