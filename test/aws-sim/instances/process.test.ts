import { spawn } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { userDataEnvironment } from "./behaviour.ts";

test("a machine's program ends when whoever started it is gone", async () => {
  // A parent that starts one, tells its process id and dies without any chance to clean up.
  const parent = spawn(
    process.execPath,
    [
      "--no-warnings",
      "--input-type=module",
      "-e",
      `import { startProgram } from ${JSON.stringify(join(import.meta.dirname, "process.ts"))};
       const program = startProgram({ host: "127.0.0.1", instance: "i-1", image: "ami-1", revision: "r1", behaviour: { ports: [0], stubborn: true }, environment: {} });
       await program.listening;
       console.log(program.pid);
       setInterval(() => {}, 1000);`,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const pid = await new Promise<number>((resolve) =>
    parent.stdout.once("data", (text: Buffer) => resolve(Number(text.toString()))),
  );
  expect(pid).toBeGreaterThan(1);
  parent.kill("SIGKILL");
  await expect.poll(() => gone(pid), { timeout: 10_000 }).toBe(true);
});

function gone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}

test("user data sets variables, as a script that exports them would", () => {
  const text = "#!/bin/bash\nexport REVISION=r2\nCOLOUR='dark blue'\necho PATH=/tmp\nlower=no\n";
  expect(userDataEnvironment(Buffer.from(text).toString("base64"))).toEqual({
    REVISION: "r2",
    COLOUR: "dark blue",
  });
  expect(userDataEnvironment(undefined)).toEqual({});
});
