import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { identify } from "../targets/local/identity.ts";
import { isGone, thisHolder } from "./holder.ts";

test("this process is alive, and named for people", () => {
  expect(isGone(thisHolder())).toBe("alive");
  expect(thisHolder().name).toMatch(new RegExp(`^.+@.+ pid ${process.pid}$`));
});

test("a process is gone once it ended, and when its pid belongs to another", async () => {
  const child = spawn(process.execPath, ["-e", "setTimeout(() => {}, 20000)"]);
  const identity = identify(child.pid!);
  if (identity === undefined) throw new Error("the child has no identity");
  const holder = { ...thisHolder(), ...identity };
  expect(isGone(holder)).toBe("alive");
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(isGone(holder)).toBe("gone");
  expect(isGone({ ...thisHolder(), started: "1" })).toBe("gone");
});

test("nothing is claimed of other machines, other boots, or holders without identity", () => {
  for (const change of [
    { host: "elsewhere" },
    { boot: "another" },
    { boot: "unknown" },
    { started: "unknown" },
  ]) {
    expect(isGone({ ...thisHolder(), pid: 1, ...change })).toBe("unknown");
  }
});
