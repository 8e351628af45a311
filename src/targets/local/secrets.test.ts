import { mkdtempSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, expect, onTestFinished, test } from "vitest";
import type { CheckPlan } from "../../core/checks.ts";
import { READY_CHECKS, spec, testService, textOf, until, type TestService } from "./agent/test-support.ts";
import { keyedDigest } from "./key.ts";
import { layout as layoutOf, type Layout } from "./layout.ts";
import { createLookup, sealAndKeep } from "./secrets.ts";

const services: TestService[] = [];
afterEach(async () => {
  for (const service of services.splice(0)) await service.end();
});

function place(): Layout {
  const folder = mkdtempSync(join(tmpdir(), "teal-secrets-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return layoutOf(folder, "shop", "test");
}

/** The `ready` check with this header. */
function checksWith(authorization: string): CheckPlan {
  const checks = READY_CHECKS.checks.map((check) =>
    check.ask === "http" ? { ...check, http: { ...check.http, headers: { authorization } } } : check,
  );
  return { ...READY_CHECKS, checks };
}

const kept = (layout: Layout) => JSON.parse(readFileSync(layout.secretsFile, "utf8")) as [string, string][];

test("the secrets that checks use are kept under keyed digests, for the owner only", () => {
  const layout = place();
  const plan = sealAndKeep(layout, checksWith("Bearer hunter2-extended"), [
    "hunter2-extended",
    "unused-value",
  ]);
  expect(JSON.stringify(plan)).not.toContain("hunter2");
  const digest = keyedDigest(layout, "hunter2-extended");
  expect(JSON.stringify(plan)).toContain(`Bearer {{sealed:${digest}}}`);
  expect(kept(layout)).toEqual([[digest, "hunter2-extended"]]);
  expect(statSync(layout.secretsFile).mode & 0o777).toBe(0o600);
  expect(createLookup(layout)(digest)).toBe("hunter2-extended");
  // Another service's key gives another digest.
  expect(
    JSON.stringify(sealAndKeep(place(), checksWith("Bearer hunter2-extended"), ["hunter2-extended"])),
  ).not.toContain(digest);
});

test("without secrets in the checks nothing is written, and nothing new rewrites no file", () => {
  const layout = place();
  expect(sealAndKeep(layout, READY_CHECKS, ["unused-value"])).toEqual(READY_CHECKS);
  expect(existsSync(layout.root)).toBe(false);
  sealAndKeep(layout, checksWith("hunter2"), ["hunter2"]);
  const { ino } = statSync(layout.secretsFile);
  sealAndKeep(layout, checksWith("hunter2"), ["hunter2"]);
  expect(statSync(layout.secretsFile).ino).toBe(ino);
});

test("the last 200 are kept, and whatever a slot was told", () => {
  const layout = place();
  const add = (n: number) =>
    sealAndKeep(layout, checksWith(`always-used one-time-${n}.`), ["always-used", `one-time-${n}.`]);
  writeFileSync(layout.slotsFile, JSON.stringify(add(1)));
  for (let n = 2; n <= 210; n++) add(n);
  const values = kept(layout).map(([, value]) => value);
  // `always-used` counts as used each time; of the others the first 10 are too many, the first of them is told.
  expect(values).toHaveLength(201);
  expect(values).toContain("always-used");
  expect(values).toContain("one-time-1.");
  expect(values).not.toContain("one-time-11.");
  expect(values).toContain("one-time-12.");
});

test("what processes add at the same time is all kept", async () => {
  const layout = place();
  const program = `
    const { sealAndKeep } = await import(${JSON.stringify(pathToFileURL(join(import.meta.dirname, "secrets.ts")).href)});
    const [layout, checks, name] = JSON.parse(process.argv[1]);
    const [check] = checks.checks;
    for (let n = 0; n < 10; n++) {
      const secret = name + "-" + n + ".";
      const http = { ...check.http, headers: { authorization: secret } };
      sealAndKeep(layout, { ...checks, checks: [{ ...check, http }] }, [secret]);
    }`;
  const runs = ["first", "second", "third"].map((name) => {
    const child = spawn(
      process.execPath,
      ["--input-type=module", "-e", program, JSON.stringify([layout, READY_CHECKS, name])],
      { stdio: "inherit" },
    );
    return new Promise((resolve) => child.once("close", resolve));
  });
  expect(await Promise.all(runs)).toEqual([0, 0, 0]);
  expect(new Set(kept(layout).map(([, value]) => value)).size).toBe(30);
  expect(readdirSync(layout.root).filter((name) => name.endsWith(".tmp"))).toEqual([]);
});

/** Its check is answered with 200 only with the right header. */
const GUARDED = `
import { createServer } from "node:http";
createServer((request, response) => {
  response.statusCode = request.headers.authorization === process.env.TOKEN ? 200 : 401;
  response.end("asked with " + request.headers.authorization);
}).listen(Number(process.env.PORT), "127.0.0.1");
`;

test("the agent asks with the secret; a secret that it cannot find is no failure and no pass", async () => {
  const t = testService();
  services.push(t);
  await t.agent();
  const secret = "hunter2-extended";
  const checks = sealAndKeep(t.layout, checksWith(secret), [secret]);
  const file = textOf(t.layout.secretsFile);
  rmSync(t.layout.secretsFile);
  const revision = t.release("v1", { env: { TOKEN: secret }, files: { "server.mjs": GUARDED } });
  const { fence, version } = await t.call("observe", { slot: "blue" });
  await t.call("ensure", {
    slot: "blue",
    want: spec(revision, 1, checks),
    expect: version,
    fence: fence + 1,
    intent: "i1",
  });
  const phase = async () => (await t.call("observe", { slot: "blue" })).value.replicas[0]?.phase;
  const { replicas } = await until(
    "its port is known",
    () => t.call("reach", { slot: "blue" }),
    (reach) => reach.replicas.length === 1,
  );
  const address = `http://127.0.0.1:${replicas[0]?.port}`;
  await until(
    "it answers",
    () =>
      fetch(address).then(
        ({ status }) => status,
        () => 0,
      ),
    (status) => status === 401,
  );
  expect(await phase()).toBe("starting");
  writeFileSync(t.layout.secretsFile, file, { mode: 0o600 });
  await until("it is ready", phase, (each) => each === "ready");
  expect(textOf(t.layout.slotsFile)).not.toContain(secret);
  expect(textOf(t.layout.agentLog)).not.toContain(secret);
});
