import {
  chmodSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  closeWhatIsOpen,
  errorsOf,
  expectKept,
  killWriters,
  linesOf,
  linesUntilKilled,
  start,
  upTo,
} from "../../../test/contract/store-processes.ts";
import { holder, KEY, note, storeContract } from "../../../test/contract/store.ts";
import { deploymentId, millis } from "../../core/units.ts";
import { causeOf } from "./faults.ts";
import { openSqliteStore } from "./store.ts";

const ID = deploymentId("d1");

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "teal-store-"));
  path = join(folder, "journal.db");
});
afterEach(async () => {
  killWriters();
  rmSync(folder, { recursive: true });
});

storeContract("sqlite", async () => {
  const file = join(folder, "contract.db");
  const stores = [openSqliteStore(file)];
  return {
    store: stores[0]!,
    another: () => stores[stores.push(openSqliteStore(file)) - 1]!,
    dispose: async () => stores.forEach((store) => store.dispose()),
  };
});

describe("processes", () => {
  test("four of them append without a gap and lose nothing", async () => {
    await openWith(path);
    const writers = [0, 1, 2, 3].map((writer) => start(["append", path, ID, `w${writer}`, "50"]));
    const said = await Promise.all(
      writers.map(async (writer) => ({ lines: await linesOf(writer), exit: writer.exitCode })),
    );
    expect(said.map((each) => each.exit)).toEqual([0, 0, 0, 0]);
    expect(said.flatMap((each) => each.lines.map(Number)).sort((a, b) => a - b)).toEqual(upTo(201).slice(1));
    expect(await numbersOf(path)).toEqual(upTo(201));
  });

  test("one that is killed in the middle of its writes loses nothing it acknowledged, twenty times", async () => {
    for (let round = 1; round <= 20; round += 1) {
      const writer = start(["cycle", path, `k${round}-`]);
      const acknowledged = await linesUntilKilled(writer, 3 + round);
      await expectKeptIn(path, acknowledged);
      const store = openSqliteStore(path);
      await closeWhatIsOpen(store);
      store.dispose();
    }
  });
});

describe("faults of the file", () => {
  test("a file that is no database, and one that was damaged", async () => {
    writeFileSync(path, "not a database ".repeat(1_000));
    expect(await codeOfRead(path)).toBe("TEAL-S104");
    const damaged = join(folder, "damaged.db");
    await openWith(damaged);
    const pages = openSync(damaged, "r+");
    writeSync(pages, Buffer.alloc(statSync(damaged).size - 100, 0x5a), 0, null, 100);
    closeSync(pages);
    expect(await codeOfRead(damaged)).toBe("TEAL-S104");
  });

  test("a file written by a later Teal", async () => {
    await openWith(path);
    const file = new DatabaseSync(path);
    file.exec("update meta set value = '2' where name = 'schema'");
    file.close();
    const store = openSqliteStore(path);
    expect(await store.current(KEY)).toMatchObject({ is: "unavailable", cause: { code: "TEAL-S105" } });
    expect(await store.append(KEY, ID, 1, [note("a")], "ask")).toMatchObject({
      cause: { code: "TEAL-S105" },
    });
    store.dispose();
  });

  test("a folder this user may not write", async () => {
    chmodSync(folder, 0o555);
    // The superuser may write everywhere, so somebody else tries.
    const nobody = process.getuid?.() === 0 ? { STORE_WRITER_UID: "65534" } : {};
    const writer = start(["append", path, ID, "w", "1"], { env: { ...process.env, ...nobody } });
    await linesOf(writer);
    chmodSync(folder, 0o755);
    expect(writer.exitCode).toBe(1);
    expect(errorsOf(writer)).toContain("TEAL-S103");
  });

  test("a folder that is a file", async () => {
    writeFileSync(join(folder, "file"), "");
    const store = openSqliteStore(join(folder, "file", "journal.db"));
    expect(await store.open(KEY, ID, note("a"))).toMatchObject({
      is: "unavailable",
      cause: { code: "TEAL-S106" },
    });
    store.dispose();
  });

  test("a file that another process keeps locked", async () => {
    await openWith(path);
    const holder = new DatabaseSync(path);
    holder.exec("begin immediate");
    const store = openSqliteStore(path, { waitAtMost: millis(60) });
    expect(await store.append(KEY, ID, 1, [note("a")], "ask")).toMatchObject({
      is: "unavailable",
      cause: { code: "TEAL-S101" },
    });
    expect((await store.current(KEY)).is).toBe("open");
    const patient = openSqliteStore(path);
    const waiting = patient.append(KEY, ID, 1, [note("b")], "ask");
    // Had the wait blocked this process, the lock could not be freed here.
    await new Promise((resolve) => setTimeout(resolve, 30));
    holder.exec("commit");
    expect((await waiting).is).toBe("appended");
    for (const each of [holder.close.bind(holder), () => store.dispose(), () => patient.dispose()]) each();
  });

  test("a file that was moved away, until it is put back", async () => {
    const store = openSqliteStore(path);
    await store.open(KEY, ID, note("a"));
    renameSync(path, `${path}.moved`);
    for (let turn = 0; turn < 2; turn += 1) {
      expect(await store.append(KEY, ID, 1, [note("b")], "ask")).toMatchObject({
        is: "unavailable",
        cause: { code: "TEAL-S107" },
      });
    }
    expect(existsSync(path)).toBe(false);
    renameSync(`${path}.moved`, path);
    expect((await store.append(KEY, ID, 1, [note("b")], "ask")).is).toBe("appended");
    store.dispose();
  });

  test("a disk without space", () => {
    const file = new DatabaseSync(path);
    file.exec("create table filled (body text); pragma max_page_count = 4");
    const fill = () => file.prepare("insert into filled values ($1)").run({ 1: "x".repeat(60_000) });
    expect(fill).toThrow();
    try {
      fill();
    } catch (error) {
      expect(causeOf(error, path)?.code).toBe("TEAL-S102");
    }
    file.close();
  });

  test("a store that was let go of", async () => {
    const store = openSqliteStore(path);
    await store.open(KEY, ID, note("a"));
    store.dispose();
    expect(await store.current(KEY)).toMatchObject({ is: "unavailable", cause: { code: "TEAL-S106" } });
  });
});

