import { beforeEach, describe, expect, test } from "vitest";
import { forward, get, openStage, shop, type Answered, type Shop, type Stage } from "./testing.ts";

/* States of targets, as DescribeTargetHealth shows them and as requests meet them. */

let stage: Stage;
let it: Shop;

beforeEach(async () => {
  stage = await openStage();
  it = shop(stage);
  await stage.elb.ready();
  return () => stage.close();
});

const health = (arn: string) =>
  stage
    .call<Answered>("DescribeTargetHealth", { TargetGroupArn: arn })
    .TargetHealthDescriptions.map(({ TargetHealth }) => TargetHealth);
const states = (arn: string) => health(arn).map(({ State }) => State);
const register = (arn: string, ...ids: string[]) =>
  stage.call("RegisterTargets", { TargetGroupArn: arn, Targets: ids.map((Id) => ({ Id })) });
const deregister = (arn: string, ...ids: string[]) =>
  stage.call("DeregisterTargets", { TargetGroupArn: arn, Targets: ids.map((Id) => ({ Id })) });
const set = (arn: string, Key: string, Value: string) =>
  stage.call("ModifyTargetGroupAttributes", { TargetGroupArn: arn, Attributes: [{ Key, Value }] });
const address = () => stage.elb.nodes("shop-alb")[0]!.address;
const route = (...actions: unknown[]) =>
  stage.call("ModifyListener", { ListenerArn: it.listener, DefaultActions: actions });

/** Registers machines and waits until they are in service. */
async function serving(arn: string, ...ids: string[]) {
  const machines = await Promise.all(ids.map((id) => stage.machine(id)));
  register(arn, ...ids);
  await stage.until(() => states(arn).every((state) => state === "healthy"));
  return machines;
}

