#!/usr/bin/env node
import { enableCompileCache } from "node:module";
import { EXIT } from "./exit.ts";

/** The entry: answers `--version` by itself and loads what a command needs only when it runs. */
async function main(words: readonly string[]): Promise<number> {
  const { packageVersion } = await import("../targets/local/version.ts");
  const [first] = words;
  if (words.length === 1 && (first === "--version" || first === "-V")) {
    process.stdout.write(`${packageVersion()}\n`);
    return EXIT.done;
  }
  if (first === "complete") return (await import("./complete.ts")).complete(words, packageVersion());
  const [{ readWords }, { COMMANDS }] = await Promise.all([import("./program.ts"), import("./commands.ts")]);
  const typed = readWords(words, COMMANDS, packageVersion());
  switch (typed.is) {
    case "text":
      process.stdout.write(typed.text);
      return EXIT.done;
    case "wrong":
      process.stderr.write(`${typed.message}\nTEAL-X002, exit ${EXIT.usage}\n`);
      return EXIT.usage;
    case "command": {
      const command = await typed.spec.load();
      return command.run(typed.invocation);
    }
  }
}

enableCompileCache();
// Whoever reads our output may stop reading: that is no fault of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const { reportBug } = await import("./bug.ts");
  process.exitCode = reportBug(error, process.argv.slice(2), process.env);
}
