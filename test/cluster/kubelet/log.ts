import { closeSync, openSync, writeSync } from "node:fs";
import type { Readable } from "node:stream";

/*
 * A container's log as a runtime keeps it: each line behind the time at which it was written, which whoever reads it may
 * ask for or not.
 */

/** `2026-11-23T16:00:00.123000000Z text`: as the API server hands it out, nanoseconds and all. */
const LINE = /^(\S+Z) (.*)$/su;

/** Writes what arrives to a new file. Resolves when everything has, which is when nobody can write any more. */
export async function keepLog(path: string, outputs: readonly Readable[]): Promise<void> {
  const file = openSync(path, "a");
  await Promise.all(outputs.map((output) => keepLines(file, output)));
  closeSync(file);
}

async function keepLines(file: number, output: Readable): Promise<void> {
  let rest = "";
  const write = (lines: readonly string[]): void => {
    const at = new Date().toISOString().replace("Z", "000000Z");
    if (lines.length > 0) writeSync(file, lines.map((line) => `${at} ${line}\n`).join(""));
  };
  output.setEncoding("utf8").on("data", (part: string) => {
    const lines = (rest + part).split("\n");
    rest = lines.pop() ?? "";
    write(lines);
  });
  await new Promise<void>((resolve) => output.once("close", resolve));
  if (rest !== "") write([rest]);
}

/** What a question for logs (`timestamps`, `tailLines`, `sinceSeconds`) gets of a log. */
export function chosen(log: string, query: URLSearchParams): string {
  const seconds = query.get("sinceSeconds");
  const since = seconds === null ? "" : new Date(Date.now() - 1000 * Number(seconds)).toISOString();
  const recent = linesOf(log).filter((line) => line >= since);
  const count = query.get("tailLines");
  const wanted = count === null ? recent : Number(count) === 0 ? [] : recent.slice(-Number(count));
  return joined(query.get("timestamps") === "true" ? wanted : wanted.map(withoutTime));
}

/** What the container wrote, without the times. */
export function textOf(log: string): string {
  return joined(linesOf(log).map(withoutTime));
}

function linesOf(log: string): readonly string[] {
  return log.split("\n").slice(0, -1);
}

function withoutTime(line: string): string {
  return LINE.exec(line)?.[2] ?? line;
}

function joined(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}
