import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Json } from "./client.ts";
import { aborted, BACK_OFF, pause, type Node } from "./context.ts";
import { ConfigError, environmentOf, expand } from "./environment.ts";
import { imageOf } from "./images.ts";
import { keepLog, textOf } from "./log.ts";
import { type Mount, withMounts } from "./mounts.ts";
import { exec, httpGet, look, runProbe, type Kind } from "./probes.ts";
import type { Sandbox } from "./sandbox.ts";
import type { Snapshot } from "./status.ts";

/** The rest of what a program wrote arrives within this time after its end. */
const OUTPUT_MS = 500;

/** What a container needs of its pod. */
export interface Around {
  readonly node: Node;
  readonly sandbox: Sandbox;
  /** Of the pod: logs and volumes. */
  readonly folder: string;
  /** The pod as it is now. */
  readonly pod: () => Json;
  readonly mounts: (container: Json) => readonly Mount[];
  /** Something that the status shows is different now. */
  readonly changed: () => void;
}

/** A program that runs, until it has ended. */
interface Instance {
  readonly pid: number;
  readonly ended: AbortSignal;
}

interface Prepared {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** A container of a pod through all its restarts. */
export class Container {
  readonly spec: Json;
  readonly #init: boolean;
  #around: Around | undefined;
  #state: Json = { waiting: { reason: "ContainerCreating" } };
  #last: Json;
  #restarts = 0;
  #starts = 0;
  #id: string | undefined;
  #started = false;
  #ready = false;
  #over = false;
  #instance: Instance | undefined;

  constructor(spec: Json, init: boolean, waiting: string) {
    this.spec = spec;
    this.#init = init;
    this.#state = { waiting: { reason: waiting } };
  }

  snapshot(): Snapshot {
    const succeeded = this.#over && this.#state.terminated?.exitCode === 0;
    return {
      name: this.spec.name,
      image: this.spec.image,
      restarts: this.#restarts,
      ready: this.#init ? succeeded : this.#instance !== undefined && this.#started && this.#ready,
      started: this.#instance !== undefined && this.#started,
      id: this.#id,
      state: this.#state,
      last: this.#last,
      over: this.#over,
    };
  }

  /** Where the output of this or the previous start is. */
  log(folder: string, previous: boolean): string {
    return join(folder, `${this.spec.name}.${this.#starts - (previous ? 2 : 1)}.log`);
  }

