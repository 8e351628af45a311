#!/usr/bin/env node
// Not by name: an earlier Node has no `enableCompileCache` and would fail before it could say what is wrong.
import nodeModule from "node:module";
import { EXIT } from "./exit.ts";

/** The entry: answers `--version` by itself and loads what a command needs only when it runs. */
async function main(words: readonly string[]): Promise<number> {
  const { packageVersion } = await import("../targets/version.ts");
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

/** The earliest Node that runs all of this without a flag or a warning; the same as `engines` in package.json. */
const EARLIEST = [24, 15] as const;

function isTooEarly(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major < EARLIEST[0] || (major === EARLIEST[0] && minor < EARLIEST[1]);
}

if (isTooEarly(process.versions.node)) {
  process.stderr.write(
    `Teal needs Node ${EARLIEST.join(".")} or later; this is ${process.version} at ${process.execPath}. Nothing was done.\nTEAL-X004, exit ${EXIT.usage}\n`,
  );
  process.exit(EXIT.usage);
}
nodeModule.enableCompileCache();
let unwritten = false;
// Whoever reads our output may stop reading, or have no room for it: neither ends a deployment in its middle.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE" && !unwritten)
    process.stderr.write(`the output could not be written: ${error.message}\nTEAL-X017\n`);
  unwritten = true;
});
process.stderr.on("error", () => {});
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const { reportBug } = await import("./bug.ts");
  process.exitCode = reportBug(error, process.argv.slice(2), process.env);
}
