import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const LAST_LINES = 15;

/** A program of the cluster whose output goes to a file. It is ended by its pid. */
export class Component {
  readonly name: string;
  readonly log: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #how: string | undefined;

  constructor(
    name: string,
    folder: string,
    command: readonly [string, ...string[]],
    env: NodeJS.ProcessEnv = {},
  ) {
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
      this.#child.once("error", (error) => resolve(void (this.#how ??= error.message)));
      this.#child.once("exit", (code, signal) =>
        resolve(void (this.#how ??= `it ended with ${code ?? signal}`)),
      );
    });
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error(this.#story("it did not start"));
    return this.#child.pid;
  }

  /** Waits until `holds`; throws with the end of the log when it ends before, or does not come to it in time. */
  async until(what: string, holds: () => Promise<boolean>, atMost = 30_000): Promise<void> {
    const deadline = performance.now() + atMost;
    while (!(await holds())) {
      if (this.#how !== undefined) throw new Error(this.#story(this.#how));
      if (performance.now() > deadline) throw new Error(this.#story(`waited ${atMost / 1000} s for ${what}`));
      await sleep(25);
    }
  }

  async kill(): Promise<void> {
    if (this.#how === undefined) this.#child.kill("SIGKILL");
    await this.#ended;
  }

  #story(what: string): string {
    const lines = readFileSync(this.log, "utf8").trimEnd().split("\n").slice(-LAST_LINES);
    return `${this.name}: ${what}. The end of ${this.log}:\n  ${lines.join("\n  ")}`;
  }
}

/** Says to run.ts that logs are still wanted when everything else is removed. */
export function keepLogs(): void {
  const folder = process.env["TEAL_TEST_CLUSTER"];
  if (folder !== undefined) writeFileSync(join(folder, "keep"), "");
}
