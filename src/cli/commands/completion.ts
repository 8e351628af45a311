import { EXIT, type ExitCode } from "../exit.ts";
import { outOf } from "../session.ts";
import type { Invocation } from "../spec.ts";

export async function run(invocation: Invocation): Promise<ExitCode> {
  const shell = invocation.argument;
  if (shell !== undefined) {
    const { script } = await import("@bomb.sh/tab");
    script(shell, "teal", "teal");
    return EXIT.done;
  }
  const out = outOf(invocation);
  const cause = { code: "TEAL-X016", message: "which shell? bash, zsh, fish or powershell" };
  out.problem(cause, {
    exit: EXIT.usage,
    next: "teal completion bash > ~/.local/share/bash-completion/completions/teal",
  });
  return out.result({ command: "completion", exit: EXIT.usage, is: "refused", cause });
}
