import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";

/* What the suite says of itself on a machine that cannot run it: nobody is to think that it passed. */

const SKIPPED = "!!! SKIPPED, no servers of PostgreSQL on this machine: ";

/** Runs the suite where there is Node and an npm that fails, and nothing in the cache. */
function run(env: Readonly<Record<string, string>> = {}) {
  const home = mkdtempSync(join(tmpdir(), "home-"));
  onTestFinished(() => rmSync(home, { recursive: true }));
  symlinkSync(process.execPath, join(home, "node"));
  writeFileSync(join(home, "npm"), "#!/bin/sh\necho no registry >&2\nexit 7\n", { mode: 0o755 });
  const result = spawnSync("node", [join(import.meta.dirname, "run.ts")], {
    env: { PATH: home, HOME: home, XDG_CACHE_HOME: home, ...env },
    encoding: "utf8",
    timeout: 20_000,
  });
  return { ...result, cache: () => readdirSync(join(home, "teal-test")) };
}

test("without the programs the suite is skipped, says why, and leaves no half of them behind", () => {
  const { status, stderr, cache } = run();
  expect(status).toBe(0);
  expect(stderr).toContain("\nno registry\n");
  expect(stderr).toContain(SKIPPED);
  expect(stderr).toContain("ended with 7; what it says stands above");
  expect(cache()).toEqual([]);
});

test("where every suite must run, that is a failure", () => {
  const { status, stderr } = run({ CI: "true" });
  expect(status).toBe(1);
  expect(stderr).toContain("!!! With CI=true every suite must run.\n");
});

test("a version that there is not is a mistake, not a reason to skip", () => {
  const { status, stderr } = run({ TEAL_TEST_POSTGRES: "14,11" });
  expect(status).toBe(2);
  expect(stderr).toBe('TEAL_TEST_POSTGRES: no version "11"; there are 12, 13, 14, 15, 16, 17, 18\n');
});
