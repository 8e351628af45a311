import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { processesOf, until } from "../e2e/processes.ts";

const RUN = join(import.meta.dirname, "run.ts");

/** A cluster of its own, inside the namespaces of this one, and a command that runs in it until it is ended. */
function begin(command: readonly string[]) {
  const temporary = mkdtempSync(join(tmpdir(), "run-"));
  onTestFinished(() => rmSync(temporary, { recursive: true, force: true }));
  const child = spawn(process.execPath, [RUN, "shell", ...command], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, TMPDIR: temporary },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const firstLine = once(createInterface({ input: child.stdout }), "line");
  return { temporary, child, ended: once(child, "exit"), firstLine };
}

/** What there is of a cluster: its processes name its folder. */
const left = (temporary: string) => [
  ...processesOf(temporary).map(({ command }) => command),
  ...(existsSync(temporary) ? readdirSync(temporary) : []),
];

test("a cluster ends with its command, whose status it answers with; nothing is left", async () => {
  const script = "kubectl get nodes -o name | wc -l; sleep 0.2; exit 3";
  const { temporary, ended, firstLine } = begin(["sh", "-c", script]);
  expect(await firstLine).toEqual(["3"]);
  expect(await ended).toEqual([3, null]);
  expect(left(temporary)).toEqual([]);
});

test("nothing is left of a cluster whose parent was killed", async () => {
  const { temporary, child, ended, firstLine } = begin(["sh", "-c", "echo up; sleep 1000"]);
  await firstLine;
  expect(left(temporary).filter((each) => each.includes("kube-apiserver"))).toHaveLength(1);
  child.kill("SIGKILL");
  await ended;
  await until("everything to be gone", () => left(temporary).length === 0);
});

test("nothing is left of a cluster that was ended while it started", async () => {
  const { temporary, child, ended } = begin(["true"]);
  await until("the API server", () => left(temporary).some((each) => each.includes("kube-apiserver")));
  child.kill("SIGTERM");
  expect(await ended).toEqual([143, null]);
  expect(left(temporary)).toEqual([]);
});
