import { describe, expect, test } from "vitest";
import { phaseOf, statusOf, type PodSnapshot, type Snapshot } from "./status.ts";

const running: Snapshot = {
  name: "web",
  image: "teal.test/web:one",
  restarts: 0,
  ready: true,
  started: true,
  id: "teal://1",
  state: { running: {} },
  last: undefined,
  over: false,
};
const exited = (exitCode: number, over: boolean): Snapshot => ({
  ...running,
  ready: false,
  over,
  state: { terminated: { exitCode } },
});
const waiting: Snapshot = { ...running, ready: false, id: undefined, state: { waiting: { reason: "x" } } };
const crashed: Snapshot = { ...waiting, last: { terminated: { exitCode: 1 } } };

const pod = (restartPolicy = "Always", rest: object = {}) => ({
  metadata: { generation: 3 },
  spec: { restartPolicy },
  ...rest,
});
const seen = (containers: readonly Snapshot[], initialized = true): PodSnapshot => ({
  address: "10.244.1.2",
  hostAddress: "10.100.1.2",
  startTime: "then",
  initialized,
  init: [],
  containers,
});

describe("the phase of a pod", () => {
  test.each([
    ["runs", pod(), seen([running]), "Running"],
    ["waits for its first start", pod(), seen([running, waiting]), "Pending"],
    ["initializes", pod(), seen([waiting], false), "Pending"],
    ["waits for another start", pod(), seen([crashed]), "Running"],
    ["ended well", pod("Never"), seen([exited(0, true)]), "Succeeded"],
    ["ended badly", pod("Never"), seen([exited(1, true)]), "Failed"],
    ["has one container left", pod("Never"), seen([exited(0, true), running]), "Running"],
  ])("that %s", (_, object, snapshot, phase) => {
    expect(phaseOf(object, snapshot)).toBe(phase);
  });
});

describe("the conditions of a pod", () => {
  const ready = (object: object, snapshot: PodSnapshot) =>
    statusOf(object, snapshot, "now").conditions.find((each: { type: string }) => each.type === "Ready");

  test("say which containers are not ready", () => {
    expect(ready(pod(), seen([running, { ...waiting, name: "side" }]))).toMatchObject({
      status: "False",
      reason: "ContainersNotReady",
      message: "containers with unready status: [side]",
    });
  });

  test("wait for readiness gates", () => {
    const gated = { restartPolicy: "Always", readinessGates: [{ conditionType: "gate" }] };
    const closed = pod("Always", { spec: gated });
    expect(ready(closed, seen([running]))).toMatchObject({
      status: "False",
      reason: "ReadinessGatesNotReady",
    });
    const open = pod("Always", { spec: gated, status: { conditions: [{ type: "gate", status: "True" }] } });
    expect(ready(open, seen([running]))).toMatchObject({ status: "True" });
  });

  test("keep the time of their last change", () => {
    const before = (status: string) =>
      pod("Always", { status: { conditions: [{ type: "Ready", status, lastTransitionTime: "before" }] } });
    expect(ready(before("True"), seen([running])).lastTransitionTime).toBe("before");
    expect(ready(before("False"), seen([running])).lastTransitionTime).toBe("now");
  });
});
