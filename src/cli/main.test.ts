import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { COMMANDS } from "./commands.ts";
import { MAIN, resultOf, TestService } from "./testing.ts";

/** Words, configuration and start-up: everything that needs no running service. */

const service = new TestService();
afterAll(() => service.dispose());

describe("words", () => {
  test.each([
    [["deplyo"], "unknown command 'deplyo'", "Did you mean deploy?"],
    [["deploy", "--detatch"], "unknown option '--detatch'", "Did you mean --detach?"],
    [["status", "extra"], "too many arguments", ""],
    [["deploy", "--strategy", "bluegreen"], "Allowed choices are blueGreen, canary, rolling, recreate", ""],
    [["deploy", "--timeout", "5"], "Write a length of time with its unit", ""],
    [["history", "-n", "x"], "Write a whole number", ""],
    [["agent", "begin"], "Allowed choices are start, stop, status, run", ""],
  ])("%j is wrong usage", async (words, message, hint) => {
    const ran = await service.teal(...words);
    expect(ran.code).toBe(2);
    expect(ran.err).toContain(message);
    expect(ran.err).toContain(hint);
    expect(ran.err).toContain("TEAL-X002, exit 2");
    expect(ran.out).toBe("");
  });

  test("no command is wrong usage and shows them all", async () => {
    const ran = await service.teal();
    expect(ran.code).toBe(2);
    for (const { name } of COMMANDS) expect(ran.err).toContain(`  ${name.split(" ")[0]}`);
  });

  test("help is an answer", async () => {
    const ran = await service.teal("deploy", "--help");
    expect(ran.code).toBe(0);
    expect(ran.out).toContain("--retry-reverted");
    expect(ran.err).toBe("");
  });

  test("completion: a script for a shell, and answers to its questions", async () => {
    expect((await service.teal("completion", "bash")).out).toContain("teal complete --");
    expect((await service.teal("complete", "--", "sta")).out).toContain("status\t");
    expect((await service.teal("complete", "--", "deploy", "--strategy", "")).out).toContain("canary");
  });
});

describe("configuration", () => {
  test("is explained when it is valid", async () => {
    const ran = await service.teal("check");
    expect(ran.code).toBe(0);
    expect(ran.out).toContain("shop · default");
    expect(ran.out).toContain("deep[0] GET /deep");
  });

  test("every problem at once, with its place, a caret and the nearest key", async () => {
    const other = new TestService();
    writeFileSync(
      join(other.source, "teal.yaml"),
      "teal: 1\nservise: shop\ntarget:\n  local: { listen: 99999, command: a }\nstrategy: blueGren\n",
    );
    const ran = await other.teal("check");
    const json = resultOf(await other.teal("check", "--json"));
    rmSync(other.folder, { recursive: true });
    expect(ran.code).toBe(2);
    expect(ran.err).toMatch(
      /teal\.yaml:2:1 .*did you mean "service"\?.*TEAL-C103\n {2}servise: shop\n {2}\^/u,
    );
    expect(ran.err).toMatch(/teal\.yaml:4:\d+ /u);
    expect(ran.err).toMatch(/teal\.yaml:5:11 /u);
    expect(ran.err).toContain("3 problems. Nothing was changed.");
    expect(json).toMatchObject({
      type: "result",
      command: "check",
      exit: 2,
      problems: [{ line: 2 }, { line: 4 }, { line: 5 }],
    });
  });

  test("none to be found", async () => {
    const empty = mkdtempSync(join(tmpdir(), "teal-cli-"));
    const ran = spawnSync(process.execPath, [MAIN, "status"], { cwd: empty, encoding: "utf8" });
    rmSync(empty, { recursive: true });
    expect(ran.status).toBe(2);
    expect(ran.stderr).toContain("TEAL-C112");
  });
});

