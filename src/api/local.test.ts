import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { TestService } from "../cli/testing.ts";

const PROGRAM = join(import.meta.dirname, "../../examples/from-code.ts");

const service = new TestService();
afterAll(() => service.dispose());

test("a program plans, deploys, watches and rolls back", () => {
  const run = (name: string) =>
    spawnSync(process.execPath, [PROGRAM, name], {
      cwd: service.source,
      env: service.processEnv,
      encoding: "utf8",
    });
  const first = run("v1");
  expect(first.stderr).toBe("");
  expect(first.stdout).toMatch(/^plan: ensure-blue, .*\n(?:.*\n)*deploy: ended\nserves: v1 on blue\n$/u);
  const second = run("v2");
  expect(second.stderr).toBe("");
  for (const line of [
    "bake-green: pass",
    "warm-blue: pass",
    "deploy: warm",
    "rollback: ended",
    "back-confirm-blue: pass",
    "serves: v1 on blue",
  ])
    expect(second.stdout).toContain(line);
  expect([first.status, second.status]).toEqual([0, 0]);
});
