import type { Millis } from "../core/units.ts";
import type { ExitCode } from "./exit.ts";

/** The command line as data: parsed by `program.ts`, documented from here, dispatched without loading other commands. */
export interface CommandSpec {
  /** One word, or two where commands form a group: `migrate lint`. */
  readonly name: string;
  /** One line, no full stop. */
  readonly summary: string;
  readonly argument?: ArgumentSpec;
  readonly options?: readonly OptionSpec[];
  /** Not shown in the help. */
  readonly hidden?: boolean;
  /** Loads the command only when it is run. */
  readonly load: () => Promise<CommandModule>;
}

export interface ArgumentSpec {
  readonly name: string;
  readonly description: string;
  readonly choices?: readonly string[];
  /** Takes all words that are left. */
  readonly many?: boolean;
}

export interface OptionSpec {
  /** `-f, --follow`, `--to <revision>`, `--force <check...>`. */
  readonly flags: string;
  readonly description: string;
  readonly reads?: "duration" | "count";
  readonly choices?: readonly string[];
  readonly hidden?: boolean;
}

export interface CommandModule {
  readonly run: (invocation: Invocation) => Promise<ExitCode>;
}

/** A command as it was typed. Values of options by their name in camel case. */
export interface Invocation {
  readonly command: string;
  readonly argument?: string;
  /** Of an argument that takes many. */
  readonly words?: readonly string[];
  readonly options: Readonly<Record<string, OptionValue>>;
  readonly globals: Globals;
}

/** What every command understands. */
export interface Globals {
  readonly env?: string;
  readonly service?: string;
  readonly config?: string;
  readonly region?: string;
  readonly json: boolean;
  readonly yes: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly waitLock?: Millis;
  readonly timeout?: Millis;
}

export type OptionValue = string | number | boolean | readonly string[];

/** The option's value where it was given as text. */
export function text(invocation: Invocation, name: string): string | undefined {
  const value = invocation.options[name];
  return typeof value === "string" ? value : undefined;
}

/** The option's values where it takes several; none where it was not given. */
export function texts(invocation: Invocation, name: string): readonly string[] {
  const value = invocation.options[name];
  return Array.isArray(value) ? (value as readonly string[]) : [];
}

export function count(invocation: Invocation, name: string): number | undefined {
  const value = invocation.options[name];
  return typeof value === "number" ? value : undefined;
}

export function flag(invocation: Invocation, name: string): boolean {
  return invocation.options[name] === true;
}