describe("start-up", () => {
  /** What a command loaded: files by V8's coverage, Node's own modules by its list. */
  function loadedBy(...words: readonly string[]): {
    readonly files: readonly string[];
    readonly native: readonly string[];
  } {
    const folder = mkdtempSync(join(tmpdir(), "teal-cli-"));
    try {
      const list = join(folder, "native.json");
      const hook = `import { writeFileSync } from "node:fs"; process.on("exit", () => writeFileSync(${JSON.stringify(list)}, JSON.stringify(process.moduleLoadList)));`;
      const ran = spawnSync(
        process.execPath,
        ["--import", `data:text/javascript,${encodeURIComponent(hook)}`, MAIN, ...words],
        {
          cwd: service.source,
          encoding: "utf8",
          env: { ...service.processEnv, NODE_V8_COVERAGE: join(folder, "coverage") },
        },
      );
      expect(ran.stderr).toBe("");
      expect(ran.status).toBe(0);
      const files = readdirSync(join(folder, "coverage")).flatMap((name) => {
        const { result } = JSON.parse(readFileSync(join(folder, "coverage", name), "utf8")) as {
          result: { url: string }[];
        };
        return result.map(({ url }) => url);
      });
      return { files, native: JSON.parse(readFileSync(list, "utf8")) as string[] };
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  test("--version loads nothing but itself", () => {
    const { files, native } = loadedBy("--version");
    expect(files.filter((url) => url.includes("node_modules"))).toEqual([]);
    expect(files.filter((url) => url.includes("/src/")).length).toBeLessThanOrEqual(3);
    for (const heavy of ["http", "https", "sqlite", "child_process"])
      expect(native).not.toContain(`NativeModule ${heavy}`);
  });

  test("status loads what reads configuration and journal, and nothing that deploys, asks or serves", () => {
    const { files, native } = loadedBy("status");
    expect(files.some((url) => url.includes("node_modules/yaml"))).toBe(true);
    for (const heavy of [
      "undici",
      "@aws-sdk",
      "@kubernetes",
      "jsonpath",
      "@bomb.sh",
      "src/health/",
      "src/targets/local/agent/agent.ts",
      "src/targets/local/agent/start.ts",
      "src/targets/local/edge/",
      "src/engine/run.ts",
    ])
      expect(
        files.filter((url) => url.includes(heavy)),
        heavy,
      ).toEqual([]);
    for (const heavy of ["http", "https"]) expect(native).not.toContain(`NativeModule ${heavy}`);
  });

  test("status of a service that was never deployed leaves no trace", async () => {
    const other = new TestService();
    const ran = await other.teal("status");
    const left = readdirSync(other.folder);
    rmSync(other.folder, { recursive: true });
    expect(ran.code).toBe(0);
    expect(ran.out).toContain("Nothing was deployed here yet.");
    expect(left).toEqual(["source"]);
  });
});

describe("a bug", () => {
  const throwing = `import { registerHooks } from "node:module";
registerHooks({ load: (url, context, next) => url.endsWith("/commands/check.ts") ? { format: "module", shortCircuit: true, source: "export const run = () => { throw new Error('on \\u001b[31mpurpose') }" } : next(url, context) });`;
  const run = (words: readonly string[], env: NodeJS.ProcessEnv) =>
    spawnSync(
      process.execPath,
      ["--import", `data:text/javascript,${encodeURIComponent(throwing)}`, MAIN, ...words],
      {
        cwd: service.source,
        encoding: "utf8",
        env: { ...service.processEnv, ...env },
      },
    );

  test("is one line that says what it is", () => {
    const ran = run(["check"], {});
    expect(ran.status).toBe(1);
    expect(ran.stderr).toMatch(/^This is a bug in Teal: on \\u\{1b\}\[31mpurpose\. .*TEAL-X001, exit 1\n$/u);
  });

  test.each([
    [["check", "-v"], {}],
    [["check"], { TEAL_DEBUG: "1" }],
  ])("shows its stack to who asks: %j %j", (words, env) => {
    expect(run(words, env).stderr).toContain("\n    at ");
  });
});

describe("output that nobody takes", () => {
  const shell = (redirected: string, ...words: readonly string[]) =>
    spawnSync("/bin/bash", ["-c", `"$0" "$@" ${redirected}`, process.execPath, MAIN, ...words], {
      cwd: service.source,
      encoding: "utf8",
      env: service.processEnv,
    });

  test("errors into a closed pipe change no exit status", () => {
    // The reader is gone before anything is written: a program takes longer to start than `true` does.
    expect(shell("2>&1 | true; exit ${PIPESTATUS[0]}", "deplyo").status).toBe(2);
  });

  test.skipIf(process.platform !== "linux")("a full disk behind it ends no command and is told", () => {
    const ran = shell(">/dev/full", "check");
    expect(ran.stderr).toMatch(/^the output could not be written: ENOSPC.*\nTEAL-X017\n$/u);
    expect(ran.status).toBe(0);
  });
});

test("a plan that cannot be written where --out says is no bug (2)", async () => {
  const ran = await service.teal("plan", "--out", join(service.folder, "nowhere", "plan.json"));
  expect(ran.code).toBe(2);
  expect(ran.err).toContain("the plan was not written: ENOENT");
  expect(ran.err).toContain("TEAL-X018, exit 2");
});
