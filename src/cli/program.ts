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
  const take = (spec: CommandSpec, argument: string | undefined, options: Record<string, OptionValue>) => {
    const invocation = {
      command: spec.name,
      options,
      globals: globalsOf(options),
      ...(argument === undefined ? {} : { argument }),
    };
    typed = { is: "command", spec, invocation };
  };
  const program = buildProgram(specs, version, take);
  const capture = {
    writeOut: (part: string) => void (text += part),
    writeErr: (part: string) => void (text += part),
  };
  for (const command of [program, ...program.commands]) command.configureOutput(capture);
  try {
    program.parse([...words], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { is: "text", text };
    return { is: "wrong", message: text.replace(/^error: /u, "").trimEnd() };
  }
  return typed ?? { is: "wrong", message: program.helpInformation().trimEnd() };
}

/** The program as the library has it: for parsing, for completion and for the docs. */
export function buildProgram(
  specs: readonly CommandSpec[],
  version: string,
  take: (spec: CommandSpec, argument: string | undefined, options: Record<string, OptionValue>) => void,
): Command {
  const program = new Command("teal")
    .description("Puts a new version of a running service into production without losing a request.")
    .version(version, "-V, --version", "print the version")
    .exitOverride()
    .helpCommand("help [command]", "help for a command")
    .addHelpText("after", exitCodes());
  for (const spec of specs) {
    const command = program
      .command(spec.name, { hidden: spec.hidden === true })
      .description(spec.summary)
      .exitOverride();
    if (spec.argument !== undefined) command.addArgument(argumentOf(spec.argument));
    for (const option of [...(spec.options ?? []), ...GLOBAL_OPTIONS]) command.addOption(optionOf(option));
    command.action((...given: unknown[]) => {
      const argument = spec.argument === undefined ? undefined : (given[0] as string | undefined);
      take(spec, argument, command.opts<Record<string, OptionValue>>());
    });
  }
  return program;
}

function argumentOf({ name, description, choices }: ArgumentSpec): Argument {
  const argument = new Argument(`[${name}]`, description);
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
