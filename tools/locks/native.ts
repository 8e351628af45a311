import pg from "pg";
import type { Server } from "../../test/postgres/server.ts";
import type { Effect } from "../../src/migrations/locks/lookup.ts";
import { Inside } from "./inside.ts";
import { Outside, type Connection } from "./outside.ts";
import type { Shape } from "./shape.ts";
import { SHAPES } from "./shapes/index.ts";

/** Longest time (ms) for one statement, waiting included. */
const STATEMENT_MS = 60_000;

/** What every shape that a major knows does on a server of it, by the shape's id. */
export async function measure(server: Server): Promise<ReadonlyMap<string, Effect>> {
  const effects = new Map<string, Effect>();
  const connection = await connect(server);
  const inside = new Inside(connection);
  const outside = new Outside(() => connect(server));
  try {
    const known = [...SHAPES].filter(([, { since = 0 }]) => since <= server.major);
    // Those inside leave the fixture as it was, so they come first.
    for (const [id, shape] of known.toSorted(([, a], [, b]) => rank(a) - rank(b))) {
      const measuring = shape.outside === undefined ? inside : outside;
      effects.set(id, await measuring.measure(shape).catch((cause: unknown) => failed(id, server, cause)));
    }
  } finally {
    await connection.close();
  }
  return effects;
}

function rank({ outside }: Shape): number {
  return outside === undefined ? 0 : 1;
}

function failed(id: string, { major }: Server, cause: unknown): never {
  throw new Error(`PostgreSQL ${major}: ${id} could not be measured`, { cause });
}

async function connect(server: Server): Promise<Connection> {
  const client = new pg.Client({ ...server.connection, statement_timeout: STATEMENT_MS });
  await client.connect();
  const run: Connection["run"] = async (sql) => {
    const results = await client.query<Record<string, unknown>>(sql);
    return (Array.isArray(results) ? results.at(-1) : results).rows;
  };
  const [row] = await run("SELECT pg_backend_pid() AS pid");
  return { run, pid: row?.["pid"] as number, close: () => client.end() };
}

/** The release of a server: 18.4. */
export async function releaseOf(server: Server): Promise<string> {
  const connection = await connect(server);
  try {
    const [row] = await connection.run("SHOW server_version");
    return String(row?.["server_version"]);
  } finally {
    await connection.close();
  }
}
