import { formatTime } from "./times.ts";
import { cut } from "./view/width.ts";
import { render, type Look } from "./view/render.ts";
import type { Line } from "./view/line.ts";
import type { Instant } from "../core/units.ts";

/** Where a command writes, and what is known about it. Everything of the process that the output depends on is here. */
export interface Streams {
  readonly out: { write(text: string): unknown; readonly isTTY?: boolean; readonly columns?: number };
  readonly err: { write(text: string): unknown; readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
}

const DEFAULT_COLUMNS = 80;
/** The live line is written again so often, in ms: the time in it has tenths of a second. */
const REFRESH = 100;

/** Colours: `NO_COLOR` forbids, `FORCE_COLOR` demands (0 forbids), else a terminal that is not dumb has them. */
export function hasColor({ isTTY }: { readonly isTTY?: boolean }, env: Streams["env"]): boolean {
  if (env["NO_COLOR"]) return false;
  if (env["FORCE_COLOR"] !== undefined) return env["FORCE_COLOR"] !== "0" && env["FORCE_COLOR"] !== "false";
  return isTTY === true && env["TERM"] !== "dumb";
}

/** People's side of the output: lines that stay, and on a terminal one line below them that is written again and again. */
export class Terminal {
  readonly #streams: Streams;
  readonly #look: Look;
  /** A line can be taken back here. */
  readonly live: boolean;
  #now: (() => string) | undefined;
  #shown = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(streams: Streams) {
    this.#streams = streams;
    this.live = streams.out.isTTY === true && streams.env["TERM"] !== "dumb";
    const color = hasColor(streams.out, streams.env);
    this.#look = streams.out.isTTY === true ? { color } : { color, stamp: formatTime };
  }

  get color(): boolean {
    return this.#look.color;
  }

  /** Columns of the terminal; a file has no edge. */
  get columns(): number {
    return this.#streams.out.isTTY === true ? this.#streams.out.columns || DEFAULT_COLUMNS : Infinity;
  }

  line(line: Line): void {
    this.write(`${render(line, this.#look)}\n`);
  }

  /** Text that stays, ending with a line break. */
  write(text: string): void {
    this.#erase();
    this.#streams.out.write(text);
    this.#draw();
  }

  /** Text for the error stream, ending with a line break. */
  error(text: string): void {
    this.#erase();
    this.#streams.err.write(text);
    this.#draw();
  }

  /** What the live line says from now on; asked again whenever it is drawn. Nothing without a terminal. */
  show(now: (() => string) | undefined): void {
    this.#erase();
    this.#now = this.live ? now : undefined;
    clearInterval(this.#timer);
    if (this.#now === undefined) return;
    this.#timer = setInterval(() => this.#draw(), REFRESH);
    this.#timer.unref();
    this.#draw();
  }

  #erase(): void {
    if (this.#shown) this.#streams.out.write("\r\x1b[2K");
    this.#shown = false;
  }

  #draw(): void {
    if (this.#now === undefined) return;
    this.#streams.out.write(`\r\x1b[2K${cut(this.#now(), this.columns - 1)}`);
    this.#shown = true;
  }
}

/** A sentence of now, as a line. */
export function saying(tone: Extract<Line, { is: "say" }>["tone"], text: string): Line {
  return { is: "say", at: Date.now() as Instant, tone, text };
}
