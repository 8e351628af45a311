import { appendFileSync } from "node:fs";
import type { JournalEvent } from "../core/journal.ts";
import type { Cause } from "../core/units.ts";
import type { ExitCode } from "./exit.ts";
import { StepSummary } from "./step-summary.ts";
import { saying, type Streams, Terminal } from "./terminal.ts";
import type { Line } from "./view/line.ts";
import { printable } from "./view/width.ts";

export interface OutOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
}

/** The last line of `--json`: one for every command. */
export interface Result {
  readonly command: string;
  readonly exit: ExitCode;
  readonly [field: string]: unknown;
}

/**
 * Everything a command says goes through here: lines for people or lines of JSON, never both. With `--json` nothing
 * but JSON reaches the standard output.
 */
export class Out {
  readonly terminal: Terminal;
  readonly json: boolean;
  readonly #quiet: boolean;
  readonly #verbose: boolean;
  readonly #streams: Streams;
  /** Only where a pipeline asks for one. */
  readonly #summary: StepSummary | undefined;
  /** Covers what must never be printed. */
  #hide: (text: string) => string = (text) => text;

  constructor(streams: Streams, options: OutOptions) {
    this.#streams = streams;
    this.terminal = new Terminal(streams);
    this.json = options.json;
    this.#quiet = options.quiet;
    this.#verbose = options.verbose;
    const { GITHUB_STEP_SUMMARY: file = "" } = streams.env;
    this.#summary = file === "" ? undefined : new StepSummary();
  }

  /** From now on these values are covered, whatever carries them. */
  hideWith(redactor: (text: string) => string): void {
    this.#hide = redactor;
  }

  get hide(): (text: string) => string {
    return this.#hide;
  }

  /** A line of a view. Quiet ones are only for `-v`; with `-q` only results stay. */
  line(open: Line): void {
    const line = this.#hidden(open);
    this.#summary?.line(line);
    if (this.json) return;
    if (line.is === "say" && line.tone === "quiet" && !this.#verbose) return;
    if (this.#quiet && !(line.is === "say" && (line.tone === "result" || line.tone === "code"))) return;
    this.terminal.line(line);
  }

  #hidden(line: Line): Line {
    const text = this.#hide(line.text);
    return line.is === "step" ? { ...line, label: this.#hide(line.label), text } : { ...line, text };
  }

  /** Text for people that belongs to no moment: tables, plans, logs. Ends with a line break. */
  text(lines: readonly string[]): void {
    if (lines.length === 0) return;
    const hidden = lines.map((line) => this.#hide(line));
    this.#summary?.block(hidden);
    if (!this.json) this.terminal.write(`${hidden.join("\n")}\n`);
  }

  /** Something on the way, worth a line to people. */
  note(text: string): void {
    if (this.json) this.#print({ type: "note", text });
    else this.line(saying("plain", text));
  }

  /** One line of `--json` that is neither an event nor the result. */
  data(value: { readonly type: "log"; readonly [field: string]: unknown }): void {
    if (this.json) this.#print(value);
  }

  event(event: JournalEvent, of: { readonly deployment: string; readonly number: number }): void {
    if (this.json) this.#print({ type: "event", ...of, ...event });
  }

  /** What is wrong, who serves, what to do next, and the code with the exit status. */
  problem(
    cause: Cause,
    more: { readonly serves?: string; readonly next?: string; readonly exit: ExitCode },
  ): void {
    const lines = [
      cause.message,
      ...(cause.evidence ?? []).map((line) => `  ${line}`),
      ...(more.serves === undefined ? [] : [more.serves]),
      ...(more.next === undefined ? [] : [`Next: ${more.next}`]),
      `${cause.code}, exit ${more.exit}`,
    ];
    const hidden = lines.map((line) => printable(this.#hide(line)));
    this.#summary?.block(hidden);
    if (!this.json) this.terminal.error(`${hidden.join("\n")}\n`);
  }

  /** Text for the error stream that has its own form. */
  complain(text: string): void {
    this.#summary?.block([this.#hide(text)]);
    if (!this.json) this.terminal.error(`${text}\n`);
  }

  /** Ends the command's output. */
  result(result: Result): ExitCode {
    this.terminal.show(undefined);
    if (this.json) this.#print({ type: "result", ...result });
    this.#summarize(result);
    return result.exit;
  }

  /** Best effort: a page that cannot be written is told and changes nothing. */
  #summarize({ command, exit }: Result): void {
    const file = this.#streams.env["GITHUB_STEP_SUMMARY"];
    const page = this.#summary?.page(command, exit);
    if (file === undefined || page === undefined) return;
    try {
      appendFileSync(file, page);
    } catch (error) {
      this.#streams.err.write(`the step's summary was not written: ${(error as Error).message}\n`);
    }
  }

  #print(value: object): void {
    const line = JSON.stringify(value, (_, part: unknown) =>
      typeof part === "string" ? this.#hide(part) : part,
    );
    this.#streams.out.write(`${line}\n`);
  }
}
