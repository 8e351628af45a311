/**
 * Follows the frame boundaries of one direction of a WebSocket (RFC 6455 5.2) without looking into the payload:
 * a close frame of our own may only be put between two frames.
 */
export class Frames {
  /** Bytes of the current frame's header seen so far: at most 14. */
  readonly #header: number[] = [];
  /** Bytes of its payload still to come. */
  #left = 0;

  get atBoundary(): boolean {
    return this.#left === 0 && this.#header.length === 0;
  }

  /** Goes through a chunk. With `untilBoundary` only to the end of the current frame. @returns bytes gone through */
  pass(chunk: Uint8Array, untilBoundary = false): number {
    let at = 0;
    while (at < chunk.length && !(untilBoundary && this.atBoundary && at > 0)) {
      if (this.#left > 0) {
        const taken = Math.min(this.#left, chunk.length - at);
        this.#left -= taken;
        at += taken;
        continue;
      }
      this.#header.push(chunk[at++] as number);
      this.#headerComplete();
    }
    return at;
  }

  #headerComplete(): void {
    const header = this.#header;
    if (header.length < 2) return;
    const second = header[1] as number;
    const length = second & 0x7f;
    const extended = length === 126 ? 2 : length === 127 ? 8 : 0;
    const mask = (second & 0x80) === 0 ? 0 : 4;
    if (header.length < 2 + extended + mask) return;
    this.#left =
      extended === 0 ? length : header.slice(2, 2 + extended).reduce((sum, byte) => sum * 256 + byte, 0);
    header.length = 0;
  }
}
