import { Argument, Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { readDuration } from "../config/units.ts";
import { EXIT, EXIT_MEANING } from "./exit.ts";
import { GLOBAL_OPTIONS, globalsOf } from "./globals.ts";
import type { ArgumentSpec, CommandSpec, Invocation, OptionSpec, OptionValue } from "./spec.ts";

/** What was typed, understood or not. Only this module knows which library parses the command line. */
export type Typed =
  | { readonly is: "command"; readonly spec: CommandSpec; readonly invocation: Invocation }
  | { readonly is: "text"; readonly text: string }
  | { readonly is: "wrong"; readonly message: string };

/** Reads the words after the program's name. Strict: what is not known is wrong, and the nearest that is gets named. */
export function readWords(words: readonly string[], specs: readonly CommandSpec[], version: string): Typed {
  let typed: Typed | undefined;
  let text = "";
  const take: Take = (spec, argument, options) => {
    const invocation = {
      command: spec.name,
      options,
      globals: globalsOf(options),
      ...(typeof argument === "string" ? { argument } : {}),
      ...(Array.isArray(argument) ? { words: argument as readonly string[] } : {}),
    };
    typed = { is: "command", spec, invocation };
  };
  const program = buildProgram(specs, version, take);
  const capture = {
    writeOut: (part: string) => void (text += part),
    writeErr: (part: string) => void (text += part),
  };
  for (const command of withAllBelow(program)) command.configureOutput(capture);
  try {
    program.parse([...words], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { is: "text", text };
    return { is: "wrong", message: text.replace(/^error: /u, "").trimEnd() };
  }
  return typed ?? { is: "wrong", message: program.helpInformation().trimEnd() };
}

/** A word, or the words of an argument that takes many. */
type Argued = string | readonly string[] | undefined;
type Take = (spec: CommandSpec, argument: Argued, options: Record<string, OptionValue>) => void;

/** What the commands of a group are for, by the group's name. */
const GROUPS = {
  migrate: "Judge changes to the database before they run",
} as const;

/** The program as the library has it: for parsing, for completion and for the docs. */
export function buildProgram(specs: readonly CommandSpec[], version: string, take: Take): Command {
  const program = new Command("teal")
    .description("Puts a new version of a running service into production without losing a request.")
    .version(version, "-V, --version", "print the version")
    .exitOverride()
    .helpCommand("help [command]", "help for a command")
    .addHelpText("after", exitCodes());
  for (const spec of specs) {
    const [group, name = group] = spec.name.split(" ") as [string, string?];
    const command = (name === group ? program : groupIn(program, group))
      .command(name, { hidden: spec.hidden === true })
      .description(spec.summary)
      .exitOverride();
    if (spec.argument !== undefined) command.addArgument(argumentOf(spec.argument));
    for (const option of [...(spec.options ?? []), ...GLOBAL_OPTIONS]) command.addOption(optionOf(option));
    command.action((...given: unknown[]) => {
      const argument = spec.argument === undefined ? undefined : (given[0] as Argued);
      take(spec, argument, command.opts<Record<string, OptionValue>>());
    });
  }
  return program;
}

/** The command that holds the commands of a group. */
function groupIn(program: Command, name: string): Command {
  const known = program.commands.find((command) => command.name() === name);
  const summary = GROUPS[name as keyof typeof GROUPS] ?? "";
  return known ?? program.command(name).description(summary).exitOverride().helpCommand(false);
}

function withAllBelow(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(withAllBelow)];
}

function argumentOf({ name, description, choices, many }: ArgumentSpec): Argument {
  const argument = new Argument(`[${name}${many === true ? "..." : ""}]`, description);
  return choices === undefined ? argument : argument.choices([...choices]);
}

function optionOf({ flags, description, reads, choices, hidden }: OptionSpec): Option {
  const option = new Option(flags, description);
  if (choices !== undefined) option.choices([...choices]);
  if (reads === "duration") option.argParser(durationFrom);
  if (reads === "count") option.argParser(countFrom);
  return hidden === true ? option.hideHelp() : option;
}

function durationFrom(text: string): number {
  const duration = readDuration(text);
  if (duration === undefined)
    throw new InvalidArgumentError("Write a length of time with its unit, as in 30s or 10m.");
  return duration;
}

function countFrom(text: string): number {
  if (!/^\d{1,6}$/u.test(text)) throw new InvalidArgumentError("Write a whole number.");
  return Number(text);
}

function exitCodes(): string {
  const rows = Object.entries(EXIT).map(
    ([name, code]) => `  ${String(code).padEnd(4)} ${EXIT_MEANING[name as keyof typeof EXIT]}`,
  );
  return `\nExit codes:\n${rows.join("\n")}\n`;
}