describe("states", () => {
  test("unused while no rule uses the target group; checked as soon as one does, at weight 0 too", async () => {
    route(forward({ [it.blue]: 1 }));
    const machine = await stage.machine("i-1");
    machine.health = 503;
    register(it.green, "i-1");
    await stage.world.clock.sleep(60_000);
    expect(health(it.green)).toEqual([
      {
        State: "unused",
        Reason: "Target.NotInUse",
        Description: "Target group is not configured to receive traffic from the load balancer",
      },
    ]);
    route(forward({ [it.blue]: 1, [it.green]: 0 }));
    expect(health(it.green)[0]).toMatchObject({ State: "initial", Reason: "Elb.RegistrationInProgress" });
    await stage.until(() => health(it.green)[0]!.Reason === "Elb.InitialHealthChecking");
    machine.health = 200;
    await stage.until(() => states(it.green)[0] === "healthy");
    expect(health(it.green)[0]).toEqual({ State: "healthy" });
    route(forward({ [it.blue]: 1 }));
    expect(health(it.green)[0]).toMatchObject({ State: "unused", Reason: "Target.NotInUse" });
  });

  test("thresholds: unhealthy after 2 failures in a row, healthy after 2 passes", async () => {
    const [machine] = await serving(it.blue, "i-1");
    const checks: string[] = [];
    machine!.server.on("request", ({ url }) => {
      if (url === "/health") checks.push(states(it.blue)[0]!);
    });
    machine!.health = 500;
    await stage.until(() => states(it.blue)[0] === "unhealthy");
    // Each entry is the state in which a check found the target.
    expect(checks).toEqual(["healthy", "healthy"]);
    machine!.health = 200;
    await stage.until(() => states(it.blue)[0] === "healthy");
    expect(checks.slice(-2)).toEqual(["unhealthy", "unhealthy"]);
  });

  test("Target.ResponseCodeMismatch quotes the code, and the matcher decides", async () => {
    const [machine] = await serving(it.blue, "i-1");
    machine!.health = 404;
    await stage.until(() => states(it.blue)[0] === "unhealthy");
    expect(health(it.blue)[0]).toEqual({
      State: "unhealthy",
      Reason: "Target.ResponseCodeMismatch",
      Description: "Health checks failed with these codes: [404]",
    });
    stage.call("ModifyTargetGroup", { TargetGroupArn: it.blue, Matcher: { HttpCode: "200,400-404" } });
    await stage.until(() => states(it.blue)[0] === "healthy");
  });

  test("Target.FailedHealthChecks: nobody listens; Target.Timeout: nobody answers", async () => {
    const [machine] = await serving(it.blue, "i-1");
    machine!.server.removeAllListeners("request");
    await stage.until(() => states(it.blue)[0] === "unhealthy");
    expect(health(it.blue)[0]).toMatchObject({ Reason: "Target.Timeout", Description: "Request timed out" });
    await machine!.stop();
    await stage.until(() => health(it.blue)[0]!.Reason === "Target.FailedHealthChecks");
  });

  test("the health check's own port", async () => {
    stage.call("ModifyTargetGroup", { TargetGroupArn: it.blue, HealthCheckPort: "1" });
    await stage.machine("i-1");
    register(it.blue, "i-1");
    await stage.until(() => states(it.blue)[0] === "unhealthy");
    expect(health(it.blue)[0]!.Reason).toBe("Target.FailedHealthChecks");
  });

  test("Target.InvalidState: a stopped instance; a terminated one leaves", async () => {
    const [machine] = await serving(it.blue, "i-1");
    set(it.blue, "deregistration_delay.timeout_seconds", "10");
    machine!.state = "stopped";
    await stage.until(() => states(it.blue)[0] === "unused");
    expect(health(it.blue)[0]).toMatchObject({
      Reason: "Target.InvalidState",
      Description: "Target is in the stopped state",
    });
    machine!.state = "running";
    await stage.until(() => states(it.blue)[0] === "healthy");
    machine!.state = "terminated";
    await stage.until(() => states(it.blue)[0] === "draining");
    await stage.until(() => states(it.blue).length === 0);
  });

  test("draining is shown until the delay is over, also without requests", async () => {
    await serving(it.blue, "i-1", "i-2");
    set(it.blue, "deregistration_delay.timeout_seconds", "60");
    const from = stage.world.clock.now();
    const done = stage.elb.targets.deregister(it.blue, "i-1");
    await done;
    expect(health(it.blue)[0]).toMatchObject({
      State: "draining",
      Reason: "Target.DeregistrationInProgress",
    });
    await stage.until(() => states(it.blue).length === 1);
    expect(stage.world.clock.now() - from).toBeGreaterThanOrEqual(60_000);
    expect(stage.elb.targets.health(it.blue, "i-1")).toBeUndefined();
  });

  test("unhealthy.draining: an unhealthy target that is deregistered", async () => {
    const [machine] = await serving(it.blue, "i-1");
    machine!.health = 500;
    await stage.until(() => states(it.blue)[0] === "unhealthy");
    deregister(it.blue, "i-1");
    expect(states(it.blue)).toEqual(["unhealthy.draining"]);
  });

  test("a draining target that is registered again begins anew", async () => {
    await serving(it.blue, "i-1");
    deregister(it.blue, "i-1");
    register(it.blue, "i-1");
    expect(states(it.blue)).toEqual(["initial"]);
    await stage.until(() => states(it.blue)[0] === "healthy");
    expect((await get(address())).status).toBe(200);
  });

  test("a read may show what was seconds ago", async () => {
    await serving(it.blue, "i-1");
    const before = stage.world.clock.now();
    await stage.world.clock.sleep(100);
    deregister(it.blue, "i-1");
    const read = stage.elb.service.operations["DescribeTargetHealth"]!.handle(
      { TargetGroupArn: it.blue },
      { requestId: "1", principal: "me", seenAt: before },
    ) as Answered;
    expect(read.TargetHealthDescriptions[0]!.TargetHealth.State).toBe("healthy");
    expect(states(it.blue)).toEqual(["draining"]);
  });
});

