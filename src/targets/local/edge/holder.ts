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
/** Answers on the sockets, or was told to. */
let serving: ChildProcess | undefined;
/** Loaded, and takes over when `serving` has let go. */
let next: ChildProcess | undefined;
let pause = 0;
let ending = false;

function start(): void {
  const entry = readFileSync(entryFile, "utf8").trim();
  const edge = spawn(process.execPath, [entry, folder], { stdio: ["ignore", "inherit", "inherit", 3, 4, "ipc"] });
  const born = Date.now();
  edges.add(edge);
  edge.on("error", (error) => console.error(`holder: ${error.message}`));
  edge.on("message", (message) => {
    if (message === "loaded") offer(edge);
    else if (message === "released" && edge === serving) promote();
    else if (message === "replace" && edge === serving) start();
  });
  edge.on("exit", (code, signal) => {
    edges.delete(edge);
    if (ending) return end();
    if (edge === next) next = undefined;
    if (edge !== serving && serving !== undefined) return;
    if (edge === serving) console.error(`holder: edge ${edge.pid} ended (${signal ?? code})`);
    promote();
    if (serving !== undefined) return;
    pause = Date.now() - born < SHORT_LIFE_MS ? Math.min(PAUSE_MAX_MS, pause * 2 || PAUSE_MS) : 0;
    setTimeout(start, pause);
  });
}

function offer(edge: ChildProcess): void {
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

function end(): void {
  if (edges.size === 0) process.exit(0);
}

process.on("SIGHUP", start);
process.on("SIGTERM", () => {
  ending = true;
  for (const edge of edges) edge.kill("SIGTERM");
  end();
});
start();
