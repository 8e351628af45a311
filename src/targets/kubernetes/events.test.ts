import { expect, test } from "vitest";
import type { Happening, JournalEvent } from "../../core/journal.ts";
import { allTo, type Weights } from "../../core/routing.ts";
import { fence, instant, intentId, millis } from "../../core/units.ts";
import { createTeller } from "./events.ts";

let seq = 0;
const journaled = (event: Happening): JournalEvent => ({ ...event, seq: ++seq, at: instant(0) });
const intent = (id: string, to: Weights, dir: "forward" | "back" = "forward") =>
  journaled({
    kind: "intent",
    intent: intentId(id),
    step: "shift",
    dir,
    call: { call: "shift", to },
    expect: "any",
    fence: fence(1),
    bound: millis(1),
  });
const outcome = (id: string, result: "applied" | "unchanged" | "conflict") =>
  journaled({ kind: "outcome", intent: intentId(id), result });

test("a cutover and a revert are told when they were applied, and once", () => {
  const told = createTeller();
  expect(told(intent("a", allTo("green")))).toBeUndefined();
  expect(told(outcome("a", "conflict"))).toBeUndefined();
  told(intent("b", allTo("green")));
  expect(told(outcome("b", "applied"))).toMatchObject({ slot: "green", type: "Normal", reason: "Cutover" });
  told(intent("c", allTo("blue"), "back"));
  expect(told(outcome("c", "applied"))).toMatchObject({ slot: "blue", type: "Warning", reason: "Reverted" });
});

test("a share of the traffic, and other writes, are not worth an Event", () => {
  const told = createTeller();
  told(intent("a", { blue: 90, green: 10 }));
  expect(told(outcome("a", "applied"))).toBeUndefined();
  expect(told(outcome("unknown", "applied"))).toBeUndefined();
});

test("the end is told with what serves, and why it was reverted", () => {
  const told = createTeller();
  const serves = { slot: "green", revision: "v2" } as const;
  expect(told(journaled({ kind: "closed", outcome: "done", serves }))).toMatchObject({
    slot: "green",
    reason: "Deployed",
    message: "v2 is live on green",
  });
  const cause = { code: "TEAL-H101", message: "GET /health: 503" };
  expect(told(journaled({ kind: "closed", outcome: "reverted", serves, cause }))).toMatchObject({
    type: "Warning",
    message: "v2 stays live on green: GET /health: 503 (TEAL-H101)",
  });
  expect(
    told(journaled({ kind: "closed", outcome: "undecided", serves: { slot: "nobody" } })),
  ).toBeUndefined();
});
