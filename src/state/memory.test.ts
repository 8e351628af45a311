import { describe, expect, test } from "vitest";
import { KEY, holder, note, storeContract } from "../../test/contract/store.ts";
import { deploymentId, fence } from "../core/units.ts";
import { memoryStore } from "./memory.ts";
import type { StoreFault } from "./memory.ts";
import { systemClock } from "./system-clock.ts";

storeContract("memory", async () => {
  const store = memoryStore({ clock: systemClock });
  return { store, another: () => store, dispose: async () => undefined };
});

describe("injected faults", () => {
  const ID = deploymentId("d1");
  let fault: StoreFault = "ok";
  const asked: string[] = [];
  const store = memoryStore({
    clock: systemClock,
    faults: (operation) => {
      asked.push(operation);
      return fault;
    },
  });

  test("`unavailable` does nothing, `lostAnswer` does it and says otherwise", async () => {
    fault = "unavailable";
    expect((await store.open(KEY, ID, note("a"))).is).toBe("unavailable");
    fault = "ok";
    expect(await store.current(KEY)).toEqual({ is: "none" });
    fault = "lostAnswer";
    expect((await store.open(KEY, ID, note("a"))).is).toBe("unavailable");
    expect((await store.append(KEY, ID, 1, [note("b")], "ask")).is).toBe("unavailable");
    expect((await store.take(KEY, holder("a"), "free")).is).toBe("unavailable");
    fault = "ok";
    expect(await store.open(KEY, ID, note("a"))).toEqual({ is: "taken", by: ID });
    expect(await store.append(KEY, ID, 1, [note("b")], "ask")).toEqual({ is: "conflict", seq: 2 });
    expect(await store.beat(KEY, fence(1))).toEqual({ is: "held" });
    expect(asked).toEqual(["open", "current", "open", "append", "take", "open", "append", "beat"]);
  });
});
