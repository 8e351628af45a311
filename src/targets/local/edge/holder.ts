import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";

/**
 * Owns the listening sockets so that an edge may crash or be replaced without a refused connection: `holder <folder>
 * <file with the edge's path>`. The sockets are plain descriptors 3 and 4 here, never opened as servers, so this
 * process never accepts. It knows nothing else, and so never needs to be replaced itself.
 *
 * SIGHUP: another edge takes over, then the present one drains. SIGTERM: the edges end, then the holder.
 */
const [, , folder = "", entryFile = ""] = process.argv;

/** An edge that lived shorter than this died of its start; the next one waits. */
const SHORT_LIFE_MS = 1_000;
const PAUSE_MS = 100;
const PAUSE_MAX_MS = 5_000;
/** An edge that does not let go of its duties by then is killed. */
const LET_GO_MS = 5_000;

const edges = new Set<ChildProcess>();
/** Started, not yet able to serve. */
let loading: ChildProcess | undefined;
/** Able to; takes over as soon as `serving` has let go. */
let next: ChildProcess | undefined;
let serving: ChildProcess | undefined;
let timer: NodeJS.Timeout | undefined;
let pause = 0;
let ending = false;

function start(): void {
  timer = undefined;
  const entry = readFileSync(entryFile, "utf8").trim();
  const edge = spawn(process.execPath, [entry, folder], {
    stdio: ["ignore", "inherit", "inherit", 3, 4, "ipc"],
  });
  const born = performance.now();
  edges.add(edge);
  loading = edge;
  edge.on("message", (message) => {
    if (message === "loaded") loaded(edge);
    else if (message === "released" && edge === serving) promote();
    else if (message === "replace" && edge === serving && loading === undefined) start();
  });
  edge.on("exit", (code, signal) => gone(edge, `${signal ?? code}`, performance.now() - born));
  // Without a pid it could not even be started, and no `exit` follows.
  edge.on("error", (error) => (edge.pid === undefined ? gone(edge, error.message, 0) : say(error.message)));
}

function loaded(edge: ChildProcess): void {
  if (loading === edge) loading = undefined;
  next?.kill();
  next = edge;
  if (serving === undefined) return promote();
  const leaving = serving;
  leaving.send("drain");
  setTimeout(() => serving === leaving && leaving.kill("SIGKILL"), LET_GO_MS);
}

function promote(): void {
  serving = next;
  next = undefined;
  serving?.send("serve");
}

function gone(edge: ChildProcess, why: string, lived: number): void {
  edges.delete(edge);
  if (ending) return endWhenAlone();
  if (edge === serving || edge === loading) say(`edge ${edge.pid} ended: ${why}`);
  if (edge === loading) loading = undefined;
  if (edge === next) next = undefined;
  if (edge === serving) promote();
  if (serving !== undefined || loading !== undefined || timer !== undefined) return;
  pause = lived < SHORT_LIFE_MS ? Math.min(PAUSE_MAX_MS, pause * 2 || PAUSE_MS) : 0;
  timer = setTimeout(start, pause);
}

function endWhenAlone(): void {
  if (edges.size === 0) process.exit(0);
}

function say(line: string): void {
  console.error(`holder: ${line}`);
}

// Nothing may end this process but SIGTERM: without it, the sockets would be gone.
process.on("uncaughtException", (error) => {
  say(error.message);
  if (serving === undefined && loading === undefined) timer ??= setTimeout(start, PAUSE_MAX_MS);
});
process.on("SIGHUP", start);
process.on("SIGTERM", () => {
  ending = true;
  for (const edge of edges) edge.kill("SIGTERM");
  endWhenAlone();
});
start();
