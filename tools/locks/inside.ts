import type { Effect } from "../../src/migrations/locks/lookup.ts";
import type { LockMode } from "../../src/migrations/locks/modes.ts";
import { FIXTURE } from "./fixture.ts";
import { modeOf, relationsOf, rewritten, rolesOf, strongest, type Relation } from "./relations.ts";
import { sqlState, type Session } from "./session.ts";
import type { Shape } from "./shape.ts";

const LOCKS = `
  SELECT relation::int AS oid, mode FROM pg_locks
  WHERE pid = pg_backend_pid() AND locktype = 'relation' AND granted`;
/** Scans of this transaction, and of what the session has not reported yet. */
const SCANS =
  "SELECT relid::int AS oid, seq_scan::int AS count FROM pg_stat_xact_all_tables WHERE seq_scan > 0";

/**
 * To look at an index or a sequence takes the weakest lock, which is skipped when the session has looked before: whether
 * it is there says something about the session, not about the statement.
 */
function passing({ role }: Relation, mode: LockMode): boolean {
  return mode === "ACCESS SHARE" && (role === "index" || role === "sequence");
}

/** Measures statements in transactions that are rolled back, so that the fixture is made once for most of them. */
export class Inside {
  readonly #session: Session;
  #clean = false;

  constructor(session: Session) {
    this.#session = session;
  }

  async measure(shape: Shape): Promise<Effect> {
    if (!this.#clean || shape.before !== undefined) await this.#session.run(FIXTURE);
    if (shape.before !== undefined) await this.#session.run(shape.before);
    this.#clean = shape.before === undefined;
    await this.#session.run(`BEGIN; ${shape.set ?? ""}`);
    try {
      return await this.#effect(shape.sql);
    } finally {
      await this.#session.run("ROLLBACK");
    }
  }

  async #effect(sql: string): Promise<Effect> {
    const before = await relationsOf(this.#session);
    const read = await this.#scans();
    try {
      await this.#session.run(sql);
    } catch (error) {
      return { error: sqlState(error) };
    }
    const locks = await this.#locks(before);
    const scanned = await this.#scans();
    const more = ({ oid }: Relation) => (scanned.get(oid) ?? 0) > (read.get(oid) ?? 0);
    return {
      locks,
      rewrites: await rewritten(this.#session, before),
      scans: rolesOf([...before.values()].filter(more)),
    };
  }

  async #locks(before: ReadonlyMap<number, Relation>) {
    const held = (await this.#session.run(LOCKS)) as readonly { oid: number; mode: string }[];
    return strongest(
      held.flatMap(({ oid, mode }) => {
        const relation = before.get(oid);
        const held = modeOf(mode);
        return relation === undefined || passing(relation, held) ? [] : [{ role: relation.role, mode: held }];
      }),
    );
  }

  async #scans(): Promise<ReadonlyMap<number, number>> {
    const rows = (await this.#session.run(SCANS)) as readonly { oid: number; count: number }[];
    return new Map(rows.map(({ oid, count }) => [oid, count]));
  }
}
