import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, test } from "vitest";
import { answersAsMemory } from "../../test/contract/store-model.ts";
import { openSqliteStore } from "./sqlite/store.ts";

const KEYS = [
  { service: "shop", environment: "production" },
  { service: "shop", environment: "staging" },
];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "teal-model-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

test("the SQLite store answers whatever the one in memory answers", async () => {
  let files = 0;
  await answersAsMemory(async (clock) => {
    const store = openSqliteStore(join(folder, `${(files += 1)}.db`), { clock });
    return { store, keys: KEYS, dispose: async () => store.dispose() };
  }, 150);
});
