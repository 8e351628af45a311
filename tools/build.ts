import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { rolldown } from "rolldown";

/**
 * Builds what is published: `dist/lib`, the library as one file per module with types, and `dist/bin`, the command
 * line and the local target's programs as a bundle, since one file costs less at a cold start than a hundred.
 */

/** Every program of the bundle by the place it gets in `dist/bin`: the local target's keep their places in the tree. */
const PROGRAMS: Readonly<Record<string, string>> = {
  teal: "src/cli/main.ts",
  "targets/local/agent/main": "src/targets/local/agent/main.ts",
  "targets/local/edge/main": "src/targets/local/edge/main.ts",
  "targets/local/edge/holder": "src/targets/local/edge/holder.ts",
  "targets/local/shim/main": "src/targets/local/shim/main.ts",
};

/** Finds the programs beside its own file, so it must keep its place too, as a chunk with nothing else in it. */
const FINDER = "targets/local/programs";

/** Packages that most commands do without: a chunk each, so that a test can tell whether one was loaded. */
const HEAVY = ["zod", "yaml", "undici"];

const ROOT = join(import.meta.dirname, "..");

function refuseMissing(): void {
  const missing = Object.values(PROGRAMS).filter((file) => !existsSync(join(ROOT, file)));
  if (missing.length === 0) return;
  console.error(
    `build: no such file: ${missing.join(", ")}. Write it, or take it out of the table in tools/build.ts.`,
  );
  process.exit(1);
}

function buildLibrary(): void {
  execFileSync(join(ROOT, "node_modules/.bin/tsc"), ["-p", "tsconfig.build.json"], {
    cwd: ROOT,
    stdio: "inherit",
  });
}

async function buildPrograms(): Promise<void> {
  const bundle = await rolldown({
    cwd: ROOT,
    input: { ...PROGRAMS },
    platform: "node",
    // They look for their WASM and archives beside their own files.
    external: [/^@electric-sql\/pglite/u, "libpg-query"],
    tsconfig: join(ROOT, "tsconfig.json"),
    onLog(level, log, handle) {
      if (level === "warn") throw new Error(`rolldown: ${log.message}`);
      handle(level, log);
    },
  });
  await bundle.write({
    dir: join(ROOT, "dist/bin"),
    format: "esm",
    entryFileNames: "[name].js",
    chunkFileNames: (chunk) => (chunk.name === FINDER ? "[name].js" : "chunks/[name]-[hash].js"),
    codeSplitting: {
      groups: [
        { name: FINDER, test: /src[\\/]targets[\\/]local[\\/]programs\.ts$/ },
        ...HEAVY.map((name) => ({ name, test: new RegExp(`node_modules[\\\\/]${name}[\\\\/]`) })),
      ],
    },
  });
  await bundle.close();
}

function makeExecutable(): void {
  const bin = join(ROOT, "dist/bin/teal.js");
  if (!readFileSync(bin, "utf8").startsWith("#!"))
    throw new Error("src/cli/main.ts must begin with #!/usr/bin/env node");
  chmodSync(bin, 0o755);
}

refuseMissing();
rmSync(join(ROOT, "dist"), { recursive: true, force: true });
buildLibrary();
await buildPrograms();
makeExecutable();
