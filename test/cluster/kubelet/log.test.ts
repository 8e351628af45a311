import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { expect, onTestFinished, test } from "vitest";
import { chosen, keepLog, textOf } from "./log.ts";

const LOG = "2026-01-01T00:00:00.000000000Z one\n2026-01-01T00:00:01.000000000Z two words\n";
const ask = (query: Record<string, string>) => chosen(LOG, new URLSearchParams(query));

test("lines of both outputs are kept whole, each behind its time, also one that never ended", async () => {
  const folder = mkdtempSync(join(tmpdir(), "log-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [out, err] = [new PassThrough(), new PassThrough()];
  const path = join(folder, "web.0.log");
  const kept = keepLog(path, [out, err]);
  for (const part of ["fir", "st\nsecond\n", "thi"]) out.write(part);
  err.end("wrong\n");
  out.end("rd");
  await kept;
  const log = readFileSync(path, "utf8");
  expect(textOf(log).split("\n").toSorted()).toEqual(["", "first", "second", "third", "wrong"]);
  for (const line of log.trimEnd().split("\n")) expect(line).toMatch(/^\d{4}-\d\d-\d\dT\S{18}Z \w+$/u);
});

test("whoever asks gets the last lines, recent ones, and times if wanted", () => {
  expect(ask({})).toBe("one\ntwo words\n");
  expect(ask({ timestamps: "true" })).toBe(LOG);
  expect(ask({ tailLines: "1" })).toBe("two words\n");
  expect(ask({ tailLines: "0" })).toBe("");
  expect(ask({ sinceSeconds: "60" })).toBe("");
});
