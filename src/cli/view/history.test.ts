import { expect, test } from "vitest";
import { atStep, NOW, planOf, walk } from "../../core/deciding/test-support.ts";
import type { Happening, JournalEvent } from "../../core/journal.ts";
import { deploymentId, instant, millis } from "../../core/units.ts";
import { overdueOf } from "../../api/status.ts";
import { statusLines } from "./status.ts";
import { view } from "./view.ts";

/* What people read of a bake that nobody watches. */

const UNTIL = instant(NOW + 600_000);
const LEFT: Happening = {
  kind: "verdict",
  dir: "forward",
  of: "bake-green",
  result: "inconclusive",
  then: "hold",
  hold: { for: "history", until: UNTIL, otherwise: "proceed" },
  facts: { summary: "nobody watches green for 600 s: no automatic revert until it is resumed" },
};
const plan = planOf("blueGreen", { bake: millis(600_000) });
const clock = (at: number) => new Date(at).toISOString().slice(11, 16);

test("the deployment says that nothing goes back by itself, and who judges it when", () => {
  const opened: Happening = { kind: "opened", id: deploymentId("d1"), plan, engine: 1 };
  const events = [opened, ...walk(plan, "bake-green"), LEFT].map((event, index): JournalEvent => ({
    ...event,
    seq: index + 1,
    at: NOW,
  }));
  const lines = view(events, { place: "shop-alb:443", number: 7, suffix: " --env production", clock });
  expect(lines.slice(-3).map(({ text }) => text)).toEqual([
    "nobody watches green for 600 s: no automatic revert until it is resumed",
    "from 12:10 on teal resume --env production judges it by its metrics' history",
    "answer: teal resume --env production, or teal rollback --env production",
  ]);
});

test("status says the same, and that it is late once its time is over", () => {
  const deployment = atStep(plan, "bake-green", LEFT);
  const status = (now: number) =>
    statusLines(
      {
        service: "shop",
        environment: "production",
        place: "shop-alb:443",
        serves: { slot: "green", revision: "v2" },
        observed: {
          routing: { is: "unreadable", cause: { code: "TEAL-A101", message: "not asked" } },
          slots: {
            blue: { is: "unreadable", cause: { code: "TEAL-A101", message: "not asked" } },
            green: { is: "unreadable", cause: { code: "TEAL-A101", message: "not asked" } },
          },
        },
        open: {
          deployment,
          number: 7,
          allowed: ["abort", "rollback", "resume"],
          ...(overdueOf(deployment, now, false) === undefined
            ? {}
            : { overdue: overdueOf(deployment, now, false)! }),
        },
      },
      { suffix: "", now: instant(now), clock },
    );
  expect(status(NOW)).toContain(
    "r7 (v2 on green) has all the traffic and nobody watches it: no automatic revert until teal resume, which from 12:10 on judges the bake by its metrics' history",
  );
  expect(status(NOW).join("\n")).not.toContain("overdue");
  expect(status(UNTIL)).toContain(
    "  overdue: the bake that nobody watched is to be judged by its metrics. Next: teal resume",
  );
});
