import { chmodSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import type { Cluster } from "./handle.ts";
import { programsFolder } from "./place.ts";

const MAIN = join(import.meta.dirname, "../../src/cli/main.ts");

/**
 * The environment of somebody who uses a cluster from a shell: `kubectl`, `teal` of this source, and `as-user`, which
 * runs a program where users are. What Teal keeps on a machine goes into a folder of its own.
 */
export function environmentFor(cluster: Cluster): NodeJS.ProcessEnv {
  const folder = mkdtempSync(join(tmpdir(), "commands-"));
  writeProgram(join(folder, "teal"), [process.execPath, MAIN]);
  writeProgram(join(folder, "as-user"), cluster.asClient([]));
  return {
    ...process.env,
    KUBECONFIG: cluster.kubeconfig,
    TEAL_STATE_DIR: join(folder, "state"),
    PATH: [folder, programsFolder(), process.env["PATH"]].join(delimiter),
  };
}

function writeProgram(path: string, words: readonly string[]): void {
  const quoted = words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`);
  writeFileSync(path, `#!/bin/sh\nexec ${quoted.join(" ")} "$@"\n`);
  chmodSync(path, 0o755);
}
