import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { JournalEvent } from "../core/journal.ts";
import { objects, resultOf, TestService } from "./testing.ts";

/*
 * SIGTERM, as a pipeline sends it when its run is cancelled, at every moment of a deployment: the process ends soon, the
 * deployment is open with nobody's lease on it, somebody serves, and another process finishes it.
 */

type Moment = readonly [name: string, is: (event: JournalEvent) => boolean];

const passed =
  (step: string) =>
  (event: JournalEvent): boolean =>
    event.kind === "verdict" && event.of.startsWith(step) && event.then === "next";

/** What is journaled when the signal is sent: the step after it runs, or has just begun. */
const MOMENTS: readonly Moment[] = [
  ["opened, before any write", (event) => event.kind === "opened"],
  ["starting", (event) => event.kind === "intent" && event.call.call === "ensure"],
  ["asking the checks", passed("ensure-")],
  ["shifting", (event) => event.kind === "intent" && event.call.call === "shift"],
  ["confirming", passed("shift-")],
  ["baking", passed("confirm-")],
  ["draining", passed("restore")],
  ["retiring", (event) => event.kind === "intent" && event.call.call === "retire"],
];

describe("SIGTERM leaves a deployment that can be resumed", () => {
  const service = new TestService({ strategy: "{ blueGreen: { bake: 500ms, keepWarm: 0s, drain: 1s } }" });
  beforeAll(async () => {
    expect((await service.teal("deploy", "v0")).code).toBe(0);
  });
  afterAll(() => service.dispose());
  let interrupted = 0;

  test.each(MOMENTS.map(([name, is], index) => [name, is, `v${index + 1}`] as const))(
    "%s",
    async (_, is, revision) => {
      const command = service.start("deploy", revision, "--json");
      const sent = await signalled(command, is);
      const ran = await command.ended;
      const status = resultOf(await service.teal("status", "--json"));
      expect(status["serves"]).toMatchObject({ slot: expect.stringMatching(/^(?:blue|green)$/u) });
      // Whatever was over before the signal came needs no other process.
      if (ran.code === 130) {
        interrupted += 1;
        expect(resultOf(ran)).toMatchObject({ is: "detached", next: "teal resume" });
        expect(status["open"]).toMatchObject({ allowed: expect.arrayContaining(["resume"]) });
        expect(status["open"]).not.toHaveProperty("holder");
        expect((await service.teal("resume")).code).toBe(0);
      } else expect(ran.code).toBe(0);
      expect(sent).toBe(true);
      expect(resultOf(await service.teal("status", "--json"))).toMatchObject({
        serves: { revision },
        last: { revision, outcome: "done" },
      });
    },
  );

  test("nearly every signal came in time", () => {
    expect(interrupted).toBeGreaterThanOrEqual(MOMENTS.length - 2);
  });
});

/** Ends the command once such an event was told. @returns whether it was, before the command ended by itself. */
async function signalled(
  command: ReturnType<TestService["start"]>,
  is: (event: JournalEvent) => boolean,
): Promise<boolean> {
  let over = false;
  void command.ended.then(() => (over = true));
  for (;;) {
    const told = command.output();
    const whole = told.slice(0, told.lastIndexOf("\n") + 1);
    const events = whole === "" ? [] : objects(whole).filter((each) => each["type"] === "event");
    if (events.some((event) => is(event as unknown as JournalEvent))) {
      process.kill(command.pid, "SIGTERM");
      return true;
    }
    if (over) return false;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
