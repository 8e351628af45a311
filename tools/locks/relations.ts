import { LOCK_MODES, stronger, type LockMode } from "../../src/migrations/locks/modes.ts";
import type { Role } from "../../src/migrations/locks/lookup.ts";
import { roleOf } from "./fixture.ts";
import type { Session } from "./session.ts";

/** A relation of the fixture, as the catalog has it. */
export interface Relation {
  readonly oid: number;
  readonly name: string;
  readonly role: Role;
  readonly kind: string;
  /** 0 for what has no file, a view or a partitioned table. */
  readonly file: number;
}

export type Locks = Partial<Record<Role, LockMode>>;

const RELATIONS = `
  SELECT oid::int, relname AS name, relkind::text AS kind, relfilenode::int AS file FROM pg_class
  WHERE oid >= 16384 AND relkind IN ('r', 'p', 'i', 'I', 'v', 'm', 'S') AND relnamespace <> 'pg_toast'::regnamespace`;

interface Found {
  readonly oid: number;
  readonly name: string;
  readonly kind: string;
  readonly file: number;
}

async function catalog(session: Session): Promise<readonly Found[]> {
  return (await session.run(RELATIONS)) as readonly unknown[] as readonly Found[];
}

/** Every relation of the fixture by its oid. */
export async function relationsOf(session: Session): Promise<ReadonlyMap<number, Relation>> {
  const found = await catalog(session);
  return new Map(found.map((each) => [each.oid, { ...each, role: roleOf(each.name, each.kind) }]));
}

/**
 * Whose files are others than before. An index that ALTER TABLE drops and makes again keeps its name, and keeps its file
 * when it did not have to be built again.
 */
export async function rewritten(
  session: Session,
  before: ReadonlyMap<number, Relation>,
): Promise<readonly Role[]> {
  const found = await catalog(session);
  const byOid = new Map(found.map((each) => [each.oid, each]));
  const made = found.filter(({ kind, oid }) => kind === "i" && !before.has(oid));
  const indexes = new Map(made.map((each) => [each.name, each]));
  const changed = [...before.values()].filter(({ oid, name, kind, file }) => {
    const now = byOid.get(oid) ?? (kind === "i" ? indexes.get(name) : undefined);
    return now !== undefined && now.file !== file;
  });
  return rolesOf(changed);
}

/** Roles of relations, each once, in the order of the alphabet. */
export function rolesOf(relations: readonly Relation[]): readonly Role[] {
  return [...new Set(relations.map(({ role }) => role))].toSorted();
}

/** A mode as `pg_locks` spells it: ShareRowExclusiveLock. */
export function modeOf(spelt: string): LockMode {
  const words = spelt.replace(/Lock$/, "").replaceAll(/(?<=[a-z])(?=[A-Z])/g, " ");
  const mode = LOCK_MODES.find((name) => name === words.toUpperCase());
  if (mode === undefined) throw new Error(`pg_locks has a mode that nobody knows: ${spelt}`);
  return mode;
}

/** The strongest lock for each role, roles in the order of the alphabet. */
export function strongest(held: readonly { readonly role: Role; readonly mode: LockMode }[]): Locks {
  const locks: Locks = {};
  for (const { role, mode } of held.toSorted((a, b) => (a.role < b.role ? -1 : 1))) {
    locks[role] = stronger(mode, locks[role] ?? mode);
  }
  return locks;
}
