import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import type { Check } from "../core/checks.ts";
import { millis } from "../core/units.ts";
import type { Reach } from "../ports/slots.ts";
import { runCommand } from "./command.ts";
import { ask, reachOf } from "./testing.ts";

const ENV = { PATH: process.env["PATH"] ?? "/usr/bin:/bin", GREETING: "from the slot" };
const beside: Reach["exec"] = (command, signal) => runCommand(command, { cwd: "/", env: ENV }, signal);
const reach = reachOf(1, { exec: beside });

const execCheck = (command: readonly string[] | string, expectExit = 0, timeout = 5_000): Check => ({
  name: "deep[1]",
  kind: "deep",
  timeout: millis(timeout),
  ask: "exec",
  exec: { command, expectExit },
});

/**
 * Living members of a process group; one that only waits to be reaped is dead. Polled: a killed process lets go of its
 * pipes, which ends the run, an instant before the system calls it dead.
 */
const living = (group: number) =>
  execFileSync("ps", ["-A", "-o", "pgid=,stat="], { encoding: "utf8" })
    .split("\n")
    .map((line) => line.trim().split(/\s+/u))
    .filter(([pgid, stat]) => Number(pgid) === group && !stat?.startsWith("Z")).length;

describe("a command", () => {
  it.each([
    ["exit 0", 0, "pass", "exit 0"],
    ["exit 3", 0, "fail", "exit 3"],
    ["exit 3", 3, "pass", "exit 3"],
    ["kill -9 $$", 0, "fail", "killed or not started"],
  ])("%s with %i expected: %s", async (command, expectExit, result, actual) => {
    expect(await ask(execCheck(command, expectExit), reach)).toMatchObject({ result, actual });
  });

  it("runs in the replica's environment, as a shell line or as a program with arguments", async () => {
    expect(
      (await ask(execCheck('test "$GREETING" = "from the slot" && echo "$GREETING"'), reach)).excerpt,
    ).toBe("from the slot");
    expect((await ask(execCheck(["printf", "%s|", "a b", "$GREETING"]), reach)).excerpt).toBe(
      "a b|$GREETING|",
    );
  });

  it("that fails shows what it said, errors included, without secrets", async () => {
    const sample = await ask(execCheck("echo out; echo oops hunter22-extra >&2; exit 1"), reach, {
      secrets: ["hunter22-extra"],
    });
    expect(sample).toMatchObject({
      result: "fail",
      expected: "exit 0",
      actual: "exit 1",
      excerpt: "out oops [redacted]",
    });
  });

  it("that does not exist fails and says so", async () => {
    const sample = await ask(execCheck(["/no/such/program"]), reach);
    expect(sample.result).toBe("fail");
    expect(sample.excerpt).toContain("ENOENT");
  });

  it("is unknown where the target cannot run any", async () => {
    expect((await ask(execCheck("true"), reachOf(1))).result).toBe("unknown");
  });

  it("that takes too long is killed with everything it started", async () => {
    let group = 0;
    const spying = reachOf(1, {
      exec: (command, signal) =>
        runCommand(command, { cwd: "/", env: ENV }, signal).then((ran) => {
          group = Number(ran.output.split("\n")[0]);
          return ran;
        }),
    });
    const sample = await ask(execCheck("echo $$; sleep 60 & sleep 60", 0, 300), spying);
    expect(sample).toMatchObject({ result: "fail", expected: "exit 0", actual: "timeout after 300 ms" });
    expect(group).toBeGreaterThan(1);
    await expect.poll(() => living(group)).toBe(0);
  });

  it("that leaves a child behind ends, and the child too", async () => {
    const ran = await runCommand(
      "echo $$; sleep 60 & exit 4",
      { cwd: "/", env: ENV },
      new AbortController().signal,
    );
    expect(ran.exit).toBe(4);
    await expect.poll(() => living(Number(ran.output))).toBe(0);
  });

  it("whose connector does not heed its signal is given up all the same", async () => {
    const deaf = reachOf(1, { exec: () => new Promise(() => {}) });
    expect(await ask(execCheck("true", 0, 50), deaf)).toMatchObject({
      result: "fail",
      actual: "timeout after 50 ms",
    });
  });

  it("keeps only so much output", async () => {
    const ran = await runCommand(
      "head -c 1000000 /dev/zero | tr '\\0' x",
      { cwd: "/", env: ENV },
      new AbortController().signal,
    );
    expect(ran.output.length).toBe(64 * 1024);
  });
});
