import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { ProcessIdentity } from "../targets/local/identity.ts";
import type { Status } from "../api/status.ts";
import { resultOf, TestService } from "./testing.ts";

/** Secrets in checks, through the command line and its configuration, on a real service that insists on them. */

const env = { TOKEN: 'tok3n-A+b/"c"_7781', BODY: "b0dy & s3cret=<1>", PASSWORD: "pa55word&more" };
const planted = { ...env };

/** Every check is 401 without the token, and the deep one without the body, too. */
const SERVER = `
import http from "node:http";
http.createServer(async (request, response) => {
  let body = "";
  for await (const part of request) body += part;
  const { TOKEN, BODY } = process.env;
  const welcome = request.headers.authorization === "Bearer " + TOKEN && (request.url !== "/deep" || body === "q=" + BODY);
  response.writeHead(welcome ? 200 : 401, { "x-answer": TOKEN });
  response.end("asked with " + request.headers.authorization + " " + body);
}).listen(Number(process.argv.at(-1)), "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

/** The deep check also expects a secret in the answer. The server is told its secrets in the file, so that they stay. */
const config = (strategy: string) => `teal: 1
service: shop
target:
  local:
    listen: 127.0.0.1:0
    command: node server.mjs {port}
    replicas: 1
    stopGrace: 1s
    env: { TOKEN: "${planted.TOKEN.replaceAll('"', '\\"')}", BODY: "${planted.BODY}", EXPECTED: "${planted.PASSWORD}" }
strategy: { blueGreen: ${strategy} }
health:
  ready: { http: { path: /ready, send: { headers: { authorization: "Bearer \${TOKEN}" } } } }
  deep:
    - http:
        path: /deep
        method: POST
        send: { headers: { authorization: "Bearer \${TOKEN}" }, body: "q=\${BODY}" }
        body: { contains: ["\${BODY}"] }
    - exec: test "$EXPECTED" = '\${PASSWORD}'
  window: { of: 2, passes: 1, consecutive: 1, interval: 50ms, deadline: 5s }
`;

const service = new TestService({ env });
afterAll(() => service.dispose());
const root = join(service.state, "shop.default");
const outputs: string[] = [];

function configure(strategy: string): void {
  writeFileSync(join(service.source, "teal.yaml"), config(strategy));
}

async function say(...words: string[]): Promise<number | null> {
  return heard(await service.teal(...words)).code;
}

function heard<T extends { readonly out: string; readonly err: string }>(ran: T): T {
  outputs.push(ran.out, ran.err);
  return ran;
}

test("looking at a service that was never deployed writes nothing", async () => {
  writeFileSync(join(service.source, "server.mjs"), SERVER);
  configure("{ bake: 200ms, keepWarm: 10m, drain: 1s }");
  expect(await say("status")).toBe(0);
  expect(() => statSync(root)).toThrow("ENOENT");
});

test("checks with secrets pass; a plan made before is carried out", async () => {
  expect(await say("deploy", "v1", "--json")).toBe(0);
  expect(await say("health")).toBe(0);
  const file = join(service.folder, "plan.json");
  expect(await say("plan", "v2", "--json")).toBe(0);
  expect(await say("plan", "v2", "--out", file)).toBe(0);
  const plan = readFileSync(file, "utf8");
  outputs.push(plan);
  expect(plan).toMatch(/"Bearer \{\{sealed:[0-9a-f]{16}\}\}"/u);
  expect(await say("deploy", "v2", "--plan", file)).toBe(0);
});

test("looking writes nothing either where secrets are kept", async () => {
  const file = join(root, "secrets.json");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const { ino } = statSync(file);
  expect(await say("status")).toBe(0);
  expect(await say("health")).toBe(0);
  expect(statSync(file).ino).toBe(ino);
});

test("after the agent was killed, the next one asks with the secrets, too", async () => {
  const { pid } = JSON.parse(readFileSync(join(root, "agent.pid.json"), "utf8")) as ProcessIdentity;
  process.kill(pid, "SIGKILL");
  // Bounded by the test's deadline. A new agent calls a replica ready only once its own check has passed.
  let phase: unknown;
  while (phase !== "ready") {
    const status = resultOf(heard(await service.teal("status", "--json")));
    const { green } = (status["observed"] as Status["observed"]).slots;
    phase = green.is === "seen" ? green.value.replicas[0]?.phase : undefined;
  }
  const next = JSON.parse(readFileSync(join(root, "agent.pid.json"), "utf8")) as ProcessIdentity;
  expect(next.pid).not.toBe(pid);
});

test("a deployment that was killed is resumed with its own secrets, by a process that has other ones", async () => {
  configure("{ bake: 2s, keepWarm: 0s, drain: 1s }");
  const deploying = service.start("deploy", "v3");
  while (!deploying.output().includes("✓ cutover")) await new Promise((resolve) => setTimeout(resolve, 20));
  process.kill(deploying.pid, "SIGKILL");
  heard(await deploying.ended);
  // With what a process that ended properly would have cleared away, such as the journal's `-wal`.
  expectClean(ownFiles(root));
  Object.assign(env, { TOKEN: "rotated-token", BODY: "rotated-body", PASSWORD: "rotated-password" });
  expect(await say("resume", "-v")).toBe(0);
  // By its own configuration, the rotated one, the service is not healthy: the checks do tell.
  const { code, out } = heard(await service.teal("health"));
  expect(code).toBe(5);
  expect(out).toContain("expected 2xx, got 401");
  expect(out).toContain("exit 1");
  Object.assign(env, planted);
  expect(resultOf(heard(await service.teal("status", "--json")))).toMatchObject({
    serves: { revision: "v3" },
  });
});

test("no secret is in an output or in a file, but for the one that keeps them", async () => {
  for (const words of [
    ["status", "--json"],
    ["history", "--json"],
    ["check", "--json"],
    ["logs", "--json"],
    ["plan", "v4", "--compare", "--json"],
  ])
    await say(...words);
  const files = ownFiles(root);
  for (const name of ["journal.db", "slots.json", "agent.log"]) expect(files).toContain(join(root, name));
  expectClean(files);
  for (const form of formsOf(planted)) for (const output of outputs) expect(output).not.toContain(form);
  const kept = JSON.parse(readFileSync(join(root, "secrets.json"), "utf8")) as [string, string][];
  expect(kept.map(([, value]) => value)).toEqual(expect.arrayContaining(Object.values(planted)));
});

function expectClean(files: readonly string[]): void {
  for (const form of formsOf(planted))
    for (const file of files) expect(readFileSync(file).includes(form), file).toBe(false);
}

/** As they are, in JSON, and in JSON within JSON. */
function formsOf(secrets: Readonly<Record<string, string>>): readonly string[] {
  const inJson = (text: string) => JSON.stringify(text).slice(1, -1);
  return Object.values(secrets).flatMap((secret) => [secret, inJson(secret), inJson(inJson(secret))]);
}

/** Every file Teal keeps, but for the secrets, the releases with their environment and what replicas wrote themselves. */
function ownFiles(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory())
      return ["releases", "logs", "replicas"].includes(entry.name) ? [] : ownFiles(path);
    return entry.isFile() && entry.name !== "secrets.json" ? [path] : [];
  });
}