describe("who gets requests", () => {
  test("503 for a group without targets, and for one whose targets are initial", async () => {
    expect((await get(address())).status).toBe(503);
    const machine = await stage.machine("i-1");
    machine.health = 500;
    register(it.blue, "i-1");
    const answer = await get(address());
    expect(answer.status).toBe(503);
    expect(machine.requests).toBe(0);
    expect(answer.headers["server"]).toBe("awselb/2.0");
  });

  test("fail-open: a group whose targets are all unhealthy still gets requests", async () => {
    const machines = await serving(it.blue, "i-1", "i-2");
    machines[0]!.health = 500;
    await stage.until(() => states(it.blue)[0] === "unhealthy");
    for (let count = 0; count < 4; count += 1) expect((await get(address())).body).toBe("i-2");
    machines[1]!.health = 500;
    await stage.until(() => states(it.blue).every((state) => state === "unhealthy"));
    const bodies = new Set<string>();
    for (let count = 0; count < 4; count += 1) bodies.add((await get(address())).body);
    expect([...bodies].toSorted()).toEqual(["i-1", "i-2"]);
  });

  test("round robin takes turns; a draining target gets nothing more", async () => {
    const machines = await serving(it.blue, "i-1", "i-2", "i-3");
    for (let count = 0; count < 9; count += 1) await get(address());
    expect(machines.map(({ requests }) => requests)).toEqual([3, 3, 3]);
    deregister(it.blue, "i-1");
    for (let count = 0; count < 4; count += 1) await get(address());
    expect(machines.map(({ requests }) => requests)).toEqual([3, 5, 5]);
  });

  test("slow start: a target that comes later gets its share little by little", async () => {
    set(it.blue, "slow_start.duration_seconds", "900");
    const [warm] = await serving(it.blue, "i-1");
    const [late] = await serving(it.blue, "i-2");
    for (let count = 0; count < 60; count += 1) await get(address());
    // Sixty requests take a few seconds of its 900: it has hardly begun.
    expect(late!.requests).toBeLessThan(20);
    expect(warm!.requests + late!.requests).toBe(60);
  });

  test("least outstanding requests goes where nothing waits", async () => {
    set(it.blue, "load_balancing.algorithm.type", "least_outstanding_requests");
    const [first, second] = await serving(it.blue, "i-1", "i-2");
    const held = Promise.withResolvers<void>();
    first!.answer = (_request, response) => void held.promise.then(() => response.end("i-1"));
    const waiting = get(address());
    await stage.until(() => first!.requests === 1);
    for (let count = 0; count < 5; count += 1) expect((await get(address())).body).toBe("i-2");
    held.resolve();
    expect((await waiting).body).toBe("i-1");
    expect(second!.requests).toBe(5);
  });

  test("a request on its way holds deregistration up and is answered", async () => {
    const [machine] = await serving(it.blue, "i-1");
    const held = Promise.withResolvers<void>();
    machine!.answer = (_request, response) => void held.promise.then(() => response.end("late"));
    const waiting = get(address());
    await stage.until(() => machine!.requests === 1);
    let gone = false;
    const leaving = stage.elb.targets.deregister(it.blue, "i-1").then(() => (gone = true));
    await stage.world.clock.sleep(5_000);
    expect(gone).toBe(false);
    held.resolve();
    expect((await waiting).body).toBe("late");
    await leaving;
  });

  test("what is still on its way when the deregistration delay ends is cut: 502", async () => {
    const [machine] = await serving(it.blue, "i-1");
    set(it.blue, "deregistration_delay.timeout_seconds", "5");
    machine!.answer = () => {};
    const waiting = get(address());
    await stage.until(() => machine!.requests === 1);
    await stage.elb.targets.deregister(it.blue, "i-1");
    expect((await waiting).status).toBe(502);
    expect(states(it.blue)).toEqual([]);
  });
});