  /** Starts the program again and again as the restart policy says; ends with it or, not before it, with `stopping`. */
  async run(around: Around, stopping: AbortSignal): Promise<void> {
    this.#around = around;
    let wait = 0;
    for (;;) {
      const prepared = await this.#prepare(around, stopping);
      if (prepared === undefined) return this.#endUnstarted();
      const began = performance.now();
      const exitCode = await this.#once(around, prepared, stopping);
      if (stopping.aborted || !this.#again(exitCode)) return this.#set(() => (this.#over = true));
      wait = performance.now() - began > BACK_OFF.forgottenAfterMs ? 0 : wait;
      if (wait > 0 && !(await this.#backOff(around, wait, stopping))) return this.#endUnstarted();
      wait = wait === 0 ? BACK_OFF.firstMs : Math.min(2 * wait, BACK_OFF.mostMs);
    }
  }

  /** Runs the preStop hook, asks the program to end and kills it when the time is over. */
  async stop(graceMs: number): Promise<void> {
    const instance = this.#instance;
    if (instance === undefined || this.#around === undefined) return;
    const { node, pod, sandbox } = this.#around;
    const deadline = performance.now() + graceMs;
    node.events.tell(pod(), "Normal", "Killing", `Stopping container ${this.spec.name}`, this.spec.name);
    const hook = this.spec.lifecycle?.preStop;
    if (hook !== undefined && graceMs > 0) await this.#preStop(hook, sandbox, graceMs, instance.ended);
    // However long the hook took, the program gets a moment.
    const left = graceMs === 0 ? 0 : Math.max(deadline - performance.now(), 2000);
    if (left > 0) signalGroup(instance.pid, "SIGTERM");
    if (left === 0 || (await pause(left, instance.ended))) signalGroup(instance.pid, "SIGKILL");
    await aborted(instance.ended);
  }

  async #preStop(hook: Json, sandbox: Sandbox, graceMs: number, until: AbortSignal): Promise<void> {
    if (hook.sleep !== undefined) await pause(Math.min(graceMs, 1000 * hook.sleep.seconds), until);
    if (hook.exec !== undefined) await exec(hook.exec.command, sandbox, graceMs);
    if (hook.httpGet !== undefined) await httpGet(hook.httpGet, this.spec, sandbox.address, graceMs);
  }

  #set(change: () => unknown): void {
    change();
    this.#around?.changed();
  }

  #endUnstarted(): void {
    this.#set(() => (this.#over = true));
  }

  /** Whether the restart policy wants another start. */
  #again(exitCode: number): boolean {
    const policy = this.#around?.pod().spec.restartPolicy ?? "Always";
    if (this.#init || policy === "OnFailure") return exitCode !== 0 && policy !== "Never";
    return policy === "Always";
  }

  /** Image and environment; waits for what is missing. Nothing when the pod is stopped meanwhile. */
  async #prepare(around: Around, stopping: AbortSignal): Promise<Prepared | undefined> {
    const { node, pod, sandbox } = around;
    const tell = (type: "Normal" | "Warning", reason: string, message: string): void =>
      node.events.tell(pod(), type, reason, message, this.spec.name);
    for (let wait = BACK_OFF.firstMs; !stopping.aborted; wait = Math.min(2 * wait, BACK_OFF.mostMs)) {
      const image = imageOf(this.spec);
      if (image.is === "missing") {
        tell("Normal", "Pulling", `Pulling image "${this.spec.image}"`);
        tell("Warning", "Failed", `Failed to pull image "${this.spec.image}": ${image.why}`);
        tell("Warning", "Failed", "Error: ErrImagePull");
        this.#wait("ErrImagePull", image.why);
        if (!(await pause(wait / 2, stopping))) return undefined;
        tell("Normal", "BackOff", `Back-off pulling image "${this.spec.image}"`);
        tell("Warning", "Failed", "Error: ImagePullBackOff");
        this.#wait(
          "ImagePullBackOff",
          `Back-off pulling image "${this.spec.image}": ErrImagePull: ${image.why}`,
        );
      } else {
        try {
          const given = await environmentOf(node, pod(), this.spec, sandbox.address);
          tell("Normal", "Pulled", `Container image "${this.spec.image}" already present on machine`);
          const env = { ...this.#basicEnvironment(pod()), ...image.env, ...given };
          return { command: image.command.map((word) => expand(word, env)), env };
        } catch (error) {
          if (!(error instanceof ConfigError)) tell("Warning", "Failed", `Error: ${String(error)}`);
          const message = (error as Error).message;
          tell("Warning", "Failed", `Error: ${message}`);
          this.#wait("CreateContainerConfigError", message);
        }
      }
      if (!(await pause(wait, stopping))) return undefined;
    }
    return undefined;
  }

  /** What a program finds set without its pod saying so. */
  #basicEnvironment(pod: Json): Record<string, string> {
    return {
      PATH: `${dirname(process.execPath)}:${process.env["PATH"] ?? ""}`,
      HOSTNAME: pod.metadata.name,
      HOME: "/root",
      KUBERNETES_SERVICE_HOST: "10.96.0.1",
      KUBERNETES_SERVICE_PORT: "443",
    };
  }

