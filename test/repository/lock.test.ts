import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Lock, missingEntries } from "../../tools/lock.ts";

describe("package-lock.json", () => {
  const text = readFileSync(join(import.meta.dirname, "../../package-lock.json"), "utf8");
  const lock = JSON.parse(text) as Lock;

  test("has the packages of every platform (else: npm run lock)", () => {
    expect(Object.keys(missingEntries(lock))).toEqual([]);
  });

  test("names no registry", () => {
    expect(text).not.toContain('"resolved"');
  });
});

describe("a lock file without a package of another platform", () => {
  const wants = (version: string) => ({ optionalDependencies: { "@x/binding-linux-arm64-musl": version } });
  const entry = (version: string) => ({
    version,
    cpu: ["arm64"],
    libc: ["musl"],
    optional: true,
    os: ["linux"],
  });

  test("gets it beside the package that wants it", () => {
    expect(missingEntries({ packages: { "node_modules/x": wants("1.0.0") } })).toEqual({
      "node_modules/@x/binding-linux-arm64-musl": entry("1.0.0"),
    });
  });

  test("gets another version of it where it does not hide the first", () => {
    const packages = { "node_modules/x": wants("1.0.0"), "node_modules/y": wants("2.0.0") };
    expect(missingEntries({ packages })).toEqual({
      "node_modules/@x/binding-linux-arm64-musl": entry("1.0.0"),
      "node_modules/y/node_modules/@x/binding-linux-arm64-musl": entry("2.0.0"),
    });
  });

  test("is refused where the name tells no platform", () => {
    const packages = { "node_modules/x": { optionalDependencies: { "plain-extra": "1.0.0" } } };
    expect(() => missingEntries({ packages })).toThrow("plain-extra@1.0.0");
  });
});
