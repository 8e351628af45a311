import { expect, it, onTestFinished } from "vitest";
import type { JournalEvent } from "../core/journal.ts";
import { millis } from "../core/units.ts";
import { Stage } from "./test-support.ts";

function staged(): { readonly stage: Stage; readonly appends: (readonly JournalEvent[])[] } {
  const stage = new Stage();
  onTestFinished(() => stage.stop());
  const appends: (readonly JournalEvent[])[] = [];
  stage.appended = (events) => appends.push(events);
  return { stage, appends };
}

const words = (event: JournalEvent): string => {
  if (event.kind === "verdict") return `${event.of} ${event.result}`;
  return event.kind === "intent" ? `${event.call.call} intended` : event.kind;
};
const isShift = (event: JournalEvent) => event.kind === "intent" && event.call.call === "shift";
const isBack = (event: JournalEvent) => event.kind === "intent" && event.dir === "back";

it("journals the last verdicts before users are moved together with the shift's intent", async () => {
  const { stage, appends } = staged();
  await stage.open("v2");
  await stage.advance();
  const shift = appends.find((events) => events.some(isShift));
  expect(shift?.map(words)).toEqual(["probe-green pass", "shift intended"]);
});

it("journals a guard's verdict, the way back and its shift in one append", async () => {
  const { stage, appends } = staged();
  await stage.open("v2");
  let crashed = false;
  stage.appended = (events) => {
    if (!crashed && appends.flat().some(isShift)) stage.target.hand.crash("green");
    crashed = appends.flat().some(isShift);
    appends.push(events);
  };
  await stage.advance();
  const back = appends.find((events) => events.some((event) => isShift(event) && isBack(event)));
  expect(back?.map(words)).toEqual(["guard-crashLoop-green fail", "replanned", "shift intended"]);
  expect(stage.truth()).toMatchObject({ serves: "blue", revision: "v1" });
});

it("performs nothing of what was decided when somebody else wrote first", async () => {
  const { stage, appends } = staged();
  await stage.open("v2");
  let asked: Promise<unknown> | undefined;
  stage.appended = (events) => {
    appends.push(events);
    // While the checks are asked, before their verdict is journaled.
    if (events.some((event) => event.kind === "outcome")) asked ??= stage.ask("abort");
  };
  await stage.advance();
  await asked;
  expect(appends.flat().filter(isShift)).toEqual([]);
  expect(stage.truth()).toMatchObject({ serves: "blue", revision: "v1" });
});

it("looks as soon as the target tells of a change, however long its pace", async () => {
  const { stage } = staged();
  await stage.open("v2");
  const { ports } = stage.process();
  const target: typeof ports.target = {
    ...ports.target,
    pace: millis(3_600_000),
    changed: (signal) => stage.clock.sleep(millis(100), signal),
  };
  await stage.advance({}, { ...ports, target });
  expect(stage.truth()).toMatchObject({ serves: "green", revision: "v2" });
  // Simulated time: one look at the pace would have taken longer.
  expect(stage.clock.now() - ((await stage.events())[0]?.at ?? 0)).toBeLessThan(600_000);
});
