import { redact } from "../core/redact.ts";
import { EXIT } from "./exit.ts";
import { printable } from "./view/width.ts";

/** One line for what should not happen; the stack only for who asked for it. */
export function reportBug(error: unknown, words: readonly string[], env: NodeJS.ProcessEnv): number {
  const message = error instanceof Error ? error.message : String(error);
  const asked = words.includes("-v") || words.includes("--verbose") || Boolean(env["TEAL_DEBUG"]);
  const stack =
    asked && error instanceof Error && error.stack !== undefined ? `${redact(error.stack)}\n` : "";
  process.stderr.write(
    `This is a bug in Teal: ${printable(redact(message))}. What serves was not looked at: teal status. ` +
      `Please report it with the output of the same command and -v. TEAL-X001, exit ${EXIT.bug}\n${stack}`,
  );
  return EXIT.bug;
}
