import { COMMANDS } from "./commands.ts";
import { EXIT, EXIT_MEANING } from "./exit.ts";
import { GLOBAL_OPTIONS } from "./globals.ts";
import type { CommandSpec, OptionSpec } from "./spec.ts";

/** `docs/cli.md`, from the very tables that the program is made of. */
export function cliPage(): string {
  return (
    [
      PREAMBLE,
      "## Exit codes",
      exitTable(),
      "## Everywhere",
      optionTable(GLOBAL_OPTIONS),
      WHAT_HOLDS,
      "## Commands",
      ...shown().map(section),
    ]
      .join("\n\n")
      .trimEnd() + "\n"
  );
}

const PREAMBLE = `# The command line

Generated from the program by \`npm run schema\`; change \`src/cli/commands.ts\`, not this page.

    teal COMMAND [ARGUMENT] [OPTIONS]

Everything a command says ends with the fact, who serves traffic now, the next command and a code that
[errors.md](errors.md) explains. What is not known (a command, an option, a choice) is an error that names the nearest
thing that is; nothing is guessed.`;

const WHAT_HOLDS = `Nobody is asked without a terminal: what has to be confirmed needs \`--yes\` there. \`NO_COLOR\` and \`TERM=dumb\` forbid
colours, \`FORCE_COLOR\` demands them. Without a terminal every line carries its time and no line is written twice.
\`--json\` is described in [json.md](json.md).

Ctrl-C while a deployment moves asks: abort (traffic goes back), detach (a background process goes on) or continue; a
second Ctrl-C detaches. Without a terminal SIGINT and SIGTERM let go safely: the lease is released and the deployment can
be resumed. What waits (a gate, a previous slot that is kept warm) is looked after by one small background process, which
sleeps until it is due.`;

function shown(): readonly CommandSpec[] {
  return COMMANDS.filter((command) => command.hidden !== true);
}

function exitTable(): string {
  const rows = Object.entries(EXIT).map(([name, code]) => [
    String(code),
    EXIT_MEANING[name as keyof typeof EXIT],
  ]);
  return table(["Code", "Meaning"], rows);
}

function section({ name, summary, argument, options }: CommandSpec): string {
  const usage = `teal ${name}${argument === undefined ? "" : ` [${argument.name}${argument.many === true ? "..." : ""}]`}`;
  const listed = (options ?? []).filter((option) => option.hidden !== true);
  return [
    `### ${usage}`,
    `${summary}.`,
    ...(argument === undefined
      ? []
      : [`\`${argument.name}\`: ${argument.description}${choices(argument.choices)}.`]),
    ...(listed.length === 0 ? [] : [optionTable(listed)]),
  ].join("\n\n");
}

function optionTable(options: readonly OptionSpec[]): string {
  return table(
    ["Option", "Meaning"],
    options.map((option) => [`\`${option.flags}\``, option.description + choices(option.choices)]),
  );
}

function choices(given: readonly string[] | undefined): string {
  return given === undefined ? "" : ` (${given.map((choice) => `\`${choice}\``).join(", ")})`;
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(heads), line(heads.map(() => "---")), ...rows.map(line)].join("\n");
}
