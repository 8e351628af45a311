import { DEFAULTS } from "./defaults.ts";
import { CODES, type Finding } from "./problem.ts";
import { dotted, entriesAt, locate, scalarAt, type Tree } from "./tree.ts";
import { readDuration, readLatency } from "./units.ts";

/** Rules of `health` that look at more than one value: what can never pass, never be missed, or not be told apart. */
export function checkFindings(tree: Tree): readonly Finding[] {
  const kind = kindIn(tree);
  const here = kind === "local" ? ports(tree) : elsewhere(tree, ELSEWHERE[kind]);
  return [...latencies(tree), ...here, ...headerIdentity(tree), ...names(tree)];
}

/** What the replicas are: processes of this machine, pods or instances. What is wrong about it is found elsewhere. */
export function kindIn(tree: Tree): "local" | "kubernetes" | "aws" {
  return (
    (["kubernetes", "aws"] as const).find((kind) => locate(tree, ["target", kind]).depth === 2) ?? "local"
  );
}

type Path = readonly (string | number)[];

/** Where the checks stand, as far as they are written. */
function checkPaths(tree: Tree): readonly Path[] {
  const { tree: deep, depth } = locate(tree, ["health", "deep"]);
  const list = depth === 2 && deep.is === "list" ? deep.items.map((_, i) => ["health", "deep", i]) : [];
  return [["health", "ready"], ...list];
}

/** A latency bound at or above the timeout of its check decides nothing. */
function latencies(tree: Tree): readonly Finding[] {
  const common =
    timeAt(tree, ["health", "timeout"], readDuration)?.value ?? readDuration(DEFAULTS.check.timeout);
  return checkPaths(tree).flatMap((path) => {
    const timeout = timeAt(tree, [...path, "timeout"], readDuration)?.value ?? common;
    const bound = timeAt(tree, [...path, "http", "latency"], readLatency);
    if (bound === undefined || timeout === undefined || bound.value < timeout) return [];
    const message = `latency ${bound.value} ms can never be missed: an attempt ends after its timeout of ${timeout} ms`;
    return [{ at: bound.at, path: bound.path, code: CODES.contradiction, message }];
  });
}

function timeAt(tree: Tree, path: Path, read: (text: string) => number | undefined) {
  const found = scalarAt(tree, path, "string");
  const value = found && read(found.value);
  return found === undefined || value === undefined ? undefined : { ...found, value };
}

/**
 * By `process` only the replica itself may answer. One port can belong to one replica, and every strategy but recreate
 * runs the candidate beside what is live: a fixed port is somebody else's, for all replicas but one.
 */
function ports(tree: Tree): readonly Finding[] {
  const written = locate(tree, ["health", "identity"]);
  const identity =
    written.depth < 2 ? DEFAULTS.identity : scalarAt(tree, ["health", "identity"], "string")?.value;
  const replicas =
    scalarAt(tree, ["target", "local", "replicas"], "number")?.value ?? DEFAULTS.local.replicas;
  const alone = replicas === 1 && isRecreate(tree);
  if (identity !== "process" || alone) return [];
  return checkPaths(tree).flatMap((path) => {
    const port =
      scalarAt(tree, [...path, "tcp"], "number") ?? scalarAt(tree, [...path, "tcp", "port"], "number");
    if (port === undefined) return [];
    const message = `tcp ${port.value} can never pass: with identity process every replica must own the port that answers. Without a number it is the replica's own port; to ask a database, use exec or an http path of the service`;
    return [{ at: port.at, path: port.path, code: CODES.contradiction, message }];
  });
}

/** The words for a replica that is no process of this machine. */
const ELSEWHERE = {
  kubernetes: { replica: "a pod", itself: "the connection leads to the pod itself" },
  aws: { replica: "an instance", itself: "the way leads to the candidate alone" },
} as const;

/** What only works where the replicas are processes of this machine. */
function elsewhere(
  tree: Tree,
  { replica, itself }: (typeof ELSEWHERE)[keyof typeof ELSEWHERE],
): readonly Finding[] {
  const identity = scalarAt(tree, ["health", "identity"], "string");
  const process =
    identity?.value === "process"
      ? [
          {
            at: identity.at,
            path: identity.path,
            code: CODES.contradiction,
            message: `identity process can never be proven: the processes of ${replica} are not seen from outside. Leave it out: ${itself}`,
          },
        ]
      : [];
  const commands = checkPaths(tree).flatMap((path) => {
    const { tree: exec, depth, keyAt } = locate(tree, [...path, "exec"]);
    if (depth < path.length + 1) return [];
    const message = `exec can never pass: in this version nothing is run inside ${replica}. Ask a path of the service that does it`;
    return [{ at: keyAt ?? exec.at, path: dotted(exec.path), code: CODES.notYet, message }];
  });
  return [...process, ...commands];
}

function isRecreate(tree: Tree): boolean {
  const { tree: strategy, depth } = locate(tree, ["strategy"]);
  if (depth === 0) return false;
  return strategy.is === "map"
    ? strategy.entries.has("recreate")
    : strategy.is === "scalar" && strategy.value === "recreate";
}

/** Only an HTTP answer has headers: the answer of a port would be unknown for ever. */
function headerIdentity(tree: Tree): readonly Finding[] {
  const header = scalarAt(tree, ["health", "identity", "header"], "string");
  if (header === undefined) return [];
  const without = `only an HTTP answer carries the header ${header.value} that identity asks for`;
  const ready = locate(tree, ["health", "ready"]);
  if (ready.depth < 2 && kindIn(tree) === "local") {
    const message = `"ready" is missing in health: without it a TCP connection is asked for, and ${without}`;
    return [{ at: header.at, path: header.path, code: CODES.missingKey, message }];
  }
  return checkPaths(tree).flatMap((path) => {
    const { tree: tcp, depth, keyAt } = locate(tree, [...path, "tcp"]);
    if (depth < path.length + 1) return [];
    const message = `tcp can never pass: ${without}`;
    return [{ at: keyAt ?? tcp.at, path: dotted(tcp.path), code: CODES.contradiction, message }];
  });
}

/** `--force` and every report call a check by its name. */
function names(tree: Tree): readonly Finding[] {
  const seen = new Set<string>();
  return checkPaths(tree).flatMap((path) => {
    const name = scalarAt(tree, [...path, "name"], "string");
    if (name === undefined || (!seen.has(name.value) && seen.add(name.value))) return [];
    const message = "this name is given to two checks";
    return [{ at: name.at, path: name.path, code: CODES.contradiction, message }];
  });
}

/** JSONPaths that are none. Their parser is loaded only for a file that has some: it costs more than the file. */
export async function jsonPathFindings(tree: Tree): Promise<readonly Finding[]> {
  const entries = checkPaths(tree).flatMap((path) => entriesAt(tree, [...path, "http", "body", "json"]));
  if (entries.length === 0) return [];
  const { default: parse } = await import("jsonpath-rfc9535/parser");
  return entries.flatMap(({ key, keyAt, value }) => {
    try {
      parse(key);
      return [];
    } catch {
      return [
        { at: keyAt, path: dotted(value.path), code: CODES.badValue, message: `not a JSONPath: ${key}` },
      ];
    }
  });
}
