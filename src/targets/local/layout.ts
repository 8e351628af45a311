import { createHash } from "node:crypto";
import { homedir, tmpdir, userInfo } from "node:os";
import { join, resolve } from "node:path";

/**
 * Where the local target keeps what it knows about one service in one environment. Everything of a service lies in
 * one folder, so that nothing one service does can touch another.
 */
export interface Layout {
  readonly root: string;
  /** Control sockets. Short paths: a unix socket's path is limited to about 100 bytes. */
  readonly agentSocket: string;
  readonly edgeSocket: string;
  /** The agent's durable record of what each slot is told (fsync and rename). */
  readonly slotsFile: string;
  /** The edge's durable route record: weights and fence. This file is what is live. */
  readonly routeFile: string;
  /** Members of both slots as the edge last knew them; believed after a restart only once checked. */
  readonly membersFile: string;
  /** What the edge and the agent were started with: listen addresses and policies. */
  readonly serviceFile: string;
  /** Identities (pid, start time, boot id) of the agent and the holder. */
  readonly agentPid: string;
  readonly holderPid: string;
  readonly agentLog: string;
  readonly edgeLog: string;
  /** One folder per revision: the copied source and `release.json`. */
  readonly releases: string;
  /** One folder per replica life: its spec, its shim's pid record, its exit record. */
  readonly replicas: string;
  /** Replica output, `<revision dir>/<slot>-<n>.log`, kept after the replica is gone. */
  readonly logs: string;
  readonly journal: string;
  readonly spool: string;
  /** Key of the digests that stand for secrets. */
  readonly keyFile: string;
  /** The secrets of checks by their digests (mode 0600): the only place where Teal keeps them. */
  readonly secretsFile: string;
}

/**
 * `$TEAL_STATE_DIR`, else `$XDG_STATE_HOME/teal`, else `~/.local/state/teal`. Absolute: the agent, git and tar run in
 * other folders.
 */
export function stateDirectory(env: Readonly<Record<string, string | undefined>> = process.env): string {
  if (env["TEAL_STATE_DIR"]) return resolve(env["TEAL_STATE_DIR"]);
  return resolve(env["XDG_STATE_HOME"] || join(homedir(), ".local", "state"), "teal");
}

export function layout(stateDir: string, service: string, environment: string): Layout {
  return layoutAt(join(stateDir, `${service}.${environment}`));
}

/** The same for a process that was told only the folder. */
export function layoutAt(root: string): Layout {
  const socket = (name: string) => {
    const direct = join(root, name);
    if (Buffer.byteLength(direct) <= 100) return direct;
    // macOS allows 104 bytes, Linux 108: a deep state directory gets its sockets under the temporary one instead.
    const digest = createHash("sha256").update(root).digest("hex").slice(0, 16);
    return join(tmpdir(), `teal-${userInfo().uid}-${digest}-${name}`);
  };
  return {
    root,
    agentSocket: socket("agent.sock"),
    edgeSocket: socket("edge.sock"),
    slotsFile: join(root, "slots.json"),
    routeFile: join(root, "route.json"),
    membersFile: join(root, "members.json"),
    serviceFile: join(root, "service.json"),
    agentPid: join(root, "agent.pid.json"),
    holderPid: join(root, "holder.pid.json"),
    agentLog: join(root, "agent.log"),
    edgeLog: join(root, "edge.log"),
    releases: join(root, "releases"),
    replicas: join(root, "replicas"),
    logs: join(root, "logs"),
    journal: join(root, "journal.db"),
    spool: join(root, "spool.ndjson"),
    keyFile: join(root, "key"),
    secretsFile: join(root, "secrets.json"),
  };
}
