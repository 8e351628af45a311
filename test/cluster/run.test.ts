import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";

/* What the suite says of itself on a machine that cannot run it: nobody is to think that it passed. */

/** Runs the suite where Node is the only program there is. */
function runWithout(env: Readonly<Record<string, string>>) {
  const programs = mkdtempSync(join(tmpdir(), "programs-"));
  onTestFinished(() => rmSync(programs, { recursive: true }));
  symlinkSync(process.execPath, join(programs, "node"));
  const run = [join(import.meta.dirname, "run.ts"), "test"];
  return spawnSync("node", run, { env: { PATH: programs, ...env }, encoding: "utf8", timeout: 20_000 });
}

const SKIPPED = "!!! SKIPPED, no test cluster on this machine: ";

test("without its tools the suite is skipped, and says what is missing", () => {
  const { status, stdout, stderr } = runWithout({});
  expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
  expect(stderr).toMatch(new RegExp(`^${SKIPPED}.+\\n$`, "u"));
  if (process.platform === "linux") expect(stderr).toMatch(/not installed: go, unshare, nsenter/u);
});

test("where every suite must run, that is a failure", () => {
  const { status, stdout, stderr } = runWithout({ CI: "true" });
  expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
  expect(stderr).toContain(SKIPPED);
  expect(stderr).toContain("!!! With CI=true every suite must run.");
});
