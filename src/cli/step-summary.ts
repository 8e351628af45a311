import { stripVTControlCharacters } from "node:util";
import { EXIT_MEANING, EXIT, type ExitCode } from "./exit.ts";
import type { Line } from "./view/line.ts";
import { SIGNS } from "./view/render.ts";
import { printable } from "./view/width.ts";
import { tookInWords } from "./view/words.ts";

/** Commands whose runs are worth a page in a pipeline. */
const TOLD: readonly string[] = ["plan", "deploy", "promote", "abort", "rollback", "resume"];
/** GitHub takes 1 MiB for a step and shows nothing of more; a deployment's lines are a few KiB. */
const MOST = 256 * 1024;

/**
 * What a command said, gathered for the summary that GitHub shows of a step (`GITHUB_STEP_SUMMARY`): a verdict, a table of
 * the steps with their evidence, and what to do next. The same lines as on the screen, whatever form the output has.
 */
export class StepSummary {
  readonly #steps: string[] = [];
  readonly #said: string[] = [];
  readonly #blocks: string[] = [];

  line(line: Line): void {
    switch (line.is) {
      case "step": {
        const took = line.took === undefined ? "" : tookInWords(line.took);
        this.#steps.push(`| ${SIGNS[line.mark]} | ${cell(line.label)} | ${cell(line.text)} | ${took} |`);
        return;
      }
      case "detail":
        this.#steps.push(`| | | ${cell(line.text)} | |`);
        return;
      case "say":
        if (line.tone !== "quiet") this.#said.push(`${cell(line.text)}\n`);
        return;
    }
  }

  /** Text with columns of its own. */
  block(lines: readonly string[]): void {
    const text = stripVTControlCharacters(lines.join("\n"));
    const fence = "`".repeat(Math.max(3, ...[...text.matchAll(/`+/gu)].map(([run]) => run.length + 1)));
    this.#blocks.push(`${fence}text\n${text}\n${fence}\n`);
  }

  /** The page, or nothing where the command's runs are not told. */
  page(command: string, exit: ExitCode): string | undefined {
    if (!TOLD.includes(command)) return undefined;
    const meaning = Object.entries(EXIT).find(([, code]) => code === exit)?.[0] as keyof typeof EXIT;
    const table =
      this.#steps.length === 0 ? [] : ["| | step | | took |\n|---|---|---|---|", ...this.#steps, ""];
    const page = [
      `### ${MARK[meaning]} teal ${command}: ${EXIT_MEANING[meaning]} (exit ${exit})\n`,
      ...this.#said,
      ...table,
      ...this.#blocks,
    ].join("\n");
    return page.length > MOST ? `${page.slice(0, MOST)}\n\n(cut off)\n` : `${page}\n`;
  }
}

const MARK = {
  done: "✅",
  bug: "❌",
  usage: "❌",
  refused: "⛔",
  reverted: "↩️",
  human: "❌",
  waiting: "⏳",
  busy: "⏳",
  interrupted: "⏸️",
} as const satisfies Record<keyof typeof EXIT, string>;

/** One line of Markdown that means nothing but itself, also inside a table. */
function cell(text: string): string {
  return printable(text).replaceAll(/[\\`*_[\]<>|#~]/gu, "\\$&");
}
