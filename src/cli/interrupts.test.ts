import { spawn, spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MAIN, resultOf, TestService } from "./testing.ts";

/**
 * Ctrl-C on a terminal. The terminal is real (a pty), driven by Python's standard library: Node has none of its own.
 * The script waits for each text and then types the keys; it prints what the terminal showed and the exit status.
 */
const TYPE = `
import json, os, pty, select, signal, sys, time
steps, command = json.loads(sys.argv[1]), json.loads(sys.argv[2])
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
shown, at, deadline = b"", 0, time.time() + 25
while True:
    if time.time() > deadline:
        os.kill(pid, signal.SIGKILL)
        break
    ready, _, _ = select.select([terminal], [], [], 0.1)
    if ready:
        try:
            part = os.read(terminal, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
    if steps and steps[0][0].encode() in shown[at:]:
        at = len(shown)
        os.write(terminal, steps.pop(0)[1].encode())
_, status = os.waitpid(pid, 0)
print(json.dumps({"shown": shown.decode("utf8", "replace"), "code": os.waitstatus_to_exitcode(status)}))
`;

const python = spawnSync("python3", ["-c", "import os, pty; os.waitstatus_to_exitcode"]).status === 0;

interface Typed {
  readonly shown: string;
  readonly code: number;
}

function type(
  service: TestService,
  steps: readonly (readonly [string, string])[],
  words: readonly string[],
): Promise<Typed> {
  const child = spawn(
    "python3",
    ["-c", TYPE, JSON.stringify(steps), JSON.stringify([process.execPath, MAIN, ...words])],
    {
      cwd: service.source,
      env: { ...service.processEnv, TERM: "xterm", COLUMNS: "80" },
    },
  );
  let out = "";
  child.stdout.on("data", (part: Buffer) => (out += part.toString()));
  return new Promise((resolve) => child.on("close", () => resolve(JSON.parse(out) as Typed)));
}

describe.skipIf(!python)("Ctrl-C on a terminal (needs python3 for the terminal)", () => {
  const service = new TestService({ strategy: "{ blueGreen: { bake: 200ms, keepWarm: 0s, drain: 1s } }" });
  beforeAll(async () => {
    expect((await service.teal("deploy", "v1")).code).toBe(0);
    service.configure("{ blueGreen: { bake: 4s, keepWarm: 0s, drain: 1s } }");
  });
  afterAll(() => service.dispose());
  const question = "[a]bort";

  test("abort: traffic goes back, the deployment is over (4)", async () => {
    const { shown, code } = await type(
      service,
      [
        ["0 of 4 s", "\u0003"],
        [question, "a"],
      ],
      ["deploy", "v2"],
    );
    expect(shown).toContain("abort, by");
    expect(shown).toMatch(/v2 aborted by .*; v1 is live\./u);
    expect(code).toBe(4);
  });

  test("continue: nothing changes (0)", async () => {
    const { shown, code } = await type(
      service,
      [
        ["0 of 4 s", "\u0003"],
        [question, "c"],
      ],
      ["deploy", "v3"],
    );
    expect(shown).toContain("v3 is live on");
    expect(code).toBe(0);
  });

  test("a second Ctrl-C detaches: a background process goes on (6)", async () => {
    const { shown, code } = await type(
      service,
      [
        ["0 of 4 s", "\u0003"],
        [question, "\u0003"],
      ],
      ["deploy", "v4"],
    );
    expect(shown).toContain("goes on in the background. v4 serves on");
    expect(code).toBe(6);
    // Bounded by the test's deadline.
    while (resultOf(await service.teal("status", "--json"))["open"] !== undefined) continue;
    expect(resultOf(await service.teal("status", "--json"))).toMatchObject({
      last: { revision: "v4", outcome: "done" },
    });
  });

  test("the step that runs is a live line that leaves nothing behind", async () => {
    const { shown } = await type(service, [], ["deploy", "v5"]);
    const lines = shown.split("\n").map((line) => line.split("\u001b[2K"));
    expect(lines.flat().filter((line) => /^… bake +\d of 4 s {2}\d/u.test(line)).length).toBeGreaterThan(3);
    const left = lines.map((line) => line.at(-1) ?? "");
    expect(left.filter((line) => line.startsWith("…"))).toEqual([]);
    expect(left.some((line) => line.includes("v5 is live on"))).toBe(true);
  });

  test("confirms on a terminal what cannot be undone", async () => {
    const { shown, code } = await type(service, [["[y/N]", "n\r"]], ["agent", "stop", "--all"]);
    expect(shown).toMatch(/v5 serves on \w+\. Stop the replicas of both slots/u);
    expect(shown).toContain("not confirmed; nothing was changed");
    expect(code).toBe(2);
  });
});
