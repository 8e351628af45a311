import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const LAST_LINES = 15;
const POLL_MS = 25;
/** A start takes some seconds; on a machine that does ten other things at once, ten times that. */
const ALONE_MS = 60_000;
const TOGETHER_MS = 90_000;

export type Command = readonly [string, ...string[]];

/** A program of the cluster whose output goes to a file. It is ended by its pid. */
export class Component {
  readonly name: string;
  readonly log: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #how: string | undefined;
  #killed = false;

  constructor(name: string, folder: string, command: Command, env: NodeJS.ProcessEnv = {}) {
    this.name = name;
    this.log = join(folder, `${name}.log`);
    const output = openSync(this.log, "a");
    const [program, ...args] = command;
    // A group of its own: Ctrl-C in the terminal is for those who use the cluster.
    this.#child = spawn(program, args, {
      stdio: ["ignore", output, output],
      env: { ...process.env, ...env },
      detached: true,
    });
    closeSync(output);
    this.#ended = new Promise((resolve) => {
      this.#child.once("error", (error) => resolve(this.#end(error.message)));
      this.#child.once("exit", (code, signal) => resolve(this.#end(`it ended with ${code ?? signal}`)));
    });
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error(this.#story("it did not start"));
    return this.#child.pid;
  }

  /** Throws with the end of the log when the program ended by itself. */
  mustRun(): void {
    if (this.#how !== undefined) throw new Error(this.#story(this.#how));
  }

  /** Waits until `holds`; throws with the end of the log when it ends before, or does not come to it in time. */
  async until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + ALONE_MS;
    while (!(await holds())) {
      this.mustRun();
      if (performance.now() > deadline)
        throw new Error(this.#story(`waited ${ALONE_MS / 1000} s for ${what}`));
      await sleep(POLL_MS);
    }
  }

  async kill(): Promise<void> {
    this.#killed = true;
    if (this.#how === undefined) this.#child.kill("SIGKILL");
    await this.#ended;
  }

  #end(how: string): void {
    this.#how ??= how;
    // Whoever uses the cluster now would only see that something does not happen.
    if (!this.#killed) console.error(this.#story(this.#how));
  }

  #story(what: string): string {
    const lines = readFileSync(this.log, "utf8").trimEnd().split("\n").slice(-LAST_LINES);
    return `${this.name}: ${what}. The end of ${this.log}:\n  ${lines.join("\n  ")}`;
  }
}

/** All programs of a cluster: begun one after the other, ended together. */
export class Components {
  readonly folder: string;
  readonly #all: Component[] = [];

  constructor(folder: string) {
    this.folder = folder;
  }

  begin(name: string, command: Command, env?: NodeJS.ProcessEnv): Component {
    const component = new Component(name, this.folder, command, env);
    this.#all.push(component);
    return component;
  }

  /** Waits for what they bring about together, while all of them run. */
  async until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + TOGETHER_MS;
    while (!(await holds())) {
      for (const each of this.#all) each.mustRun();
      if (performance.now() > deadline) {
        throw new Error(`waited ${TOGETHER_MS / 1000} s for ${what}; logs are in ${this.folder}`);
      }
      await sleep(POLL_MS);
    }
  }

  async end(): Promise<void> {
    await Promise.all(this.#all.map((component) => component.kill()));
  }
}

/** Says to run.ts that logs are still wanted when everything else is removed. */
export function keepLogs(): void {
  const folder = process.env["TEAL_TEST_CLUSTER"];
  if (folder !== undefined) writeFileSync(join(folder, "keep"), "");
}
