import { execFile, spawn, type ChildProcess } from "node:child_process";
import { chmod, chown, cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import type { Tell } from "../cached.ts";
import { postgresPrograms, type Major } from "./programs.ts";

/** A start takes half a second; a machine under load may take many times that. */
const START_MS = 60_000;
const STOP_MS = 20_000;
/** As the system has it, for the socket's whole path (macOS has four less). */
const LONGEST_SOCKET_PATH = 103;

export interface Server {
  readonly major: Major;
  /** For a client of PostgreSQL: the folder of the socket, who connects, and to what. No password. */
  readonly connection: { readonly host: string; readonly user: string; readonly database: string };
  /** Ends the server and removes everything of it. */
  readonly stop: () => Promise<void>;
}

/** A server refuses to run as root: then it runs as nobody. */
interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** What makes statements wait or measures vary is turned off; nothing has to survive a crash. */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: "",
  autovacuum: "off",
  fsync: "off",
  full_page_writes: "off",
  max_parallel_workers: "0",
  max_parallel_maintenance_workers: "0",
  shared_buffers: "16MB",
  TimeZone: "UTC",
};

/** Starts a server of a major with an empty database, on a socket in a temporary folder. */
export async function startPostgres(major: Major, tell: Tell): Promise<Server> {
  const programs = await postgresPrograms(major, tell);
  const folder = await mkdtemp(join(tmpdir(), "teal-postgres-"));
  const removed = () => rm(folder, { recursive: true, force: true });
  try {
    if (join(folder, ".s.PGSQL.5432").length > LONGEST_SOCKET_PATH) {
      throw new Error(`the temporary folder ${folder} has too long a path for a socket; set TMPDIR`);
    }
    const owner = await ownerOf(folder);
    const bin = owner === undefined ? join(programs, "bin") : await reachable(programs, folder);
    await createCluster(bin, folder, owner);
    const child = await start(bin, folder, owner);
    const stop = async () => {
      try {
        await end(child);
      } finally {
        await removed();
      }
    };
    return { major, connection: { host: folder, user: "postgres", database: "postgres" }, stop };
  } catch (error) {
    await removed();
    throw error;
  }
}

async function ownerOf(folder: string): Promise<Owner | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const passwords = await readFile("/etc/passwd", "utf8");
  const [, uid, gid] = /^nobody:[^:]*:(\d+):(\d+):/m.exec(passwords) ?? [];
  if (uid === undefined || gid === undefined) {
    throw new Error(
      "PostgreSQL does not run as root, and /etc/passwd has no user nobody: run this as a user",
    );
  }
  const owner = { uid: Number(uid), gid: Number(gid) };
  await chown(folder, owner.uid, owner.gid);
  await chmod(folder, 0o755);
  return owner;
}

/** The cache may lie in a folder that only root may enter: the owner gets a copy. */
async function reachable(programs: string, folder: string): Promise<string> {
  await cp(programs, join(folder, "programs"), { recursive: true, verbatimSymlinks: true });
  return join(folder, "programs/bin");
}

async function createCluster(bin: string, folder: string, owner: Owner | undefined): Promise<void> {
  const flags = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"];
  const args = [...flags, "-D", join(folder, "data")];
  await promisify(execFile)(join(bin, "initdb"), args, { cwd: folder, ...owner, timeout: START_MS });
}

async function start(bin: string, folder: string, owner: Owner | undefined): Promise<ChildProcess> {
  const settings = Object.entries(SETTINGS).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const child = spawn(join(bin, "postgres"), ["-D", join(folder, "data"), "-k", folder, ...settings], {
    cwd: folder,
    ...owner,
    stdio: ["ignore", "ignore", "pipe"],
  });
  try {
    await ready(child);
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
  return child;
}

/** Reads what the server says until it accepts connections, and lets the rest run through. */
async function ready(child: ChildProcess): Promise<void> {
  const said: string[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(
    () => reject(new Error(`not ready after ${START_MS} ms: ${said.join("\n")}`)),
    START_MS,
  );
  child.once("error", reject);
  child.once("exit", (code) => reject(new Error(`postgres ended with ${code}: ${said.join("\n")}`)));
  const lines = createInterface({ input: child.stderr as NodeJS.ReadableStream });
  lines.on("line", (line) => {
    if (said.length < 50) said.push(line);
    if (line.includes("ready to accept connections")) resolve();
  });
  await promise.finally(() => clearTimeout(timer));
}

/** SIGINT ends every session; a server that does not follow is killed, which is an error. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  child.kill("SIGINT");
  await ended.finally(() => clearTimeout(timer));
  if (child.signalCode !== null) throw new Error(`the server did not stop within ${STOP_MS} ms`);
}
