import { expect, test } from "vitest";
import { systemClock } from "../../state/system-clock.ts";
import type { Answer } from "./api/api.ts";
import { createLook, type Subject } from "./look.ts";

const NEVER = new AbortController().signal;

/** A subject whose answers are given one by one, and how often it was asked. */
function scripted(name: string, every: number, ...answers: readonly (Answer<number> | number)[]) {
  let asked = 0;
  const subject: Subject<number> = {
    name,
    every,
    ask: () => {
      const next = answers[Math.min(asked, answers.length - 1)]!;
      asked++;
      return Promise.resolve(typeof next === "number" ? { is: "ok", value: next } : next);
    },
  };
  return { subject, asked: () => asked };
}

function failed(code: string): Answer<number> {
  return { is: "failed", code: "x", sure: true, cause: { code, message: code } };
}

test("readers share one look, and those that begin together too", async () => {
  const look = createLook(systemClock);
  const one = scripted("one", 60_000, 1, 2);
  const both = await Promise.all([look.read(one.subject, NEVER), look.read(one.subject, NEVER)]);
  expect(both).toMatchObject([{ value: 1 }, { value: 1 }]);
  expect(await look.read(one.subject, NEVER)).toMatchObject({ is: "seen", value: 1 });
  expect(one.asked()).toBe(1);
  look.close();
});

test("a change wakes whoever waits, also one that came between reading and waiting", async () => {
  const look = createLook(systemClock);
  const one = scripted("one", 5, 1, 1, 1, 2);
  expect(await look.read(one.subject, NEVER)).toMatchObject({ value: 1 });
  await look.changed(NEVER);
  expect(one.asked()).toBe(4);
  await look.changed(NEVER);
  expect(await look.read(one.subject, NEVER)).toMatchObject({ value: 2 });
  look.close();
});

test("what was written is looked at anew, and a look that was on its way does not count", async () => {
  const look = createLook(systemClock);
  let answer: (value: Answer<number>) => void = () => undefined;
  let asked = 0;
  const subject: Subject<number> = {
    name: "one",
    every: 60_000,
    ask: () =>
      asked++ === 0 ? new Promise((resolve) => (answer = resolve)) : Promise.resolve({ is: "ok", value: 2 }),
  };
  const reading = look.read(subject, NEVER);
  look.forget("one");
  answer({ is: "ok", value: 1 });
  expect(await reading).toMatchObject({ value: 2 });
  look.put("one", 3);
  expect(await look.read(subject, NEVER)).toMatchObject({ value: 3 });
  expect(asked).toBe(2);
  look.close();
});

test("a missing right shows at once; what passes by itself leaves what was seen", async () => {
  const look = createLook(systemClock);
  const busy = scripted("busy", 1, 1, failed("TEAL-A106"));
  await look.read(busy.subject, NEVER);
  await look.changed(NEVER);
  expect(await look.read(busy.subject, NEVER)).toMatchObject({ is: "seen", value: 1 });
  const denied = scripted("denied", 1, 1, failed("TEAL-A104"));
  await look.read(denied.subject, NEVER);
  while (denied.asked() < 2) await systemClock.sleep(1 as never);
  expect(await look.read(denied.subject, NEVER)).toMatchObject({
    is: "unreadable",
    cause: { code: "TEAL-A104" },
  });
  look.close();
});

test("what is most overdue comes first, whatever is asked more often", async () => {
  const look = createLook(systemClock);
  const order: string[] = [];
  const subject = (name: string, every: number): Subject<number> => ({
    name,
    every,
    ask: async () => {
      await systemClock.sleep(4 as never);
      order.push(name);
      return { is: "ok", value: 0 };
    },
  });
  const [hot, cold] = [subject("hot", 4), subject("cold", 12)];
  await look.read(hot, NEVER);
  await look.read(cold, NEVER);
  while (order.length < 30) await systemClock.sleep(1 as never);
  look.close();
  const times = (name: string) => order.filter((each) => each === name).length;
  expect(times("cold")).toBeGreaterThan(3);
  expect(times("hot")).toBeGreaterThan(times("cold"));
});

test("what nothing is known of is not paid like polling: somebody waits for it", async () => {
  const look = createLook(systemClock);
  const purses: string[] = [];
  const subject: Subject<number> = {
    name: "one",
    every: 1,
    ask: ({ purse }) => {
      purses.push(purse);
      return Promise.resolve({ is: "ok", value: purses.length });
    },
  };
  await look.read(subject, NEVER);
  while (purses.length < 2) await systemClock.sleep(1 as never);
  look.close();
  expect(purses.slice(0, 2)).toEqual(["plan", "look"]);
});

test("nobody is kept waiting after the end", async () => {
  const look = createLook(systemClock);
  const waiting = look.changed(NEVER);
  look.close();
  await waiting;
  expect((await look.read(scripted("one", 1, 1).subject, NEVER)).is).toBe("unreadable");
});
