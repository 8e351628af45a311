import type { Description } from "./shadow.ts";
import { PROVEN, REHEARSAL, unproven, type Verdict } from "./verdict.ts";

type Described = Extract<Description, { is: "described" }>;
type TypeNames = ReadonlyMap<number, string>;

/** Types that every driver hands out alike. */
const ALIKE = [["text", "character varying", "character", "name"]];
/** Types that some drivers hand out alike, others not. */
const NEAR = [
  ["smallint", "integer", "oid"],
  ["real", "double precision"],
  ["json", "jsonb"],
];
/** Where a parameter of the first type is given, the server takes it for any that follow. */
const WIDER = [
  ...ALIKE,
  ["smallint", "integer", "bigint", "numeric"],
  ["real", "double precision", "numeric"],
];

/** Compares what the program gets and gives, when the query is prepared anew after the migration. */
export function compareResults(
  before: Described,
  after: Described,
  names: { readonly before: TypeNames; readonly after: TypeNames },
): Verdict {
  const was = before.columns.map(({ name, type }) => ({
    name,
    type: names.before.get(type) ?? String(type),
  }));
  const is = after.columns.map(({ name, type }) => ({ name, type: names.after.get(type) ?? String(type) }));
  for (const column of was) {
    const now = is.find(({ name }) => name === column.name);
    if (now === undefined) return broken(`the result has no column ${column.name} any more`);
    if (now.type === column.type || together(ALIKE, now.type, column.type)) continue;
    const says = `the result's column ${column.name} was ${column.type} and becomes ${now.type}`;
    if (together(NEAR, now.type, column.type))
      return unproven(REHEARSAL.result, `${says}: some drivers hand it out as another type`);
    return broken(says);
  }
  return compareParameters(before, after, names);
}

function compareParameters(
  before: Described,
  after: Described,
  names: { readonly before: TypeNames; readonly after: TypeNames },
): Verdict {
  for (const [index, type] of before.parameters.entries()) {
    const was = names.before.get(type) ?? String(type);
    const now = names.after.get(after.parameters[index] ?? 0) ?? "unknown";
    if (was === now || isWider(was, now)) continue;
    const reason = `parameter $${index + 1} was ${was} and becomes ${now}: what the program gives may not convert`;
    return unproven(REHEARSAL.result, reason);
  }
  return PROVEN;
}

function broken(says: string): Verdict {
  const safe =
    "Add a column of the new type, keep both alike by a trigger, move readers, drop the first one later.";
  return { is: "breaks", code: REHEARSAL.result, says, safe };
}

function together(families: readonly (readonly string[])[], a: string, b: string): boolean {
  return families.some((family) => family.includes(a) && family.includes(b));
}

function isWider(was: string, now: string): boolean {
  if (together(ALIKE, was, now)) return true;
  return WIDER.some((family) => family.includes(was) && family.indexOf(now) > family.indexOf(was));
}
