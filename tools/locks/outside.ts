import { setTimeout as sleep } from "node:timers/promises";
import { LOCK_MODES, type LockMode } from "../../src/migrations/locks/modes.ts";
import type { Effect } from "../../src/migrations/locks/lookup.ts";
import { FIXTURE } from "./fixture.ts";
import {
  modeOf,
  relationsOf,
  rewritten,
  rolesOf,
  strongest,
  type Locks,
  type Relation,
} from "./relations.ts";
import { sqlState, type Session } from "./session.ts";
import type { Shape } from "./shape.ts";

const POLL_MS = 5;
const WAIT_MS = 30_000;

/**
 * SHARE ROW EXCLUSIVE stands in the way of the same requests as SHARE and of SHARE itself, and those are known by then.
 */
const HELD = LOCK_MODES.filter((mode) => mode !== "SHARE ROW EXCLUSIVE");

/** A connection of its own, which can be closed. */
export interface Connection extends Session {
  /** The server's process. */
  readonly pid: number;
  readonly close: () => Promise<void>;
}

/** What a statement waits for while another transaction holds one lock on one relation. */
type Waiting =
  | { readonly is: "lock"; readonly relation: number; readonly mode: LockMode }
  | { readonly is: "end of a transaction" }
  | { readonly is: "nothing" };

/**
 * Measures statements that must stand outside a transaction: their locks are gone when they are done. So another
 * transaction holds a lock on one relation, from the weakest mode to the strongest, until the statement has to wait;
 * the mode that it waits for is the strongest it asks for.
 */
export class Outside {
  readonly #connect: () => Promise<Connection>;

  constructor(connect: () => Promise<Connection>) {
    this.#connect = connect;
  }

