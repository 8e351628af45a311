import { expect, it, onTestFinished } from "vitest";
import { ENGINE_VERSION } from "../core/deployment.ts";
import type { Plan } from "../core/plan.ts";
import { deploymentId } from "../core/units.ts";
import { Stage, KEY } from "./test-support.ts";

/** A deployment of this plan as an engine of that version would have opened it. */
async function openedBy(engine: number): Promise<Stage> {
  const draft = new Stage();
  const plan: Plan = await draft.open("v2");
  draft.stop();
  const stage = new Stage();
  onTestFinished(() => stage.stop());
  await stage.open("v2");
  // The stage's own deployment makes room: only how the journal begins is of interest here.
  await stage.ask("abort");
  await stage.advance();
  const id = deploymentId("foreign");
  const opened = await stage.store.open(KEY, id, { kind: "opened", id, plan, engine });
  expect(opened.is).toBe("opened");
  return stage;
}

it.each([ENGINE_VERSION + 1, ENGINE_VERSION - 2])(
  "does not go forward with a plan of engine %i",
  async (engine) => {
    const stage = await openedBy(engine);
    const before = stage.truth();
    expect(await stage.advance()).toEqual({ is: "foreign", engine });
    expect(stage.truth()).toEqual(before);
  },
);

it("resumes a plan of the version before", async () => {
  const stage = await openedBy(ENGINE_VERSION - 1);
  expect(await stage.advance()).toMatchObject({ is: "finished", deployment: { state: { outcome: "done" } } });
  expect(stage.truth().revision).toBe("v2");
});

it("gives up any plan when asked: going back needs only the baseline", async () => {
  const stage = await openedBy(ENGINE_VERSION + 1);
  await stage.ask("abort");
  expect(await stage.advance()).toMatchObject({
    is: "finished",
    deployment: { state: { outcome: "reverted" } },
  });
  expect(stage.truth().revision).toBe("v1");
});
