import { expect, onTestFinished, test } from "vitest";
import { livesOn } from "./crashing.ts";
import { openPlace, WARM } from "./place.ts";
import { start } from "./processes.ts";
import { raceAll } from "./race-count.ts";

/*
 * The races of one process are of the store, the lease, the fence and the router: real requests of the unmodified SDK to
 * the simulated S3 and load balancer, decided on by nothing that the runners share. The races of two processes are of whole
 * commands.
 */

const RACES = 10_000;

test("10,000 races of two runners: exactly one proceeds in each", { timeout: 60 * 60_000 }, async () => {
  const { refused = 0, before = 0, after = 0, repaired = 0 } = await raceAll(RACES);
  expect(refused + before + after).toBe(Math.floor(RACES / 3));
  expect(after).toBeGreaterThan(100);
  expect(repaired).toBe(after);
  console.log(
    `${RACES} races; late writes of an expired holder: ${refused} refused, ${before} overwritten, ${after} found and repaired`,
  );
});

const PROCESSES = 24;

test(
  "two processes deploy at the same moment, again and again: one does it, the other one says so",
  {
    timeout: 20 * 60_000,
  },
  async () => {
    const place = await openPlace();
    onTestFinished(() => place.end());
    const { recorded } = place.story.simulator;
    for (let race = 0; race < PROCESSES; race += 1) {
      const from = recorded.length;
      const both = ["here", "there"].map((machine) => {
        const revision = place.image(`race ${race}, ${machine}`);
        return start(place.story, { does: { is: "deploy", revision }, machine });
      });
      const ends = await Promise.all(both.map((each) => each.ended));
      const outcomes = ends.map((each) => (each.is === "ended" ? each.outcome : JSON.stringify(each)));
      expect(outcomes.toSorted()).toEqual(["busy", "done"]);
      const writers = recorded.slice(from).flatMap(({ action, principal, error }) => {
        const moves = /Modify|UpdateAuto|CreateRule|DeleteRule|CreateLaunch/u.test(action);
        return moves && error === undefined ? [principal] : [];
      });
      expect(new Set(writers).size).toBe(1);
      expect(place.judge.wrong).toEqual([]);
    }
    expect(await place.judge.verdict()).toEqual([]);
  },
);

test(
  "a holder that is stopped at its cutover, which lands after another machine went back: found and repaired",
  {
    timeout: 5 * 60_000,
  },
  async () => {
    const place = await openPlace({ strategy: WARM });
    onTestFinished(() => place.end());
    const { simulator } = place.story;
    const before = livesOn(place);
    const first = start(place.story, {
      does: { is: "deploy", revision: place.image("late") },
      machine: "here",
    });
    const reached = Promise.withResolvers<void>();
    const landing = Promise.withResolvers<void>();
    let landed = 0;
    const leave = simulator.intercept({
      before: async ({ action, principal }) => {
        if (!action.endsWith(":ModifyRule") || principal !== first.arn || landed > 0) return undefined;
        process.kill(first.pid, "SIGSTOP");
        reached.resolve();
        await landing.promise;
        landed += 1;
        return undefined;
      },
    });
    onTestFinished(leave);
    await reached.promise;
    const second = start(place.story, { does: { is: "abort" }, machine: "there", waitLock: 60_000 });
    // It claims the fence before it writes anything else; the late write lands in the middle of its work.
    const claimed = new Promise<void>((resolve) => {
      const stop = simulator.intercept({
        after: ({ action, principal }) => {
          if (principal === second.arn && action.endsWith(":AddTags")) {
            stop();
            resolve();
          }
          return undefined;
        },
      });
    });
    await claimed;
    landing.resolve();
    const ended = await second.ended;
    expect(ended).toMatchObject({ is: "ended", outcome: "reverted" });
    const from = simulator.recorded.length;
    process.kill(first.pid, "SIGCONT");
    const woken = await first.ended;
    expect(woken).toMatchObject({ is: "ended" });
    expect(landed).toBe(1);
    expect(livesOn(place)).toBe(before);
    // Awake again, it wrote nothing more to what users reach.
    const writes = simulator.recorded
      .slice(from)
      .filter(({ mutating, action }) => mutating && !action.startsWith("s3:"));
    expect(writes.map(({ action }) => action)).toEqual([]);
    expect(await place.judge.verdict()).toEqual([]);
  },
);
