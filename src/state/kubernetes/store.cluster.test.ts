import { afterEach, describe, expect, test } from "vitest";
import { CLOSED, FIRST, row } from "../../../test/contract/history-fixture.ts";
import { storeTests } from "../../../test/contract/kubernetes-store.ts";
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
import { KEY, holder, note, storeContract } from "../../../test/contract/store.ts";
import { deploymentId } from "../../core/units.ts";
import type { StateStore } from "../../ports/store.ts";

const ID = deploymentId("d1");
const on = storeTests();

storeContract(
  "kubernetes",
  async () => {
    const others = await Promise.all(Array.from({ length: 12 }, () => on.open()));
    return { store: on.store, another: () => others.shift()!, dispose: async () => undefined };
  },
  {
    skip: {
      "keeps the keys apart": "a service in a namespace is one real thing, under one environment's name",
    },
  },
);

test("answers whatever the store in memory answers", async () => {
  let services = 0;
  await answersAsMemory(async (clock) => {
    const service = `shop-${(services += 1)}`;
    return {
      store: await on.open(undefined, service, { clock }),
      keys: [{ service, environment: "production" }],
      dispose: async () => undefined,
    };
  }, 60);
});

describe("processes", () => {
  afterEach(killWriters);
  const place = () => `${on.namespace}@${on.cluster.kubeconfig}`;

  test("four of them append without a gap and lose nothing", async () => {
    await on.store.open(KEY, ID, note("open"));
    const writers = [0, 1, 2, 3].map((writer) => start(["append", place(), ID, `w${writer}`, "50"]));
    const said = await Promise.all(
      writers.map(async (writer) => ({ lines: await linesOf(writer), exit: writer.exitCode })),
    );
    expect(said.map((each) => each.exit)).toEqual([0, 0, 0, 0]);
    expect(said.flatMap((each) => each.lines.map(Number)).sort((a, b) => a - b)).toEqual(upTo(201).slice(1));
    expect(await numbers(on.store)).toEqual(upTo(201));
  });

  test("one that is killed in the middle of its writes loses nothing it acknowledged, twenty times", async () => {
    for (let round = 1; round <= 20; round += 1) {
      const acknowledged = await linesUntilKilled(start(["cycle", place(), `k${round}-`]), 3 + round);
      await expectKept(on.store, acknowledged);
      await closeWhatIsOpen(on.store);
    }
  });
});

describe("environments", () => {
  test("another one is refused by everything that reads or writes, with the way out", async () => {
    const other = { ...KEY, environment: "staging" };
    await on.store.open(KEY, ID, note("open"));
    const elsewhere = await on.open();
    const answers = [
      await elsewhere.open(other, deploymentId("d2"), note("open")),
      await elsewhere.append(other, ID, 1, [note("a")], "ask"),
      await elsewhere.close(other, ID, 1, CLOSED, row(ID, 1), FIRST),
      await elsewhere.events(other, ID),
      await elsewhere.current(other),
      await elsewhere.history(other, 1),
      await elsewhere.take(other, holder("b"), "free"),
    ];
    expect(answers.map((answer) => [answer.is, "cause" in answer && answer.cause.code])).toEqual([
      ...Array(4).fill(["rejected", "TEAL-K401"]),
      ...Array(3).fill(["unavailable", "TEAL-K401"]),
    ]);
    expect(await on.store.lease(KEY)).toEqual({ is: "none" });
    expect(await numbers(on.store)).toEqual([1]);
    const [{ cause } = { cause: undefined }] = answers.filter((answer) => "cause" in answer);
    const command = /kubectl (patch configmap .*) -p '(.*)'$/u.exec(cause?.message ?? "");
    await on.kubectl(...command![1]!.split(" "), "-p", command![2]!);
    expect((await elsewhere.current(other)).is).toBe("open");
  });

  test("the first that takes the lease gives the service its environment", async () => {
    expect((await on.store.take(KEY, holder("a"), "free")).is).toBe("taken");
    const other = { ...KEY, environment: "staging" };
    expect((await on.store.open(other, ID, note("open"))).is).toBe("rejected");
  });
});

async function numbers(of: StateStore): Promise<number[]> {
  const events = await of.events(KEY, ID);
  return events.is === "events" ? events.events.map((event) => event.seq) : [];
}
