import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync } from "node:fs";
import { basename, join } from "node:path";
import type { Instant } from "../../../core/units.ts";
import { readJson, writeDurably } from "../files.ts";
import { boot, isAlive, startTime } from "../identity.ts";
import { programFile } from "../programs.ts";
import { inheritedEnvironment } from "../shim/environment.ts";
import { endGroup, groupAlive, signalGroup } from "../shim/group.ts";
import { lifeFiles, type ExitRecord, type LifeFiles, type LifeSpec, type PidRecord } from "../shim/life.ts";

/** How a life stands, told from its records and from the system, never from memory alone. */
export type LifeStanding =
  /** The shim has not written its record yet. */
  | { readonly is: "coming" }
  | { readonly is: "running"; readonly pid: PidRecord }
  /** The command ended; the shim or processes of the group are still there. */
  | { readonly is: "ending" }
  | { readonly is: "gone"; readonly exit: ExitRecord; readonly rebooted: boolean };

/** A shim has so long (ms) to write its record. */
const COMING_AT_MOST = 5_000;

/** One life of a replica as the agent handles it: its folder, its shim, its process group. */
export class Life {
  readonly spec: LifeSpec;
  readonly files: LifeFiles;
  /** When SIGTERM was sent; the life is not to be restarted by itself any more. */
  stoppingSince: Instant | undefined;
  #pid: PidRecord | undefined;
  #shimEnded = false;
  #groupEnding = false;
  readonly #comingUntil = performance.now() + COMING_AT_MOST;

  private constructor(spec: LifeSpec, folder: string) {
    this.spec = spec;
    this.files = lifeFiles(folder);
  }

  /** Writes the spec, then starts the shim. `onEnd` is called when the shim has ended. */
  static launch(spec: LifeSpec, folder: string, agentLog: string, onEnd: () => void): Life {
    const life = new Life(spec, folder);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeDurably(life.files.spec, JSON.stringify(spec));
    const log = openSync(agentLog, "a", 0o600);
    const shim = spawn(process.execPath, [programFile("shim"), folder], {
      detached: true, // outlives the agent and its terminal
      cwd: folder,
      env: inheritedEnvironment(process.env),
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    const ended = () => {
      life.#shimEnded = true;
      onEnd();
    };
    shim.once("exit", ended);
    shim.once("error", ended);
    shim.unref();
    return life;
  }

  /** A life that an earlier agent launched; undefined when its folder holds no spec. */
  static adopt(folder: string): Life | undefined {
    const spec = readJson<LifeSpec>(lifeFiles(folder).spec);
    return spec === undefined ? undefined : new Life(spec, folder);
  }

  get name(): string {
    return basename(this.files.folder);
  }

  /** Known once the shim has written its record. */
  get group(): number | undefined {
    return this.#record()?.child.pid;
  }

  look(now: Instant): LifeStanding {
    const pid = this.#record();
    const exit = existsSync(this.files.exit) ? readJson<ExitRecord>(this.files.exit) : undefined;
    if (pid === undefined) return this.#withoutRecord(exit, now);
    if (pid.child.boot !== boot())
      return { is: "gone", rebooted: true, exit: exit ?? ended(now, "the machine was restarted") };
    if (exit !== undefined) {
      return isAlive(pid.shim) || this.#groupLives(pid)
        ? { is: "ending" }
        : { is: "gone", exit, rebooted: false };
    }
    if (isAlive(pid.shim)) return { is: "running", pid };
    // Nobody copies its output or records its exit any more: it ends, and another life takes its place.
    if (this.#groupLives(pid)) {
      this.#end(pid);
      return { is: "ending" };
    }
    return { is: "gone", rebooted: false, exit: this.#recordExit(ended(now, "its shim was killed")) };
  }

  /** Asks the shim to stop the replica: SIGTERM, grace, SIGKILL. */
  terminate(now: Instant): void {
    this.stoppingSince ??= now;
    const pid = this.#record();
    if (pid === undefined) {
      this.#recordExit(ended(now, "stopped before it started")); // the shim looks for it before it starts the command
    } else if (isAlive(pid.shim)) {
      process.kill(pid.shim.pid, "SIGTERM");
    } else if (this.#groupLives(pid)) {
      this.#end(pid);
    }
  }

  /** Ends what the shim did not: the group at once, then the shim itself. */
  kill(): void {
    const pid = this.#record();
    if (pid === undefined) return;
    if (this.#groupLives(pid)) signalGroup(pid.child.pid, "SIGKILL");
    if (isAlive(pid.shim)) process.kill(pid.shim.pid, "SIGKILL");
  }

  #record(): PidRecord | undefined {
    if (this.#pid === undefined && existsSync(this.files.pid))
      this.#pid = readJson<PidRecord>(this.files.pid);
    return this.#pid;
  }

  #withoutRecord(exit: ExitRecord | undefined, now: Instant): LifeStanding {
    if (!this.#shimEnded && performance.now() < this.#comingUntil) return { is: "coming" };
    return {
      is: "gone",
      rebooted: false,
      exit: exit ?? this.#recordExit(ended(now, "its shim did not start")),
    };
  }

  /**
   * A group id can be somebody else's by now only if its leader is gone and another process got the number: then the
   * leader's start time differs. A leader that is gone with members left keeps the number from being given away.
   */
  #groupLives(pid: PidRecord): boolean {
    const leader = startTime(pid.child.pid);
    if (leader !== undefined && leader !== pid.child.started) return false;
    return groupAlive(pid.child.pid);
  }

  #end(pid: PidRecord): void {
    if (this.#groupEnding) return;
    this.#groupEnding = true;
    // Whatever comes of it is seen at the next look.
    endGroup(pid.child.pid, this.spec.stopGrace).catch(() => (this.#groupEnding = false));
  }

  #recordExit(exit: ExitRecord): ExitRecord {
    writeDurably(this.files.exit, JSON.stringify(exit));
    return exit;
  }
}

/** Folder of a life; the incarnation's random part keeps it from ever being used twice. */
export function lifeFolder(replicas: string, incarnation: string): string {
  return join(replicas, incarnation);
}

function ended(at: Instant, note: string): ExitRecord {
  return { code: null, signal: null, at, note };
}
