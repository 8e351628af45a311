import type { Profile } from "../../src/targets/memory/index.ts";
import type { Tooth } from "./sabotage.ts";
import { PROFILES } from "./schedule.ts";

export const PAGE = "docs/simulation.md";

export interface Row {
  readonly invariant: string;
  readonly name: string;
  readonly profiles: Readonly<Record<Profile, string>>;
}

/** What the tests in `teeth.test.ts` show, each cell a test of its own; a cell that cannot be broken says why. */
export function rowsOf(teeth: readonly Tooth[]): readonly Row[] {
  return teeth.map(({ invariant, name, cannot }) => ({
    invariant: String(invariant),
    name,
    profiles: Object.fromEntries(
      PROFILES.map((profile) => [profile, cannot?.[profile] ?? "caught"]),
    ) as Record<Profile, string>,
  }));
}

export function tableOf(rows: readonly Row[]): string {
  return [
    `| invariant | broken by | ${PROFILES.join(" | ")} |`,
    `|---|---|${PROFILES.map(() => "---|").join("")}`,
    ...rows.map(
      ({ invariant, name, profiles }) =>
        `| ${invariant} | ${name} | ${PROFILES.map((profile) => profiles[profile]).join(" | ")} |`,
    ),
  ].join("\n");
}
