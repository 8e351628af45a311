import { GetParameterCommand, PutParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createFaults } from "./faults.ts";
import { createSsm, type SsmWorld } from "./services/ssm.ts";
import { createSts } from "./services/sts.ts";
import { smallWorld, type SmallWorld } from "./small-world.ts";
import { seededChance } from "./world/chance.ts";

let small: SmallWorld;
let parameters: SsmWorld;
let ssm: SSMClient;

beforeEach(async () => {
  small = await smallWorld(
    (world) => {
      const made = createSsm(world);
      parameters = made.world;
      return [made.service, createSts(world)];
    },
    { speed: 100, throttling: "off" },
  );
  ssm = small.client(SSMClient);
});

afterEach(() => small.stop());

const put = (Value: string) =>
  ssm.send(new PutParameterCommand({ Name: "/shop", Value, Type: "String", Overwrite: true }));

test.each([
  ["throttle", "ThrottlingException"],
  ["error", "InternalServerError"],
  ["expired", "ExpiredTokenException"],
] as const)("%s: answered, not carried out", async (kind, name) => {
  small.faults.add({ action: "ssm:PutParameter", kind });
  await expect(put("a")).rejects.toMatchObject({ name });
  expect(parameters.parameter("/shop")).toBeUndefined();
  await put("b");
  expect(parameters.parameter("/shop")).toBe("b");
  expect(small.recorded.map(({ error }) => error)).toEqual([name, undefined]);
});

test("faults speak each service's language", async () => {
  const sts = small.client(STSClient);
  for (const [kind, name, status] of [
    ["throttle", "Throttling", 400],
    ["error", "InternalFailure", 500],
    ["expired", "ExpiredToken", 403],
  ] as const) {
    small.faults.add({ action: "sts:*", kind });
    await expect(sts.send(new GetCallerIdentityCommand({}))).rejects.toMatchObject({
      name,
      $metadata: { httpStatusCode: status },
    });
  }
});

test("reset: the connection breaks, nothing was carried out", async () => {
  small.faults.add({ action: "ssm:PutParameter", kind: "reset" });
  await expect(put("a")).rejects.toMatchObject({ code: "ECONNRESET" });
  expect(parameters.parameter("/shop")).toBeUndefined();
  expect(small.recorded).toMatchObject([{ action: "ssm:PutParameter", status: 0 }]);
});

test("lostAnswer: the connection breaks, and it was carried out", async () => {
  small.faults.add({ action: "ssm:PutParameter", kind: "lostAnswer" });
  await expect(put("a")).rejects.toMatchObject({ code: "ECONNRESET" });
  expect(parameters.parameter("/shop")).toBe("a");
  expect(small.recorded).toMatchObject([{ action: "ssm:PutParameter", status: 0, mutating: true }]);
});

test("late: the connection breaks, and it is carried out after others", async () => {
  small.faults.add({ action: "ssm:PutParameter", kind: "late", delay: 20_000 });
  await expect(put("late")).rejects.toMatchObject({ code: "ECONNRESET" });
  const cut = small.world.clock.now();
  await put("meanwhile");
  expect(parameters.parameter("/shop")).toBe("meanwhile");
  await small.world.clock.sleep(cut + 20_500 - small.world.clock.now());
  expect(parameters.parameter("/shop")).toBe("late");
});

test("slow: carried out and answered after a while of the world", async () => {
  await put("a");
  small.faults.add({ action: "ssm:GetParameter", kind: "slow", delay: 5_000 });
  const began = small.world.clock.now();
  await ssm.send(new GetParameterCommand({ Name: "/shop" }));
  expect(small.world.clock.now() - began).toBeGreaterThanOrEqual(5_000);
});

test("slow: whoever does not wait has written nevertheless", async () => {
  small.faults.add({ action: "ssm:PutParameter", kind: "slow", delay: 5_000 });
  const impatient = new AbortController();
  const asked = ssm.send(new PutParameterCommand({ Name: "/shop", Value: "a", Type: "String" }), {
    abortSignal: impatient.signal,
  });
  await small.world.clock.sleep(2_000);
  impatient.abort();
  await expect(asked).rejects.toMatchObject({ name: "AbortError" });
  await small.world.clock.sleep(6_000);
  expect(parameters.parameter("/shop")).toBe("a");
});

test("after, times, prefixes and order", () => {
  const faults = createFaults(seededChance(1));
  faults.add({ action: "a:Modify*", kind: "throttle", after: 1, times: 2 });
  faults.add({ action: "a:ModifyRule", kind: "error" });
  const hits = (action: string) => faults.hits(action)?.kind;
  expect(hits("a:DescribeRules")).toBeUndefined();
  // The first call goes untouched by the first fault, and meets the second.
  expect(hits("a:ModifyRule")).toBe("error");
  expect(hits("a:ModifyListener")).toBe("throttle");
  expect(hits("a:ModifyRule")).toBe("throttle");
  expect(hits("a:ModifyRule")).toBeUndefined();
  expect(faults.all).toHaveLength(2);
  faults.clear();
  expect(faults.all).toHaveLength(0);
});

test("chances repeat by seed and differ by seed", () => {
  const drawn = (seed: number) => {
    const faults = createFaults(seededChance(seed));
    faults.add({ action: "*", kind: "throttle", chance: 0.5 });
    return Array.from({ length: 200 }, () => (faults.hits("any") === undefined ? "." : "x")).join("");
  };
  expect(drawn(1)).toBe(drawn(1));
  expect(drawn(1)).not.toBe(drawn(2));
  const hit = drawn(3).replaceAll(".", "").length;
  expect(hit).toBeGreaterThan(70);
  expect(hit).toBeLessThan(130);
});

test("every call is recorded: who, what, when, and the raw messages", async () => {
  await put("a & b");
  const [entry] = small.recorded;
  expect(entry).toMatchObject({
    action: "ssm:PutParameter",
    principal: "arn:aws:iam::111122223333:user/everything",
    mutating: true,
    input: { Name: "/shop", Value: "a & b", Type: "String", Overwrite: "true" },
    status: 200,
    raw: { service: "ssm", request: { method: "POST", path: "/" } },
  });
  expect(JSON.parse(entry!.raw.request.body)).toMatchObject({ Value: "a & b", Overwrite: true });
  expect(JSON.parse(entry!.raw.response!.body)).toEqual({ Version: 1, Tier: "Standard" });
  expect(entry!.raw.request.headers["authorization"]).toContain("AWS4-HMAC-SHA256");
});

test("reads may answer the past, writes and their own refusals never do", async () => {
  const stale = await smallWorld((world) => [createSsm(world).service], {
    speed: 1_000,
    staleness: 600_000,
    throttling: "off",
    seed: 7,
  });
  const client = stale.client(SSMClient);
  const write = (value: string) =>
    client.send(new PutParameterCommand({ Name: "/p", Value: value, Type: "String", Overwrite: true }));
  await write("before");
  await stale.world.clock.sleep(600_000);
  await write("after");
  const seen = new Set<string>();
  for (let read = 0; read < 40; read += 1) {
    seen.add((await client.send(new GetParameterCommand({ Name: "/p" }))).Parameter!.Value!);
  }
  expect([...seen].toSorted()).toEqual(["after", "before"]);
  expect((await write("again")).Version).toBe(3);
  await stale.stop();
});
