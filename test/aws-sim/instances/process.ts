import { spawn } from "node:child_process";
import { join } from "node:path";
import type { Behaviour } from "./behaviour.ts";

/** The operating-system process behind a machine. */
export interface Program {
  readonly pid: number;
  /** Resolves when it told that it listens, or ended before it did. */
  readonly listening: Promise<boolean>;
  /** Resolves with its exit code, null after a signal. */
  readonly ended: Promise<number | null>;
  /** One line to its standard input: `sick`, `well`, `exit`. */
  tell(line: string): void;
  signal(signal: "SIGTERM" | "SIGKILL"): void;
}

export interface ProgramOf {
  readonly host: string;
  readonly instance: string;
  readonly image: string;
  readonly revision: string;
  readonly behaviour: Behaviour;
  readonly environment: Readonly<Record<string, string>>;
}

const WEB = join(import.meta.dirname, "web.ts");

/** Starts a machine's program. It ends with this process: its standard input is a pipe that only this process holds. */
export function startProgram(of: ProgramOf): Program {
  const { behaviour } = of;
  const child = spawn(process.execPath, ["--no-warnings", behaviour.program ?? WEB], {
    stdio: ["pipe", "pipe", "inherit"],
    env: {
      PATH: process.env["PATH"] ?? "",
      HOST: of.host,
      PORTS: (behaviour.ports ?? [8080]).join(","),
      PORT: String(behaviour.ports?.[0] ?? 8080),
      INSTANCE_ID: of.instance,
      IMAGE_ID: of.image,
      REVISION: of.revision,
      HEALTH: behaviour.health ?? "well",
      ...(behaviour.listens === false && { LISTENS: "no" }),
      ...(behaviour.stubborn && { STUBBORN: "yes" }),
      ...(behaviour.exits !== undefined && { EXITS: String(behaviour.exits) }),
      ...behaviour.environment,
      ...of.environment,
    },
  });
  const ended = new Promise<number | null>((resolve) => {
    child.once("error", () => resolve(null));
    child.once("close", (code) => resolve(code));
  });
  const listening = new Promise<boolean>((resolve) => {
    child.stdout.on("data", (text: Buffer) => {
      if (text.includes("listening")) resolve(true);
    });
    void ended.then(() => resolve(false));
  });
  // The pipe breaks when the program ends first; that is told by `ended`.
  child.stdin.on("error", () => undefined);
  return {
    pid: child.pid ?? 0,
    listening,
    ended,
    tell: (line) => void child.stdin.write(`${line}\n`),
    signal: (signal) => void child.kill(signal),
  };
}