test("looking makes no file; writing makes one for its user alone", async () => {
  const store = openSqliteStore(join(folder, "deep", "er", "journal.db"));
  await store.current(KEY);
  expect(existsSync(join(folder, "deep"))).toBe(false);
  await store.open(KEY, ID, note("a"));
  expect(statSync(join(folder, "deep", "er")).mode & 0o777).toBe(0o700);
  for (const suffix of ["", "-wal", "-shm"]) {
    expect(statSync(join(folder, "deep", "er", `journal.db${suffix}`)).mode & 0o777).toBe(0o600);
  }
  store.dispose();
});

test("every lease that is taken is above what the target knows of; who cannot ask it takes none", async () => {
  let claimed: number | "down" = 7;
  const cause = { code: "TEAL-A108", message: "down" };
  const store = openSqliteStore(path, {
    claimed: () => Promise.resolve(claimed === "down" ? { is: "unavailable", cause } : claimed),
  });
  const taken = async () => {
    const answer = await store.take(KEY, holder("ann"), "free");
    if (answer.is === "taken") await store.release(KEY, answer.fence);
    return answer;
  };
  expect(await taken()).toEqual({ is: "taken", fence: 8 });
  claimed = 3;
  expect(await taken()).toEqual({ is: "taken", fence: 9 });
  claimed = 20;
  expect(await taken()).toEqual({ is: "taken", fence: 21 });
  claimed = "down";
  expect(await taken()).toEqual({ is: "unavailable", cause });
  store.dispose();
});

async function expectKeptIn(file: string, acknowledged: readonly string[]): Promise<void> {
  const store = openSqliteStore(file);
  await expectKept(store, acknowledged);
  store.dispose();
  const database = new DatabaseSync(file);
  expect(database.prepare("pragma integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
  expect(
    database.prepare("select count(*) as open from deployments where is_open = 1").get()?.["open"],
  ).toBeLessThan(2);
  database.close();
}

async function openWith(file: string): Promise<void> {
  const store = openSqliteStore(file);
  expect((await store.open(KEY, ID, note("open"))).is).toBe("opened");
  store.dispose();
}

async function numbersOf(file: string): Promise<number[]> {
  const store = openSqliteStore(file);
  const events = await store.events(KEY, ID);
  store.dispose();
  return events.is === "events" ? events.events.map((event) => event.seq) : [];
}

async function codeOfRead(file: string): Promise<string | undefined> {
  const store = openSqliteStore(file);
  const answer = await store.current(KEY);
  store.dispose();
  return answer.is === "unavailable" ? answer.cause.code : undefined;
}
