import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";

/** One line that a replica wrote, or that Teal wrote about it. */
export interface LogLine {
  readonly replica: string;
  /** ISO 8601. */
  readonly at: string;
  readonly source: "out" | "err" | "teal";
  readonly text: string;
}

/** Where lines come from. */
export interface LogReader {
  /** The last lines of every replica that are wanted, by time. */
  last(count: number, wanted: (line: LogLine) => boolean): Promise<readonly LogLine[]>;
  /** Lines that came since the last look; the first one tells nothing, or what came since `last`. */
  look(): Promise<readonly LogLine[]>;
}

/** Read from the end of a file at most, in bytes: as much as anybody wants to see. */
const TAIL_BYTES = 1_000_000;
const FORM = /^(\S+) (out|err|teal) (.*)$/u;

/** The last lines of every replica whose log lies in the folder, by time. */
async function lastLines(
  folder: string,
  slot: string | undefined,
  count: number,
  wanted: (line: LogLine) => boolean,
): Promise<readonly LogLine[]> {
  const files = await logFiles(folder, slot);
  const all = await Promise.all(
    files.map(async ({ replica, file }) => (await tail(file, replica)).filter(wanted).slice(-count)),
  );
  return all.flat().sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
}

/** Log files of a revision's folder: `blue-1.log`; what was rotated away is left out. */
async function logFiles(
  folder: string,
  slot: string | undefined,
): Promise<readonly { replica: string; file: string }[]> {
  const names = await readdir(folder).catch(() => []);
  return names
    .filter((name) => name.endsWith(".log") && (slot === undefined || name.startsWith(`${slot}-`)))
    .sort()
    .map((name) => ({ replica: name.slice(0, -".log".length), file: join(folder, name) }));
}

async function tail(file: string, replica: string): Promise<readonly LogLine[]> {
  const size = await sizeOf(file);
  const from = Math.max(0, size - TAIL_BYTES);
  const lines = (await readFrom(file, from, size)).split("\n");
  // The first line may be a part of one.
  return linesOf(from === 0 ? lines : lines.slice(1), replica);
}

function linesOf(lines: readonly string[], replica: string): readonly LogLine[] {
  return lines.flatMap((line) => {
    const [, at, source, text] = FORM.exec(line) ?? [];
    return at === undefined || text === undefined
      ? []
      : [{ replica, at, source: source as LogLine["source"], text }];
  });
}

/** The logs of a folder. */
export class FolderLogs implements LogReader {
  readonly #folder: string;
  readonly #slot: string | undefined;
  readonly #places = new Map<string, { inode: number; at: number; rest: string }>();
  #first = true;

  constructor(folder: string, slot: string | undefined) {
    this.#folder = folder;
    this.#slot = slot;
  }

  last(count: number, wanted: (line: LogLine) => boolean): Promise<readonly LogLine[]> {
    return lastLines(this.#folder, this.#slot, count, wanted);
  }

  /** Lines that came since the last look; the first look only takes note of where the files end. */
  async look(): Promise<readonly LogLine[]> {
    const fresh: LogLine[] = [];
    for (const { replica, file } of await logFiles(this.#folder, this.#slot))
      fresh.push(...(await this.#read(replica, file)));
    this.#first = false;
    return fresh;
  }

  async #read(replica: string, file: string): Promise<readonly LogLine[]> {
    const info = await stat(file).catch(() => undefined);
    if (info === undefined) return [];
    const known = this.#places.get(file);
    // Another inode, or a shorter file: it was rotated, and a new one begins.
    const goesOn = known !== undefined && known.inode === info.ino && info.size >= known.at;
    const place = goesOn ? known : { inode: info.ino, at: this.#first ? info.size : 0, rest: "" };
    const lines = (place.rest + (await readFrom(file, place.at, info.size))).split("\n");
    this.#places.set(file, { inode: info.ino, at: info.size, rest: lines.pop() ?? "" });
    return linesOf(lines, replica);
  }
}

async function sizeOf(file: string): Promise<number> {
  return (await stat(file).catch(() => undefined))?.size ?? 0;
}

async function readFrom(file: string, from: number, to: number): Promise<string> {
  if (to <= from) return "";
  const handle = await open(file, "r");
  try {
    const bytes = Buffer.alloc(to - from);
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, from);
    return bytes.toString("utf8", 0, bytesRead);
  } finally {
    await handle.close();
  }
}
