import { afterEach, describe, expect, test } from "vitest";
import { startMoto } from "../../../test/aws/moto.ts";
import { s3Faults, s3Outages } from "../../../test/contract/s3-faults.ts";
import { s3StoreTests } from "../../../test/contract/s3-store.ts";
import { answersAsMemory } from "../../../test/contract/store-model.ts";
import {
  closeWhatIsOpen,
  expectKept,
  killWriters,
  linesOf,
  linesUntilKilled,
  start,
  upTo,
} from "../../../test/contract/store-processes.ts";
import { KEY, note, storeContract } from "../../../test/contract/store.ts";
import { deploymentId } from "../../core/units.ts";

const ID = deploymentId("d1");
const on = s3StoreTests(startMoto);

storeContract("s3 on moto", async () => ({
  store: on.store,
  another: () => on.open(),
  dispose: async () => undefined,
}));

s3Faults(on);
s3Outages(on);

test("answers whatever the store in memory answers", async () => {
  let prefixes = 0;
  await answersAsMemory(async (clock) => {
    const store = on.open({ prefix: `${on.prefix}/${(prefixes += 1)}`, clock });
    // One key: an id that another environment used is refused there, while here nobody looks that far.
    return { store, keys: [KEY], dispose: () => store.dispose() };
  }, 40);
});

describe("processes", () => {
  afterEach(killWriters);
  const begin = (mode: string, ...args: readonly string[]) =>
    start([mode, `s3://${on.bucket}/${on.prefix}`, ...args], { env: { ...process.env, ...on.environment } });

  test("four of them append without a gap and lose nothing", async () => {
    await on.store.open(KEY, ID, note("open"));
    const writers = [0, 1, 2, 3].map((writer) => begin("append", ID, `w${writer}`, "50"));
    const said = await Promise.all(
      writers.map(async (writer) => ({ lines: await linesOf(writer), exit: writer.exitCode })),
    );
    expect(said.map((each) => each.exit)).toEqual([0, 0, 0, 0]);
    expect(said.flatMap((each) => each.lines.map(Number)).sort((a, b) => a - b)).toEqual(upTo(201).slice(1));
    const events = await on.store.events(KEY, ID);
    expect(events.is === "events" && events.events.map((event) => event.seq)).toEqual(upTo(201));
  });

  test("one that is killed in the middle of its writes loses nothing it acknowledged, twenty times", async () => {
    for (let round = 1; round <= 20; round += 1) {
      const acknowledged = await linesUntilKilled(begin("cycle", `k${round}-`), 3 + round);
      await expectKept(on.store, acknowledged);
      await closeWhatIsOpen(on.store);
    }
  });
});
