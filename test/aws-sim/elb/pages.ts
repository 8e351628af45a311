import type { Input } from "../kernel.ts";
import { invalid, text, whole } from "./input.ts";

export interface Page<T> {
  readonly entries: readonly T[];
  readonly NextMarker?: string;
}

/** API reference: PageSize is 1 to 400. A marker is opaque, and good for the list that it came from alone. */
export function page<T>(input: Input, of: string, entries: readonly T[], standard: number): Page<T> {
  const size = whole(input, "PageSize", 1, 400) ?? standard;
  const marker = text(input, "Marker");
  const start = marker === undefined || marker === "" ? 0 : position(marker, of);
  const next = start + size;
  return {
    entries: entries.slice(start, next),
    ...(next < entries.length && { NextMarker: Buffer.from(`${of} ${next}`).toString("base64") }),
  };
}

function position(marker: string, of: string): number {
  const [list, at] = Buffer.from(marker, "base64").toString().split(" ");
  if (list !== of || !/^\d+$/.test(at ?? "")) throw invalid(`Marker '${marker}' is not valid`);
  return Number(at);
}
