/** The most (bytes) of a line that was not ended: far above the largest object an API server stores (3 MB). */
const LONGEST = 16 * 1024 * 1024;

/**
 * Cuts a stream of bytes into its lines, however they were chopped up: a line may come in many chunks, and a chunk may
 * end in the middle of a character. The rest after the last line feed is no line.
 */
export class Lines {
  #rest: Buffer[] = [];
  #size = 0;

  /** @returns the lines that this chunk ended, empty ones left out; absent: a line does not end. */
  add(chunk: Buffer): readonly string[] | undefined {
    const lines: string[] = [];
    let from = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, from)) {
      const line = Buffer.concat([...this.#rest, chunk.subarray(from, end)]).toString("utf8");
      this.#rest = [];
      this.#size = 0;
      from = end + 1;
      if (line.trim() !== "") lines.push(line);
    }
    const rest = chunk.subarray(from);
    if (rest.length > 0) this.#rest.push(rest);
    this.#size += rest.length;
    return this.#size > LONGEST ? undefined : lines;
  }
}

const LINE_FEED = 0x0a;