  #wait(reason: string, message: string): void {
    this.#set(() => (this.#state = { waiting: { reason, message } }));
  }

  async #backOff({ node, pod }: Around, wait: number, stopping: AbortSignal): Promise<boolean> {
    const { name, namespace, uid } = pod().metadata;
    const what = `container=${this.spec.name} pod=${name}_${namespace}(${uid})`;
    const text = `Back-off restarting failed container ${this.spec.name} in pod ${name}_${namespace}(${uid})`;
    node.events.tell(pod(), "Warning", "BackOff", text, this.spec.name);
    this.#wait("CrashLoopBackOff", `back-off ${wait / 1000}s restarting failed ${what}`);
    return pause(wait, stopping);
  }

  /** One start to its end; answers with the exit code. */
  async #once(around: Around, { command, env }: Prepared, stopping: AbortSignal): Promise<number> {
    const { node, pod, folder, sandbox } = around;
    if (this.#starts > 0) this.#restarts += 1;
    const log = join(folder, `${this.spec.name}.${this.#starts}.log`);
    this.#starts += 1;
    const [program, ...args] = sandbox.within(this.#wrapped(around, command));
    // A process group of its own, by which everything it starts is ended.
    const child = spawn(program, args, {
      cwd: folder,
      env,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    const written = keepLog(log, [child.stdout, child.stderr]);
    const startedAt = new Date().toISOString();
    const containerID = `teal://${randomBytes(32).toString("hex")}`;
    const ending = new AbortController();
    const instance = { pid: child.pid ?? 0, ended: ending.signal };
    this.#set(() => {
      this.#id = containerID;
      this.#instance = instance;
      this.#state = { running: { startedAt } };
      this.#started = this.spec.startupProbe === undefined;
      this.#ready = this.spec.readinessProbe === undefined;
    });
    node.events.tell(pod(), "Normal", "Started", "Container started", this.spec.name);
    this.#probe(around, instance, stopping);
    const exitCode = await new Promise<number>((resolve) => {
      child.once("error", () => resolve(128));
      child.once("exit", (code, signal) => resolve(code ?? 128 + (signal === "SIGKILL" ? 9 : 15)));
    });
    ending.abort();
    signalGroup(instance.pid, "SIGKILL");
    // Something that left the group may keep the output open: nobody waits for that.
    await Promise.race([written, sleep(OUTPUT_MS)]);
    const terminated = {
      exitCode,
      reason: exitCode === 0 ? "Completed" : "Error",
      startedAt,
      finishedAt: new Date().toISOString(),
      containerID,
      ...this.#terminationMessage(exitCode, log),
    };
    this.#set(() => {
      this.#instance = undefined;
      this.#ready = false;
      this.#state = { terminated };
      this.#last = { terminated };
    });
    return exitCode;
  }

  #wrapped(around: Around, command: readonly string[]): readonly string[] {
    const mounts = around.mounts(this.spec);
    const directory = this.spec.workingDir ?? around.folder;
    if (mounts.length === 0 && this.spec.workingDir === undefined) return command;
    const scratch = join(around.folder, `${this.spec.name}.root`);
    mkdirSync(scratch, { recursive: true });
    return withMounts(command, directory, scratch, mounts);
  }

  #terminationMessage(exitCode: number, log: string): { message?: string } {
    if (this.spec.terminationMessagePolicy !== "FallbackToLogsOnError" || exitCode === 0) return {};
    return { message: textOf(readFileSync(log, "utf8")).slice(-2048) };
  }

  #probe(around: Around, instance: Instance, stopping: AbortSignal): void {
    const { startupProbe, livenessProbe, readinessProbe } = this.spec;
    const startup = new AbortController();
    // Whoever is stopped is no longer killed for being ill, but still asked whether it is ready.
    const alive = AbortSignal.any([instance.ended, stopping]);
    const others = (): void => {
      const restart = (ok: boolean): void =>
        void (ok || this.#unhealthy(around, instance, "liveness", alive));
      if (livenessProbe) this.#look(around, "Liveness", livenessProbe, restart, alive);
      const ready = (ok: boolean): void => void (ok === this.#ready || this.#set(() => (this.#ready = ok)));
      if (readinessProbe) this.#look(around, "Readiness", readinessProbe, ready, instance.ended);
    };
    if (startupProbe === undefined) return others();
    const decided = (ok: boolean): void => {
      if (startup.signal.aborted) return;
      startup.abort();
      if (!ok) return this.#unhealthy(around, instance, "startup", alive);
      this.#set(() => (this.#started = true));
      others();
    };
    this.#look(around, "Startup", startupProbe, decided, AbortSignal.any([alive, startup.signal]));
  }

  #look(around: Around, kind: Kind, probe: Json, changed: (ok: boolean) => void, signal: AbortSignal): void {
    const { node, pod, sandbox } = around;
    const failed = (why: string): void =>
      node.events.tell(pod(), "Warning", "Unhealthy", `${kind} probe failed: ${why}`, this.spec.name);
    void runProbe(probe, () => look(probe, this.spec, sandbox), changed, failed, signal);
  }

  /** A program that failed its liveness or startup probe is stopped; its end brings the next start. */
  #unhealthy({ node, pod }: Around, instance: Instance, kind: string, alive: AbortSignal): void {
    if (alive.aborted || this.#instance !== instance) return;
    const text = `Container ${this.spec.name} failed ${kind} probe, will be restarted`;
    node.events.tell(pod(), "Normal", "Killing", text, this.spec.name);
    void this.stop(1000 * (pod().spec.terminationGracePeriodSeconds ?? 30));
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  if (pid === 0) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
