import { closeSync, fstatSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { StringDecoder } from "node:string_decoder";

/** Who wrote a line: the replica on stdout or stderr, or Teal itself about the replica. */
export type LineSource = "out" | "err" | "teal";

/** A line longer than this is written in pieces, so that a replica without line ends cannot fill the memory. */
const LONGEST_LINE = 16 * 1024;

/**
 * A replica's log file: `<time> <source> <text>` a line. At `maxBytes` it becomes `.1`, `.1` becomes `.2` and so
 * on, and so many of them are kept. Writes are synchronous, so that lines survive a kill of the shim; what cannot
 * be written (disk full) is counted and the count told once writing works again, since a log must not stop a service.
 */
export class RotatingLog {
  readonly #path: string;
  readonly #maxBytes: number;
  readonly #keep: number;
  readonly #now: () => number;
  #file: number | undefined;
  #size = 0;
  #lost = 0;

  constructor(path: string, rotation: { maxBytes: number; keep: number }, now: () => number) {
    this.#path = path;
    this.#maxBytes = rotation.maxBytes;
    this.#keep = rotation.keep;
    this.#now = now;
  }

  lines(source: LineSource, lines: readonly string[]): void {
    if (lines.length === 0) return;
    const stamp = new Date(this.#now()).toISOString();
    try {
      if (this.#lost > 0) {
        this.#append(`${stamp} teal ${this.#lost} lines could not be written here\n`);
        this.#lost = 0;
      }
      this.#append(lines.map((line) => `${stamp} ${source} ${line}\n`).join(""));
    } catch {
      this.#lost += lines.length;
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #append(text: string): void {
    const bytes = Buffer.from(text);
    this.#open();
    if (this.#size > 0 && this.#size + bytes.length > this.#maxBytes) {
      this.#rotate();
      this.#open();
    }
    let written = 0;
    while (written < bytes.length) written += writeSync(this.#file as number, bytes, written);
    this.#size += bytes.length;
  }

  #open(): void {
    if (this.#file !== undefined) return;
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
    this.#file = openSync(this.#path, "a", 0o600);
    this.#size = fstatSync(this.#file).size;
  }

  #rotate(): void {
    this.close();
    if (this.#keep === 0) {
      rmSync(this.#path, { force: true });
      return;
    }
    for (let n = this.#keep - 1; n >= 0; n--) {
      const from = n === 0 ? this.#path : `${this.#path}.${n}`;
      try {
        renameSync(from, `${this.#path}.${n + 1}`);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      }
    }
  }
}

/** Cuts a stream of bytes into lines; characters and lines split between chunks stay whole. */
export class LineSplitter {
  readonly #decoder = new StringDecoder("utf8");
  #rest = "";

  push(chunk: Buffer): readonly string[] {
    const lines = (this.#rest + this.#decoder.write(chunk)).split("\n");
    this.#rest = lines.pop() ?? "";
    while (this.#rest.length > LONGEST_LINE) {
      lines.push(this.#rest.slice(0, LONGEST_LINE));
      this.#rest = this.#rest.slice(LONGEST_LINE);
    }
    return lines;
  }

  /** What came after the last line end. */
  end(): readonly string[] {
    const rest = this.#rest + this.#decoder.end();
    this.#rest = "";
    return rest === "" ? [] : [rest];
  }
}
