import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";

test("a disk that takes only a part of a file leaves the file as it was", () => {
  const folder = mkdtempSync(join(tmpdir(), "teal-files-"));
  try {
    const path = join(folder, "route.json");
    writeFileSync(path, "before");
    const program = `
      const { writeDurably } = await import(${JSON.stringify(join(import.meta.dirname, "files.ts"))});
      process.on("SIGXFSZ", () => {});
      try { writeDurably(${JSON.stringify(path)}, "x".repeat(20_000)); console.log("written"); }
      catch (error) { console.log(error.code); }`;
    // A limit on a file's size answers as a disk that fills up does: first with a part, then with an error.
    const said = execFileSync(
      "/bin/sh",
      ["-c", 'ulimit -f 8; exec "$0" --input-type=module -e "$1"', process.execPath, program],
      { encoding: "utf8" },
    );
    expect(said.trim()).toBe("EFBIG");
    expect(readFileSync(path, "utf8")).toBe("before");
    expect(readdirSync(folder)).toEqual(["route.json"]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
