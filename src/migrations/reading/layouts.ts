import { basename, dirname } from "node:path/posix";
import type { SourceFile } from "./model.ts";

/**
 * A part of a file that a tool runs as one migration. `query` is how tools run that send the whole text as one simple
 * query: the server makes one transaction of it unless it is a single statement.
 */
export interface Section {
  readonly direction: "up" | "down";
  readonly from: number;
  readonly to: number;
  readonly runs: "one" | "perStatement" | "query";
}

export type Layout =
  | { readonly is: "migration"; readonly tool: string; readonly sections: readonly Section[] }
  | { readonly is: "schema" };

/** Which tool's file this is, by its name, its neighbours (`paths`) and its own words. */
export function layoutOf({ path, text }: SourceFile, neighbours: ReadonlyMap<string, string>): Layout {
  const name = basename(path);
  const folder = dirname(path);
  const beside = (file: string) => neighbours.get(`${folder}/${file}`);
  const whole = (tool: string, direction: Section["direction"], runs: Section["runs"]): Layout => ({
    is: "migration",
    tool,
    sections: [{ direction, from: 0, to: text.length, runs }],
  });
  if (name === "structure.sql" || /^--\s*\r?\n-- PostgreSQL database dump/mu.test(text.slice(0, 2_000)))
    return { is: "schema" };
  if (/^--\s*\+goose\s+Up\b/imu.test(text)) return sectioned("goose", text, GOOSE);
  if (/^--\s*migrate:up\b/mu.test(text)) return sectioned("dbmate", text, DBMATE);
  if (/^--\s*Up Migration\b/imu.test(text)) return sectioned("node-pg-migrate", text, NODE_PG_MIGRATE);
  if (/^---- create above \/ drop below ----/mu.test(text)) return sectioned("tern", text, TERN);
  if (/^--! (?:Previous|Hash):/mu.test(text))
    return whole("graphile-migrate", "up", /^--! no-transaction/mu.test(text) ? "perStatement" : "one");
  const direction = /\.(up|down)\.sql$/iu.exec(name)?.[1]?.toLowerCase();
  if (direction === "up" || direction === "down") return whole("golang-migrate", direction, "query");
  if (/^[VUR](?:[\d._]+)?__.+\.sql$/u.test(name))
    return whole("flyway", name.startsWith("U") ? "down" : "up", flywayRuns(text, beside(`${name}.conf`)));
  if (name === "migration.sql") {
    const drizzle = beside("snapshot.json") !== undefined || text.includes("--> statement-breakpoint");
    return drizzle ? whole("drizzle", "up", "one") : whole("prisma", "up", "query");
  }
  if (neighbours.has(`${folder}/meta/_journal.json`)) return whole("drizzle", "up", "one");
  if (/(?:^|\/)(?:deploy|revert)$/u.test(folder) && /^--\s*(?:Deploy|Revert)\s/mu.test(text))
    return whole("sqitch", folder.endsWith("revert") ? "down" : "up", "perStatement");
  return whole("plain", "up", "perStatement");
}

/** Flyway runs a script outside of a transaction where its configuration says so, or where a statement demands it. */
function flywayRuns(text: string, conf: string | undefined): Section["runs"] {
  if (/^\s*executeInTransaction\s*=\s*false/mu.test(conf ?? "")) return "perStatement";
  return /\bindex\s+concurrently\b|^\s*(?:vacuum|reindex)\b|\bcreate\s+database\b/imu.test(text)
    ? "perStatement"
    : "one";
}

interface Markers {
  readonly up: RegExp;
  readonly down: RegExp;
  /** Says, on the marker's line or anywhere, that the tool opens no transaction. */
  readonly bare: RegExp;
  /** How the tool then sends the statements. */
  readonly bareRuns: Section["runs"];
}

const GOOSE: Markers = {
  up: /^--\s*\+goose\s+Up\b.*$/imu,
  down: /^--\s*\+goose\s+Down\b.*$/imu,
  bare: /^--\s*\+goose\s+NO\s+TRANSACTION\b/imu,
  bareRuns: "perStatement",
};
const DBMATE: Markers = {
  up: /^--\s*migrate:up\b.*$/mu,
  down: /^--\s*migrate:down\b.*$/mu,
  bare: /^--\s*migrate:(?:up|down)\b.*\btransaction:\s*false/mu,
  bareRuns: "query",
};
const NODE_PG_MIGRATE: Markers = {
  up: /^--\s*Up Migration\b.*$/imu,
  down: /^--\s*Down Migration\b.*$/imu,
  bare: /(?!)/u,
  bareRuns: "one",
};
const TERN: Markers = {
  up: /^/u,
  down: /^---- create above \/ drop below ----.*$/mu,
  bare: /^---- tern: disable-tx ----/mu,
  bareRuns: "perStatement",
};

function sectioned(tool: string, text: string, { up, down, bare, bareRuns }: Markers): Layout {
  const opens = up.exec(text);
  const closes = down.exec(text);
  const top = (opens?.index ?? 0) + (opens?.[0].length ?? 0);
  const bottom = closes === null ? text.length : closes.index;
  // dbmate's option belongs to one direction, the others' to the file.
  const runs = (part: string): Section["runs"] =>
    bare.test(tool === "dbmate" ? part : text) ? bareRuns : "one";
  const sections: Section[] = [
    {
      direction: "up",
      from: top,
      to: Math.max(top, bottom),
      runs: runs(text.slice(opens?.index ?? 0, bottom)),
    },
  ];
  if (closes !== null) {
    const from = closes.index + closes[0].length;
    sections.push({ direction: "down", from, to: text.length, runs: runs(text.slice(closes.index)) });
  }
  return { is: "migration", tool, sections };
}
