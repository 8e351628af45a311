import { spawn } from "node:child_process";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import type { JournalEvent } from "../../../src/core/journal.ts";
import { sharedCluster } from "../../cluster/cluster.ts";
import { failed, outcomeOf, Story, verdicts, writes } from "../support.ts";
import { tell } from "../../e2e/support.ts";

/* One update whose operator is killed in every step, each time by SIGKILL; another process goes on. */

const cluster = await sharedCluster();
const PROGRAM = join(import.meta.dirname, "../../e2e/engine-process.ts");
/**
 * In the order in which an update meets them; every process dies at the next one. What is journaled in one write is one
 * moment: the verdict about the start comes with the one about the checks and with the intent to move the traffic.
 */
const MOMENTS = [
  "intent ensure",
  "effect ensure",
  "verdict ensure-green",
  "intent shift",
  "effect shift",
  "verdict confirm-green-100",
  "verdict bake-green",
];

let story: Story;
beforeEach(async () => {
  story = await Story.open(cluster);
  await story.serve("v1");
}, 120_000);
afterEach(() => Story.endAll());
afterAll(() => cluster.stop());

test("an operator killed in every step loses no request, writes nothing twice, and is resumed to the end", async () => {
  const before = await story.uids("blue");
  const witness = await story.witness();
  const users = await story.users(20);
  for (const [at, moment] of MOMENTS.entries()) {
    expect(await dies(at === 0 ? "v2" : "", moment), moment).toBe("SIGKILL");
    const { open } = await story.status();
    expect(open, moment).toBeDefined();
    expect(open?.holder, moment).toBeUndefined();
  }
  const moved = await story.resume();
  expect(outcomeOf(moved), tell(moved)).toBe("warm");
  expect(failed(await users.stop())).toEqual([]);
  expect(await witness.verdict()).toEqual([]);
  const journal = await story.journal();
  expect(writes(journal)).toEqual(["forward ensure", "forward shift"]);
  expect(claims(journal)).toBe(MOMENTS.length + 1);
  expect(new Set(verdicts(journal)).size).toBe(verdicts(journal).length);
  expect(await story.uids("blue")).toEqual(before);
  expect(await story.uids("green")).toHaveLength(2);
  await story.shows("v2");
}, 240_000);

test("an operator killed on the way back is resumed on the way back", async () => {
  await story.serve("v2");
  const rollback = await dies("back", "intent shift");
  expect(rollback).toBe("SIGKILL");
  const moved = await story.resume();
  expect(outcomeOf(moved), tell(moved)).toBe("reverted");
  await story.shows("v1");
  expect(await story.place.replicas("green")).toBe(0);
});

function claims(events: readonly JournalEvent[]): number {
  return events.filter(({ kind }) => kind === "claimed").length;
}

/** An operator of its own process that is to end itself at the moment. @param does a revision to deploy, `` to resume, `back` to roll back. @returns how it ended. */
function dies(does: string, moment: string): Promise<string> {
  const { folder } = story.place;
  const args = [PROGRAM, join(folder, "teal.yaml"), join(folder, "state"), does, moment];
  const child = spawn(process.execPath, args, {
    env: { ...process.env, KUBECONFIG: cluster.kubeconfig },
    stdio: ["ignore", "ignore", "inherit"],
    timeout: 60_000,
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(signal ?? `exit ${code}`));
  });
}