  async measure(shape: Shape): Promise<Effect> {
    const inTransaction = await this.#refusal(`BEGIN; ${shape.sql}`);
    const done = await this.#complete(shape);
    if (done.error !== undefined) return done;
    const probes = [];
    for (const name of shape.outside ?? []) probes.push(await this.#probe(shape, name));
    const waits = strongest(probes.flatMap((probe) => probe.waits));
    return {
      locks: strongest(probes.flatMap((probe) => probe.locks)),
      ...done,
      ...(inTransaction === undefined ? {} : { inTransaction }),
      ...(Object.keys(waits).length === 0 ? {} : { waits }),
    };
  }

  /** SQLSTATE with which statements fail on a fresh fixture; undefined when they do not. */
  async #refusal(sql: string): Promise<string | undefined> {
    return this.#with(async (session) => {
      await session.run(FIXTURE);
      return session.run(sql).then(() => undefined, sqlState);
    });
  }

  /** Runs the statement with nobody in its way. */
  async #complete(shape: Shape): Promise<Pick<Effect, "error" | "rewrites" | "scans">> {
    return this.#with(async (observer) => {
      await this.#reported(observer, 1, async (session) => {
        await session.run(FIXTURE);
        if (shape.before !== undefined) await session.run(shape.before);
      });
      const before = await relationsOf(observer);
      const read = await scans(observer);
      const error = await this.#reported(observer, 2, (session) =>
        session.run(shape.sql).then(() => undefined, sqlState),
      );
      if (error !== undefined) return { error };
      const scanned = await scans(observer);
      const more = ({ oid, name }: Relation) =>
        name !== "marker" && (scanned.get(oid) ?? 0) > (read.get(oid) ?? 0);
      const rewrites = await rewritten(observer, before);
      return { rewrites, scans: rolesOf([...before.values()].filter(more)) };
    });
  }

  /**
   * Does something in a session of its own, which then reads the marker and ends: counts arrive in the order of the
   * reads, so that once the marker was read `times`, everything before it has been counted.
   */
  async #reported<T>(observer: Session, times: number, act: (session: Session) => Promise<T>): Promise<T> {
    const result = await this.#with(async (session) => {
      const acted = await act(session);
      await session.run("SELECT * FROM marker");
      return acted;
    });
    const marker = async () => {
      const [row] = await observer.run("SELECT 'marker'::regclass::oid::int AS oid");
      return (await scans(observer)).get(row?.["oid"] as number) ?? 0;
    };
    await until("the server counts a scan", async () => ((await marker()) >= times ? true : undefined));
    return result;
  }

  async #probe(shape: Shape, name: string): Promise<{ locks: Held[]; waits: Held[] }> {
    const waits: Held[] = [];
    for (const held of HELD) {
      const { waiting, relations } = await this.#against(shape, name, held);
      const role = roleNamed(relations, name);
      if (waiting.is === "end of a transaction" && waits.length === 0) waits.push({ role, mode: held });
      if (waiting.is !== "lock") continue;
      const relation = relations.get(waiting.relation);
      if (relation?.name !== name) throw new Error(`${shape.sql} waits for ${relation?.name}, not ${name}`);
      return { locks: [{ role, mode: waiting.mode }], waits };
    }
    return { locks: [], waits };
  }

  /** Runs the statement on a fresh fixture while another transaction holds a lock. */
  async #against(shape: Shape, name: string, held: LockMode) {
    return this.#with(async (observer) => {
      await observer.run(FIXTURE);
      if (shape.before !== undefined) await observer.run(shape.before);
      const relations = await relationsOf(observer);
      const waiting = await this.#with((holder) =>
        this.#with(async (runner) => {
          await holder.run(`BEGIN; LOCK TABLE ONLY ${name} IN ${held} MODE`);
          let ended = false;
          const running = runner.run(shape.sql).finally(() => (ended = true));
          running.catch(() => {});
          const seen = await until(`${shape.sql} waits or ends`, async () => {
            const over = ended;
            const waits = await waitsFor(observer, runner, holder);
            return waits ?? (over ? ({ is: "nothing" } as const) : undefined);
          });
          await holder.run("ROLLBACK");
          await running;
          return seen;
        }),
      );
      return { waiting, relations };
    });
  }

  async #with<T>(act: (connection: Connection) => Promise<T>): Promise<T> {
    const connection = await this.#connect();
    try {
      return await act(connection);
    } finally {
      await connection.close();
    }
  }
}

type Held = { readonly role: keyof Locks; readonly mode: LockMode };

function roleNamed(relations: ReadonlyMap<number, Relation>, name: string): keyof Locks {
  const relation = [...relations.values()].find((each) => each.name === name);
  if (relation === undefined) throw new Error(`the fixture has no relation ${name}`);
  return relation.role;
}

/** What one session waits for until another lets go; it may have to wait for the observer too, for a moment. */
async function waitsFor(
  observer: Session,
  { pid }: Connection,
  holder: Connection,
): Promise<Waiting | undefined> {
  const [row] = (await observer.run(
    `SELECT locktype, relation::int AS relation, mode FROM pg_locks
     WHERE pid = ${pid} AND NOT granted AND ${holder.pid} = ANY (pg_blocking_pids(pid))`,
  )) as readonly { locktype: string; relation: number; mode: string }[];
  if (row === undefined) return undefined;
  if (row.locktype !== "relation") return { is: "end of a transaction" };
  return { is: "lock", relation: row.relation, mode: modeOf(row.mode) };
}

async function scans(session: Session): Promise<ReadonlyMap<number, number>> {
  await session.run("SELECT pg_stat_clear_snapshot()");
  const rows = await session.run("SELECT relid::int AS oid, seq_scan::int AS count FROM pg_stat_user_tables");
  return new Map(rows.map(({ oid, count }) => [oid as number, count as number]));
}

async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + WAIT_MS;
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    if (performance.now() > deadline) throw new Error(`waited ${WAIT_MS} ms in vain until ${what}`);
    await sleep(POLL_MS);
  }
}
