import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";

/* What the suite says of itself on a machine that cannot run it: nobody is to think that it passed. */

const SKIPPED = "!!! SKIPPED, no moto and botocore on this machine: ";

/** Runs the suite where there is Node and, if a script is given, such a python3. */
function runWith(env: Readonly<Record<string, string>>, python3?: string) {
  const programs = mkdtempSync(join(tmpdir(), "programs-"));
  onTestFinished(() => rmSync(programs, { recursive: true }));
  symlinkSync(process.execPath, join(programs, "node"));
  if (python3 !== undefined) writeFileSync(join(programs, "python3"), python3, { mode: 0o755 });
  const options = {
    env: { PATH: programs, HOME: programs, ...env },
    encoding: "utf8",
    timeout: 20_000,
  } as const;
  return spawnSync("node", [join(import.meta.dirname, "run.ts")], options);
}

test("without python3 the suite is skipped, and says so", () => {
  const { status, stdout, stderr } = runWith({});
  expect({ status, stdout, stderr }).toEqual({
    status: 0,
    stdout: "",
    stderr: `${SKIPPED}not installed: python3\n`,
  });
});

test("where every suite must run, that is a failure", () => {
  const { status, stderr } = runWith({ CI: "true" });
  expect(status).toBe(1);
  expect(stderr).toBe(`${SKIPPED}not installed: python3\n!!! With CI=true every suite must run.\n`);
});

test("a python3 that is too old, or has no venv, is told apart from none", () => {
  const old = '#!/bin/sh\ncase "$*" in *version_info*) exit 1;; esac\n';
  expect(runWith({}, old).stderr).toBe(`${SKIPPED}python3 is older than 3.10\n`);
  const bare = '#!/bin/sh\ncase "$*" in *ensurepip*) exit 1;; esac\n';
  expect(runWith({}, bare).stderr).toBe(`${SKIPPED}not installed: python3-venv\n`);
});

test("what cannot be installed fails the suite, and leaves no half of it behind", () => {
  const failing = '#!/bin/sh\ncase "$*" in "-m venv "*) echo no room >&2; exit 9;; esac\n';
  const cache = mkdtempSync(join(tmpdir(), "cache-"));
  onTestFinished(() => rmSync(cache, { recursive: true }));
  const { status, stderr } = runWith({ XDG_CACHE_HOME: cache }, failing);
  expect(status).not.toBe(0);
  expect(stderr).toMatch(/building into .*moto-\w+ moto and botocore.*\nno room\n/u);
  expect(stderr).toContain("ended with 9; what it says stands above");
  expect(readdirSync(join(cache, "teal-test"))).toEqual([]);
});
