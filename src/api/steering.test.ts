import { afterEach, describe, expect, it } from "vitest";
import type { Gate, Strategy } from "../core/plan.ts";
import { request, strategy } from "../core/planning/testing.ts";
import { millis } from "../core/units.ts";
import type { EnginePorts } from "../engine/ports.ts";
import { KEY, Stage, endOf } from "../engine/test-support.ts";
import type { Connection } from "./connection.ts";
import { deploy } from "./deploying.ts";
import { abort, promote, resume, rollback } from "./steering.ts";

const stages: Stage[] = [];
afterEach(() => {
  for (const each of stages.splice(0)) each.stop();
});

const APPROVAL: Gate = { gate: "approval", timeout: millis(3_600_000), otherwise: "revert" };

/** A service in memory and a way to connect another process to it. */
function service(but: Partial<Strategy> = {}) {
  const on = new Stage();
  stages.push(on);
  const connect = (over: Partial<EnginePorts> = {}): Connection => ({
    ...on.process(over).ports,
    key: KEY,
    wishes: {
      strategyFor: (kind = "blueGreen") =>
        strategy(kind, { bake: millis(2_000), keepWarm: millis(0), drainCap: millis(1_000), ...but }),
      checks: () => Promise.resolve({ is: "checks", plan: request("blueGreen").checks }),
      replicas: 2,
    },
    by: "ann@laptop",
    close: () => Promise.resolve(),
  });
  return { on, connect };
}

const options = () => ({ signal: new AbortController().signal });

describe("promote", () => {
  it("opens the gate that was seen, not the one after it", async () => {
    const { on, connect } = service({ gates: [APPROVAL, APPROVAL] });
    await on.clock.sleep(millis(5_000));
    expect((await deploy(connect(), { revision: "v2" }, options())).is).toBe("waiting");
    const answers = await Promise.all([promote(connect(), options()), promote(connect(), options())]);
    expect(answers.map((each) => each.is).toSorted()).toEqual(["refused", "waiting"]);
    const current = await on.store.current(KEY);
    const asks =
      current.is === "open" ? current.journal.events.filter((event) => event.kind === "asked") : [];
    expect(asks).toHaveLength(1);
  });

  it("has nothing to approve where nothing waits", async () => {
    const { connect } = service();
    expect((await promote(connect(), options())).is).toBe("none");
  });
});

describe("abort", () => {
  it("is carried out by the process that advances; whoever asked sees the end", async () => {
    const { on, connect } = service({ bake: millis(600_000) });
    await on.clock.sleep(millis(5_000));
    const deploying = deploy(connect(), { revision: "v2" }, { ...options(), stay: true });
    await on.clock.sleep(millis(20_000));
    const [asked, deployed] = await Promise.all([abort(connect(), options()), deploying]);
    for (const each of [asked, deployed])
      expect(each.is === "ended" ? endOf(each.events).outcome : each.is).toBe("reverted");
    expect(on.truth()).toMatchObject({ serves: "blue", revision: "v1" });
  });
});

describe("resume", () => {
  it("does not follow a holder on another machine whose heartbeat stays away", async () => {
    const { on, connect } = service({ bake: millis(60_000) });
    await on.clock.sleep(millis(5_000));
    const first = on.process();
    void deploy({ ...connect(), ...first.ports }, { revision: "v2" }, { ...options(), stay: true });
    await on.clock.sleep(millis(20_000));
    first.kill();
    const resumed = await resume(connect({ isGone: () => "unknown" }), options());
    expect(resumed.is === "ended" ? endOf(resumed.events).outcome : resumed.is).toBe("done");
  });
});

describe("rollback", () => {
  it("makes the revision live again that was before the one that serves", async () => {
    const { on, connect } = service();
    await on.clock.sleep(millis(5_000));
    for (const revision of ["v2", "v3"]) await deploy(connect(), { revision }, options());
    expect(on.truth().revision).toBe("v3");
    await rollback(connect(), options());
    expect(on.truth().revision).toBe("v2");
  });

  it("goes by what serves, also where the history ends undecided", async () => {
    const { on, connect } = service();
    await on.clock.sleep(millis(5_000));
    for (const revision of ["v2", "v3"]) await deploy(connect(), { revision }, options());
    const live = on.truth().serves ?? "blue";
    // Somebody else made v4 live, which no deployment tells of.
    on.target.hand.rewrite(live, { id: "v4", config: "memory" });
    await on.clock.sleep(millis(10_000));
    expect(on.truth().revision).toBe("v4");
    await rollback(connect(), options());
    expect(on.truth().revision).toBe("v3");
  });

  it("is remembered: what it left is deployed again only by whoever says so", async () => {
    const { on, connect } = service();
    await on.clock.sleep(millis(5_000));
    for (const revision of ["v2", "v3"]) await deploy(connect(), { revision }, options());
    await rollback(connect(), options());
    const refused = await deploy(connect(), { revision: "v3" }, options());
    expect(refused).toMatchObject({ is: "refused", cause: { code: "TEAL-P112" } });
    expect(on.truth().revision).toBe("v2");
    expect((await deploy(connect(), { revision: "v4" }, options())).is).toBe("ended");
    await deploy(connect(), { revision: "v3", retryReverted: true }, options());
    expect(on.truth().revision).toBe("v3");
  });

  it("in the middle of a deployment is its abort", async () => {
    const { on, connect } = service({ bake: millis(600_000) });
    await on.clock.sleep(millis(5_000));
    const deploying = deploy(connect(), { revision: "v2" }, { ...options(), stay: true });
    await on.clock.sleep(millis(20_000));
    await Promise.all([rollback(connect(), options()), deploying]);
    expect(on.truth()).toMatchObject({ serves: "blue", revision: "v1" });
    const refused = await deploy(connect(), { revision: "v2" }, options());
    expect(refused).toMatchObject({ is: "refused", cause: { code: "TEAL-P112" } });
  });
});
