import { afterEach, expect, test } from "vitest";
import { serveServices, type ControlPlane } from "../../../../test/aws-sim/control-plane.ts";
import { createSts } from "../../../../test/aws-sim/services/sts.ts";
import type { Fault, Principal } from "../../../../test/aws-sim/types.ts";
import { openWorld, type OpenWorld } from "../../../../test/aws-sim/world/world.ts";
import type { AwsApi } from "./api.ts";
import { connectAws, type AwsAccess } from "./connect.ts";

const NEVER = new AbortController().signal;
const CALL = { signal: NEVER, purse: "plan" } as const;
const ACCOUNT = "111122223333";

let world: OpenWorld;
let plane: ControlPlane;
const open: AwsApi[] = [];

afterEach(async () => {
  for (const api of open.splice(0)) await api.close();
  await plane.stop();
  await world.close();
});

async function start(principals?: readonly Principal[], ...faults: readonly Fault[]): Promise<void> {
  world = await openWorld();
  plane = await serveServices(
    world,
    [createSts(world.world)],
    principals === undefined ? {} : { principals },
  );
  for (const fault of faults) world.faults.add(fault);
}

async function connected(
  access: Partial<AwsAccess> = {},
  more: Record<string, string> = {},
): Promise<AwsApi> {
  const environment = { ...plane.environment(), ...more };
  const came = await connectAws({ account: ACCOUNT, ...access }, { environment, random: () => 0 });
  if (came.is === "failed") throw new Error(came.cause.message);
  open.push(came.api);
  return came.api;
}

function calls(): readonly string[] {
  return world.recorded.map(({ action }) => action);
}

test("the settings' region goes before AWS_REGION, and that before AWS_DEFAULT_REGION", async () => {
  await start();
  const both = { AWS_REGION: "eu-west-1", AWS_DEFAULT_REGION: "us-east-1" };
  expect((await connected({ region: "eu-central-1" }, both)).region).toBe("eu-central-1");
  expect((await connected({}, both)).region).toBe("eu-west-1");
  const environment = { AWS_DEFAULT_REGION: "us-east-1" };
  const came = await connectAws({ account: ACCOUNT }, { environment });
  expect(came).toMatchObject({ is: "api", api: { region: "us-east-1" } });
});

test("without any region nothing is connected, and all places are named", async () => {
  await start();
  const came = await connectAws({ account: ACCOUNT, profile: "no-such-profile" }, { environment: {} });
  expect(came).toMatchObject({ is: "failed", cause: { code: "TEAL-A103" } });
  expect(came.is === "failed" && came.cause.message).toContain("AWS_DEFAULT_REGION");
});

test("credentials of another account send nothing but the question whose they are", async () => {
  await start();
  const api = await connected({ account: "999999999999" });
  const answer = await api.scaling.groups({ names: ["shop-blue"] }, CALL);
  expect(answer).toMatchObject({
    is: "failed",
    code: "WrongAccount",
    sure: true,
    cause: { code: "TEAL-A102" },
  });
  await api.elb.deleteRule("arn:rule", CALL);
  expect(calls()).toEqual(["sts:GetCallerIdentity"]);
});

test("the caller is told with the end of the credentials; given ones are not renewed", async () => {
  await start();
  const fixed = await (await connected()).caller(NEVER);
  expect(fixed).toMatchObject({ is: "ok", value: { account: ACCOUNT, renews: false } });
  expect(fixed.is === "ok" && fixed.value.expires).toBeUndefined();
  const ends = "2031-01-01T00:00:00.000Z";
  const short = await (await connected({}, { AWS_CREDENTIAL_EXPIRATION: ends })).caller(NEVER);
  expect(short).toMatchObject({ is: "ok", value: { expires: Date.parse(ends), renews: false } });
});

test("a read that is throttled, fails or gets no answer is tried again", async () => {
  await start(undefined, { action: "sts:GetCallerIdentity", kind: "throttle", times: 2 });
  world.faults.add({ action: "sts:GetCallerIdentity", kind: "error", times: 1 });
  world.faults.add({ action: "sts:GetCallerIdentity", kind: "reset", times: 1 });
  expect((await (await connected()).caller(NEVER)).is).toBe("ok");
  expect(calls()).toHaveLength(5);
});

test("keys that AWS does not know are told with what to do, and not tried again", async () => {
  await start();
  const api = await connected({}, { AWS_ACCESS_KEY_ID: "AKIASOMEBODYELSE0000" });
  expect(await api.caller(NEVER)).toMatchObject({ is: "failed", cause: { code: "TEAL-A113" } });
});

test("credentials that ended are told as such: those of the environment cannot be renewed", async () => {
  await start(undefined, { action: "sts:GetCallerIdentity", kind: "expired", times: 9 });
  const api = await connected();
  expect(await api.caller(NEVER)).toMatchObject({ is: "failed", sure: true, cause: { code: "TEAL-A105" } });
  expect(calls()).toHaveLength(1);
});

test("nobody there: what was not sent is sure, and says where to look", async () => {
  await start();
  const api = await connected({}, { AWS_ENDPOINT_URL: "http://127.0.0.1:9" });
  const answer = await api.elb.deleteRule("arn:rule", { signal: AbortSignal.timeout(300), purse: "write" });
  expect(answer).toMatchObject({ is: "failed", code: "network", sure: true, cause: { code: "TEAL-A107" } });
});

test("a call that is given up before it is sent says so", async () => {
  await start();
  const api = await connected();
  expect(await api.caller(AbortSignal.abort())).toMatchObject({
    is: "failed",
    sure: true,
    cause: { code: "TEAL-A111" },
  });
  expect(calls()).toEqual([]);
});
