import { cpSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The image `teal.test/shop:<tag>`: the shop of the examples in a release of that name, for every address. */

const folder = join(mkdtempSync(join(tmpdir(), "shop-")), "shop");
cpSync(join(import.meta.dirname, "../../../examples/shop"), folder, { recursive: true });
const path = join(folder, "release.json");
const release = JSON.parse(readFileSync(path, "utf8")) as object;
writeFileSync(path, JSON.stringify({ ...release, version: process.env["TEAL_TEST_REVISION"] }));
process.env["HOST"] ??= "0.0.0.0";
await import(join(folder, "server.js"));
