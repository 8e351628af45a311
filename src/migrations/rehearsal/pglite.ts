import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import type { Extension, PGlite, protocol } from "@electric-sql/pglite";
import type { Column, Description, Engine, ServerError, Shadow } from "./shadow.ts";

type Library = { readonly protocol: typeof protocol };
type Message = Awaited<ReturnType<PGlite["execProtocol"]>>["messages"][number];

/** So many statements in one message: answers are kept in memory until the last of them. */
const BATCH = 500;

/** Version of the package that is installed. */
export function pgliteVersion(): string {
  const require = createRequire(import.meta.url);
  const entry = require.resolve("@electric-sql/pglite");
  const file = entry.replace(/dist[/\\].*$/u, "package.json");
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

/**
 * Starts PostgreSQL in WASM, in memory: 0.6 s from a snapshot, 2 to 5 s without. `extensions` are names as in CREATE
 * EXTENSION; which of them there are says `availableExtensions`.
 */
export async function startPglite(
  extensions: readonly string[],
  snapshot: Uint8Array | undefined,
): Promise<Shadow> {
  const library = await import("@electric-sql/pglite");
  const loaded = await Promise.all(extensions.map(async (name) => [name, await extension(name)] as const));
  const database = await library.PGlite.create({
    extensions: Object.fromEntries(loaded.filter((one): one is [string, Extension] => one[1] !== undefined)),
    ...(snapshot === undefined ? {} : { loadDataDir: new Blob([Buffer.from(snapshot)]) }),
  });
  const { rows } = await database.query<{ server_version: string }>("SHOW server_version");
  const server = rows[0]?.server_version ?? "";
  return new PgliteShadow(library, database, { name: "pglite", version: pgliteVersion(), server });
}

/** Those of `names` that come with PGlite. */
export async function availableExtensions(names: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(names.map(async (name) => (await extension(name)) !== undefined));
  return names.filter((_, index) => found[index]);
}

async function extension(name: string): Promise<Extension | undefined> {
  if (!/^[a-z0-9_-]+$/u.test(name)) return undefined;
  const key = name.replaceAll("-", "_");
  try {
    const module = (await import(`@electric-sql/pglite/contrib/${key}`)) as Record<string, Extension>;
    return module[key];
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ERR_MODULE_NOT_FOUND" || code === "ERR_PACKAGE_PATH_NOT_EXPORTED") return undefined;
    throw error;
  }
}

class PgliteShadow implements Shadow {
  readonly engine: Engine;
  readonly #library: Library;
  readonly #database: PGlite;

  constructor(library: Library, database: PGlite, engine: Engine) {
    this.#library = library;
    this.#database = database;
    this.engine = engine;
  }

  async run(scripts: readonly string[]): Promise<readonly (ServerError | undefined)[]> {
    const { serialize } = this.#library.protocol;
    const answers = await this.#exchange(scripts.map((script) => [serialize.query(script)]));
    return answers.map(errorIn);
  }

  async rows<Row>(sql: string): Promise<readonly Row[]> {
    return (await this.#database.query<Row>(sql)).rows;
  }

  async prepare(
    statements: readonly { readonly name: string; readonly text: string }[],
  ): Promise<readonly Description[]> {
    const { serialize } = this.#library.protocol;
    const answers = await this.#exchange(
      statements.map(({ name, text }) => [
        serialize.parse({ name, text }),
        serialize.describe({ type: "S", name }),
        serialize.sync(),
      ]),
    );
    return answers.map(descriptionIn);
  }

  async describe(names: readonly string[]): Promise<readonly Description[]> {
    const { serialize } = this.#library.protocol;
    const answers = await this.#exchange(
      names.map((name) => [serialize.describe({ type: "S", name }), serialize.sync()]),
    );
    return answers.map(descriptionIn);
  }

  async dump(): Promise<Uint8Array> {
    const archive = await this.#database.dumpDataDir("none");
    return new Uint8Array(await archive.arrayBuffer());
  }

  async close(): Promise<void> {
    await this.#database.close();
  }

  /** Sends the messages of each request; every request ends with one `readyForQuery` of the server. */
  async #exchange(requests: readonly (readonly Uint8Array[])[]): Promise<readonly (readonly Message[])[]> {
    const answers: Message[][] = [];
    for (let from = 0; from < requests.length; from += BATCH) {
      const bytes = Buffer.concat(requests.slice(from, from + BATCH).flat());
      const { messages } = await this.#database.execProtocol(bytes, { throwOnError: false });
      let answer: Message[] = [];
      for (const message of messages) {
        if (message.name !== "readyForQuery") answer.push(message);
        else {
          answers.push(answer);
          answer = [];
        }
      }
    }
    if (answers.length !== requests.length)
      throw new Error(`the shadow database gave ${answers.length} answers to ${requests.length} requests`);
    return answers;
  }
}

function errorIn(messages: readonly Message[]): ServerError | undefined {
  const message = messages.find(({ name }) => name === "error") as Partial<ServerError> | undefined;
  if (message === undefined) return undefined;
  const { code = "XX000", message: text = "", detail, hint } = message;
  return {
    code,
    message: text,
    ...(detail === undefined ? {} : { detail }),
    ...(hint === undefined ? {} : { hint }),
  };
}

function descriptionIn(messages: readonly Message[]): Description {
  const error = errorIn(messages);
  if (error !== undefined) return { is: "refused", error };
  const named = <Found>(name: Message["name"]) =>
    messages.find((one) => one.name === name) as Found | undefined;
  const fields =
    named<{ fields: readonly { name: string; dataTypeID: number }[] }>("rowDescription")?.fields ?? [];
  const columns: readonly Column[] = fields.map(({ name, dataTypeID }) => ({ name, type: dataTypeID }));
  const parameters = named<{ dataTypeIDs: readonly number[] }>("parameterDescription")?.dataTypeIDs ?? [];
  return { is: "described", parameters, columns };
}
