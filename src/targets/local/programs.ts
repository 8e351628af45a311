import { extname } from "node:path";
import { fileURLToPath } from "node:url";

/** The local target's own processes, each a program beside this file. */
const PROGRAMS = {
  agent: "./agent/main",
  edge: "./edge/main",
  holder: "./edge/holder",
  shim: "./shim/main",
} as const;

export type Program = keyof typeof PROGRAMS;

/**
 * Path of the file that `process.execPath` must run to become this process: `.ts` in a work tree, `.js` in the
 * published package. The build gives this module a file of its own at the same place in the tree, in the library and
 * in the bundled command line, so that the programs lie beside it everywhere. Ask here; a path written anywhere
 * else is right in the work tree only.
 */
export function programFile(program: Program): string {
  const here = import.meta.url;
  return fileURLToPath(new URL(PROGRAMS[program] + extname(fileURLToPath(here)), here));
}
