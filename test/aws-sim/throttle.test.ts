import { expect, test } from "vitest";
import type { WorldClock } from "./kernel.ts";
import { documentedThrottle } from "./throttle.ts";
import { SSMClient, GetParameterCommand } from "@aws-sdk/client-ssm";
import { createSsm } from "./services/ssm.ts";
import { smallWorld } from "./small-world.ts";

/** A clock that the test moves. */
function handClock(): WorldClock & { move(ms: number): void } {
  let now = 0;
  return {
    speed: 1,
    now: () => now,
    move: (ms) => (now += ms),
    after: () => ({ cancel: () => {} }),
    sleep: () => Promise.resolve(),
    stop: () => {},
  };
}

/** How many of `n` calls at once get through. */
function through(
  throttle: (service: string, operation: string) => void,
  service: string,
  operation: string,
  n = 700,
) {
  let passed = 0;
  for (let call = 0; call < n; call += 1) {
    try {
      throttle(service, operation);
      passed += 1;
    } catch {
      // Counted by its absence.
    }
  }
  return passed;
}

test.each([
  // service, operation, burst, per second afterwards
  ["elasticloadbalancing", "DescribeTargetHealth", 40, 10],
  ["elasticloadbalancing", "ModifyRule", 20, 3],
  ["elasticloadbalancing", "RegisterTargets", 20, 4],
  ["autoscaling", "DescribeAutoScalingGroups", 40, 10],
  ["ec2", "DescribeInstances", 100, 20],
  ["ec2", "CreateLaunchTemplateVersion", 50, 5],
  ["sts", "GetCallerIdentity", 600, 600],
  ["ssm", "PutParameter", 3, 3],
  ["monitoring", "GetMetricData", 50, 50],
])("%s %s: %d at once, %d a second", (service, operation, burst, refill) => {
  const clock = handClock();
  const throttle = documentedThrottle(clock);
  expect(through(throttle, service, operation)).toBe(burst);
  clock.move(1_000);
  expect(through(throttle, service, operation)).toBe(refill);
  clock.move(10 * 60_000);
  expect(through(throttle, service, operation)).toBe(burst);
});

test("all describes of load balancing share one bucket, and leave a change nothing of the account's", () => {
  const throttle = documentedThrottle(handClock());
  expect(through(throttle, "elasticloadbalancing", "DescribeRules", 30)).toBe(30);
  expect(through(throttle, "elasticloadbalancing", "DescribeTargetHealth", 30)).toBe(10);
  expect(through(throttle, "elasticloadbalancing", "ModifyRule", 5)).toBe(0);
});

test("a refused call takes no token from its other bucket", () => {
  const clock = handClock();
  const throttle = documentedThrottle(clock);
  // Twenty changes empty their own bucket, not the account's: twenty describes are left there.
  expect(through(throttle, "elasticloadbalancing", "ModifyRule")).toBe(20);
  expect(through(throttle, "elasticloadbalancing", "DescribeRules")).toBe(20);
});

test("EC2 has a bucket for each API; services do not share", () => {
  const throttle = documentedThrottle(handClock());
  expect(through(throttle, "ec2", "DescribeInstances")).toBe(100);
  expect(through(throttle, "ec2", "DescribeImages")).toBe(100);
  expect(through(throttle, "autoscaling", "SuspendProcesses")).toBe(40);
  expect(through(throttle, "autoscaling", "ResumeProcesses")).toBe(0);
});

test("the SDK sees throttling as throttling, and only where it is on", async () => {
  for (const [throttling, refused] of [
    ["documented", 20],
    ["off", 0],
  ] as const) {
    // So slow a world that nothing is refilled during the test.
    const small = await smallWorld((world) => [createSsm(world).service], { throttling, speed: 0.001 });
    const ssm = small.client(SSMClient);
    const calls = Array.from({ length: 60 }, () => ssm.send(new GetParameterCommand({ Name: "/none" })));
    const names = (await Promise.allSettled(calls)).map(
      (call) => call.status === "rejected" && call.reason.name,
    );
    expect(names.filter((name) => name === "ThrottlingException")).toHaveLength(refused);
    expect(names.filter((name) => name === "ParameterNotFound")).toHaveLength(60 - refused);
    await small.stop();
  }
});
