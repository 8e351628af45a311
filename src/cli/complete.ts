import tab from "@bomb.sh/tab/commander";
import { COMMANDS } from "./commands.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import { buildProgram } from "./program.ts";

/** Answers a shell's question for what may follow: `teal complete -- deploy --en`. */
export async function complete(words: readonly string[], version: string): Promise<ExitCode> {
  const program = buildProgram(COMMANDS, version, () => {});
  // Its own script command would stand in the way of ours.
  const root = tab(program, { completionCommandName: "completion-script" });
  const environments = await environmentNames();
  for (const command of root.commands.values()) {
    const option = command.options.get("env");
    if (option !== undefined)
      option.handler = (offer) => environments.forEach((name) => offer(name, "environment"));
  }
  await program.parseAsync([...words], { from: "user" });
  return EXIT.done;
}

/** The environments of the configuration that would be used here; none when it cannot be read. */
async function environmentNames(): Promise<readonly string[]> {
  const [{ findConfig }, { readFile }, { parse }] = await Promise.all([
    import("../config/find.ts"),
    import("node:fs/promises"),
    import("yaml"),
  ]);
  try {
    const file = await findConfig(process.cwd());
    const content: unknown = file === undefined ? undefined : parse(await readFile(file, "utf8"));
    const environments = (content as { environments?: object } | undefined)?.environments;
    return Object.keys(environments ?? {});
  } catch {
    return [];
  }
}
