import fc from "fast-check";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadConfig } from "./load.ts";
import { formatProblems } from "./problem.ts";
import { awsSettingsOf } from "./resolve-aws.ts";
import { kubernetesSettingsOf } from "./resolve-kubernetes.ts";
import { checkPlanOf, localSettingsOf, strategyOf } from "./resolve.ts";

const BY_VARIABLE = "planted-by-variable";
const BY_FILE = "planted-by-file";

const VALID = `teal: 1
service: shop
target:
  local:
    listen: 8080
    command: "node server.js --port {port} --key \${KEY}"
    build: npm ci
    env: { KEY: "\${KEY}", LEVEL: "\${LEVEL:-info}" }
    envFile: .env
    replicas: 2
    streams: { policy: hold, after: 1s }
    trustedProxies: [10.0.0.0/8]
    log: { size: 5MB }
strategy:
  canary: { shifts: [5, "25%", { share: 50, approval: { timeout: 1h } }], watch: 10s, gate: approval }
health: &health
  ready: /health
  deep:
    - http: { path: /db, status: [200, "300-399"], body: { contains: a, json: { "$.a": 1 } }, latency: "< 1s" }
    - tcp: {}
    - exec: ./check.sh \${KEY}
  window: { of: 4, passes: 2 }
errors: { limit: 2%, minRequests: 5 }
environments:
  one: { target: { local: { replicas: 3 } }, health: *health }
  two: { strategy: { rolling: { batch: 2 } }, target: { local: { command: "\${TWO}" } } }
  three:
    health: { deep: [] }
    target:
      kubernetes:
        context: prod-eu
        kubeconfig: clusters/prod.yaml
        namespace: shop
        template: { command: "helm template chart --set key=\${KEY}", deployment: shop }
        metrics: { port: 9090, inFlight: in_flight }
        gateway: { route: shop, testers: { header: { name: x-tester, value: "1" } }, mirror: true }
        liveSecrets: [shop-db]
        propagation: 5s
  four:
    health: { deep: [] }
    target:
      aws:
        account: "111122223333"
        listener: [shop-alb:80, shop-alb:443]
        host: shop.example
        groups: { blue: shop-blue, green: shop-green }
        template: { userData: user-data.sh }
        reach: { headerRule: { header: x-a, value: "\${KEY}" } }
        state: s3://shop-teal/production
        propagation: 5s
`;

const TOKENS = [
  "${KEY}",
  "${",
  "$${",
  "${NOPE}",
  "{",
  "}",
  "[",
  "]",
  ":",
  ": ",
  "- ",
  "\n",
  "  ",
  "\t",
  "'",
  '"',
  "&health",
  "*health",
  "!x ",
  "#",
  "|",
  ">",
  "?",
  "%",
  "---\n",
  "...\n",
  " # x\n",
  "/x",
  "7",
  "3s",
  "null",
  "true",
  "-1",
  "1e999",
  ".nan",
  "0x10",
  "5s",
  "999999h",
  "101%",
  "< 1s",
  "99999",
  "__proto__: 1",
  "constructor: 1",
  "toString: {}",
  "\u0000",
  "\u{1F600}",
  "é",
  "\r",
  "<<: *health",
  BY_FILE,
  "environments: {}",
  "services: { web: {} }",
  "target: { aws: {} }",
  "database: x",
  "blueGreen: {}",
];

type Mutation =
  | { readonly kind: "cut"; readonly at: number; readonly length: number }
  | { readonly kind: "insert"; readonly at: number; readonly token: string }
  | { readonly kind: "value"; readonly at: number; readonly token: string }
  | { readonly kind: "move"; readonly at: number; readonly to: number };

function mutate(text: string, mutation: Mutation): string {
  const at = mutation.at % (text.length + 1);
  switch (mutation.kind) {
    case "cut":
      return text.slice(0, at) + text.slice(at + mutation.length);
    case "insert":
      return text.slice(0, at) + mutation.token + text.slice(at);
    case "value":
      return text.slice(0, at) + text.slice(at).replace(/: [^\n,}]+/, `: ${mutation.token}`);
    case "move": {
      const lines = text.split("\n");
      const [line = ""] = lines.splice(mutation.at % lines.length, 1);
      lines.splice(mutation.to % (lines.length + 1), 0, line);
      return lines.join("\n");
    }
  }
}

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({ kind: fc.constant("cut" as const), at: fc.nat(5000), length: fc.integer({ min: 1, max: 40 }) }),
  fc.record({ kind: fc.constant("insert" as const), at: fc.nat(5000), token: fc.constantFrom(...TOKENS) }),
  fc.record({ kind: fc.constant("value" as const), at: fc.nat(5000), token: fc.constantFrom(...TOKENS) }),
  fc.record({ kind: fc.constant("move" as const), at: fc.nat(100), to: fc.nat(100) }),
);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "teal-mutation-"));
  await writeFile(join(folder, ".env"), `TOKEN=${BY_FILE}\n`);
});
afterAll(() => rm(folder, { recursive: true }));

function load(text: string, environment: string) {
  return loadConfig({ text, cwd: folder, env: { KEY: BY_VARIABLE, TWO: "run two" }, environment });
}

test("the file that is mutated is valid and uses both secrets", async () => {
  const loaded = await load(VALID, "one");
  expect(loaded).toMatchObject({ is: "config", secrets: [BY_VARIABLE, BY_FILE] });
});

test("any mutation gives a configuration that resolves, or problems inside the file without a secret", async () => {
  const seen = { config: 0, invalid: 0 };
  await fc.assert(
    fc.asyncProperty(
      fc.array(mutation, { minLength: 1, maxLength: 3 }),
      fc.constantFrom("one", "two", "three", "four"),
      async (mutations, environment) => {
        const text = mutations.reduce(mutate, VALID);
        const loaded = await load(text, environment);
        seen[loaded.is]++;
        if (loaded.is === "config") {
          expect(strategyOf(loaded.config).kind).toBeTypeOf("string");
          const { checks } = checkPlanOf(loaded.config, loaded.secrets);
          if (loaded.config.target.aws !== undefined) {
            expect(awsSettingsOf(loaded.config).account).toMatch(/^\d{12}$/);
          } else if (loaded.config.target.local === undefined) {
            expect(kubernetesSettingsOf(loaded.config).namespace).toBeTypeOf("string");
          } else {
            expect(checks.length).toBeGreaterThan(0);
            expect(localSettingsOf(loaded.config).source.startsWith("/")).toBe(true);
          }
          return;
        }
        expect(loaded.problems.length).toBeGreaterThan(0);
        const lines = text.split(/\r\n|[\n\r]/);
        for (const { line, column, message, code } of loaded.problems) {
          const source = lines[line - 1];
          expect(source, `${code} ${message} at ${line}:${column}`).toBeDefined();
          expect(column).toBeGreaterThan(0);
          expect(column).toBeLessThanOrEqual((source ?? "").length + 1);
          expect(message).not.toBe("");
          expect(code).toMatch(/^TEAL-C1\d\d$/);
        }
        const printed = JSON.stringify(loaded.problems) + formatProblems(loaded.problems, { color: false });
        expect(printed).not.toContain(BY_VARIABLE);
        // Written into the file by a mutation, it is no secret of the env file where that is not named any more.
        if (!text.includes(BY_FILE)) expect(printed).not.toContain(BY_FILE);
      },
    ),
    { numRuns: 1_500 },
  );
  // Both ends of the property were reached.
  expect(seen.config).toBeGreaterThan(20);
  expect(seen.invalid).toBeGreaterThan(200);
});
