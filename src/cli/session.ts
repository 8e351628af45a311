import { resolve } from "node:path";
import type { AnyConnection } from "../api/connect.ts";
import type { Config } from "../config/config.ts";
import type { Loaded } from "../config/load.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import { Out } from "./out.ts";
import type { Invocation } from "./spec.ts";

/** The configuration as a command needs it: valid and with its secrets covered, or the exit status after saying why not. */
export interface Settings {
  readonly out: Out;
  readonly file: string;
  readonly config: Config;
  readonly notes: readonly string[];
  readonly secrets: readonly string[];
  /** What has to be added to a command to mean the same service: ` --env production`. */
  readonly suffix: string;
}

/** A command's connection to its service. */
export interface Session extends Settings {
  readonly invocation: Invocation;
  readonly connection: AnyConnection;
  /** Told what the engine waits for; set by whoever shows it. */
  onWaiting: (reason: string) => void;
}

export function outOf(invocation: Invocation): Out {
  const { json, quiet, verbose } = invocation.globals;
  return new Out({ out: process.stdout, err: process.stderr, env: process.env }, { json, quiet, verbose });
}

/** Loads the configuration, or says everything that is wrong with it. */
export async function loadSettings(invocation: Invocation): Promise<Settings | ExitCode> {
  const out = outOf(invocation);
  const loaded = await load(invocation);
  if (loaded.is === "invalid") {
    const { formatProblems } = await import("../config/problem.ts");
    out.complain(formatProblems(loaded.problems, { color: out.terminal.color }));
    return out.result({ command: invocation.command, exit: EXIT.usage, problems: loaded.problems });
  }
  const { createRedactor } = await import("../core/redact.ts");
  out.hideWith(createRedactor(loaded.secrets));
  return {
    out,
    file: loaded.file,
    config: loaded.config,
    notes: loaded.notes,
    secrets: loaded.secrets,
    suffix: suffixOf(invocation),
  };
}

export async function load({ globals }: Invocation): Promise<Loaded> {
  const { loadConfig } = await import("../config/load.ts");
  return loadConfig({
    env: process.env,
    cwd: process.cwd(),
    ...(globals.config === undefined ? {} : { path: resolve(globals.config) }),
    ...(globals.env === undefined ? {} : { environment: globals.env }),
    ...(globals.service === undefined ? {} : { service: globals.service }),
  });
}

/** Loads, connects, runs the command and lets go again. */
export async function withSession(
  invocation: Invocation,
  run: (session: Session) => Promise<ExitCode>,
): Promise<ExitCode> {
  const settings = await loadSettings(invocation);
  if (typeof settings === "number") return settings;
  const { connect } = await import("../api/connect.ts");
  const session: { -readonly [K in keyof Session]?: Session[K] } = {
    ...settings,
    invocation,
    onWaiting: () => {},
  };
  const connected = await connect(settings.config, {
    secrets: settings.secrets,
    ...(invocation.globals.region === undefined ? {} : { region: invocation.globals.region }),
    waiting: (reason) => session.onWaiting?.(reason),
    report: (cause) => settings.out.note(`${cause.message} (${cause.code})`),
  });
  if (connected.is === "refused") {
    const { command } = invocation;
    const { cause, next } = connected;
    settings.out.problem(cause, { exit: EXIT.usage, next });
    return settings.out.result({ command, exit: EXIT.usage, is: "refused", cause, next });
  }
  session.connection = connected.connection;
  try {
    return await run(session as Session);
  } finally {
    await connected.connection.close();
  }
}

function suffixOf({ globals }: Invocation): string {
  return [
    ...(globals.env === undefined ? [] : [` --env ${globals.env}`]),
    ...(globals.service === undefined ? [] : [` --service ${globals.service}`]),
    ...(globals.config === undefined ? [] : [` --config ${globals.config}`]),
    ...(globals.region === undefined ? [] : [` --region ${globals.region}`]),
  ].join("");
}
