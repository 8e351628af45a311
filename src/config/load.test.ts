import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkMatch } from "../health/body.ts";
import { loadConfig, type LoadInput } from "./load.ts";
import { formatProblems } from "./problem.ts";

const MINIMAL = `target:
  local:
    listen: 8080
    command: node server.js --port {port}
`;

function load(text: string, more: Partial<LoadInput> = {}) {
  return loadConfig({ text, cwd: "/srv/shop", env: {}, ...more });
}

async function valid(text: string, more?: Partial<LoadInput>) {
  const loaded = await load(text, more);
  if (loaded.is === "invalid") throw new Error(formatProblems(loaded.problems, { color: false }));
  return loaded;
}

async function report(text: string, more?: Partial<LoadInput>) {
  const loaded = await load(text, more);
  return loaded.is === "invalid" ? formatProblems(loaded.problems, { color: false }) : "no problems";
}

describe("what is inferred", () => {
  test("the service from the folder, the environment, and a note on the missing check", async () => {
    const { config, notes, file } = await valid(MINIMAL);
    expect(file).toBe("/srv/shop/teal.yaml");
    expect(config).toEqual({
      service: "shop",
      environment: "default",
      folder: "/srv/shop",
      target: { local: { listen: "0.0.0.0:8080", command: "node server.js --port {port}" } },
    });
    expect(notes).toEqual([
      "service: shop (the folder's name)",
      "health.ready: a TCP connection to the replica's port (no check is configured; an HTTP check proves more)",
    ]);
  });

  test("a folder whose name is no service name", async () => {
    const { config } = await valid(MINIMAL, { cwd: "/srv/My Shop (2)" });
    expect(config.service).toBe("my-shop-2");
  });
});

describe("variables", () => {
  test("are put into values, typed when unquoted, and kept as text below env", async () => {
    const text = `service: shop
target:
  local:
    listen: \${PORT}
    replicas: \${N:-3}
    command: "echo $\${HOME} \${GREETING}"
    env: { ZIP: 01234, FROM: "\${ZIP}", EMPTY: "\${EMPTY:-fallback}", VERSION: 1.10, ON: true }
`;
    const { config } = await valid(text, {
      env: { PORT: "9000", GREETING: "a: {b}\nc: d", ZIP: "00501", EMPTY: "" },
    });
    expect(config.target.local).toEqual({
      listen: "0.0.0.0:9000",
      replicas: 3,
      command: "echo ${HOME} a: {b}\nc: d",
      env: { ZIP: "01234", FROM: "00501", EMPTY: "fallback", VERSION: "1.10", ON: "true" },
    });
  });

  test("what a variable brings is not substituted again", async () => {
    const { config } = await valid(MINIMAL.replace("node server.js", "${A}"), {
      env: { A: "${B}", B: "boom" },
    });
    expect(config.target.local?.command).toBe("${B} --port {port}");
  });

  test("are secrets, but not where everybody may see them", async () => {
    const text = `${MINIMAL.replace("8080", "${PORT}")}    env: { DB: "\${DB}", MODE: "\${MODE}", PIN: "\${PIN}" }\n`;
    const { secrets } = await valid(text, {
      env: { PORT: "9000", DB: "postgres://u:p@h", MODE: "production", PIN: "123" },
    });
    expect(secrets).toEqual(["postgres://u:p@h"]);
  });
});

/** Whether they are expressions depends on the flags, or looks as if it did. */
const EXPRESSIONS = [
  "version \\d+",
  "\\u{1F600}",
  "\\p{L}",
  "{",
  "a{,5}",
  "[\\w-a]",
  "[[a]--[b]]",
  "\\k<name>",
  "(?<year>x)\\k<month>",
  "(?i:shop)",
  "(?<=a)b",
  "(?<!a",
  "a**",
  "[z-a]",
  "\\",
];

test.each(EXPRESSIONS)(
  "the expression %s is accepted here if and only if a probe can use it",
  async (source) => {
    const check = { http: { path: "/x", body: { matches: source }, headers: { etag: source } } };
    const loaded = await load(`${MINIMAL}health: { deep: [${JSON.stringify(check)}] }\n`);
    const found = checkMatch("text", source, "body");
    const usable = found.is === "met" || found.actual === undefined;
    expect(loaded.is).toBe(usable ? "config" : "invalid");
  },
);

describe("environments", () => {
  const text = `service: shop
target:
  local: { listen: 8080, command: run, env: { A: base, B: base } }
strategy: { blueGreen: { bake: 10s } }
health: { deep: [/a, /b] }
environments:
  staging: {}
  production:
    target: { local: { env: { B: production } } }
    strategy: { canary: { shifts: [5] } }
    health: { deep: [/c] }
`;

  test("merge maps, replace lists, and choose anew among strategies", async () => {
    const { config, sources } = await valid(text, { environment: "production" });
    expect(config.environment).toBe("production");
    expect(config.target.local?.env).toEqual({ A: "base", B: "production" });
    expect(config.strategy).toEqual({ canary: { shifts: [{ share: 5 }] } });
    expect(config.health?.deep).toEqual(["/c"]);
    expect(sources.find(({ path }) => path === "target.local.env.B")).toEqual({
      path: "target.local.env.B",
      written: "environments.production.target.local.env.B",
      line: 9,
      variables: [],
    });
  });

  test("one that changes nothing", async () => {
    const { config } = await valid(text, { environment: "staging" });
    expect(config.strategy).toEqual({ blueGreen: { bake: 10_000 } });
  });

  test("may bring what the base does not have, and need variables only where they are chosen", async () => {
    const split = `service: shop
environments:
  one: { target: { local: { listen: 1, command: run } } }
  two: { target: { local: { listen: 2, command: "\${TWO}" } } }
  three: { target: { aws: { region: eu-central-1 } } }
`;
    expect((await valid(split, { environment: "one" })).config.target.local?.listen).toBe("0.0.0.0:1");
    expect(await report(split, { environment: "two" })).toContain("TEAL-C108");
    expect(await report(split, { environment: "three" })).toContain("TEAL-C105");
  });
});

test("an environment in a cluster takes the place of this machine", async () => {
  const text = `service: shop
target:
  local: { listen: 8080, command: run, replicas: 2 }
strategy: { rolling: { batch: 2 } }
environments:
  local: {}
  production: { target: { kubernetes: { context: prod-eu, namespace: shop, template: deployment/shop } } }
  staging: { target: { kubernetes: { context: "\${CONTEXT}", namespace: stage, template: { command: "helm template --set pw=\${PW}" } } } }
`;
  const { config } = await valid(text, { environment: "production" });
  expect(config.target).toEqual({
    kubernetes: { context: "prod-eu", namespace: "shop", template: "deployment/shop" },
  });
  expect((await valid(text, { environment: "local" })).config.target.local?.replicas).toBe(2);
  const env = { CONTEXT: "stage-eu", PW: "hunter-two" };
  expect((await valid(text, { environment: "staging", env })).secrets).toEqual(["hunter-two"]);
});

test("an environment in an AWS account takes the place of this machine, and a way to the idle slot that of another", async () => {
  const text = `service: shop
target: { local: { listen: 8080, command: run } }
environments:
  base: {}
  production: { target: { aws: { account: "\${ACCOUNT}", listener: shop-alb:443, reach: { headerRule: { value: "\${SECRET}" } } } } }
  bare:
    target:
      aws:
        account: \${ACCOUNT}
        listener: [shop-alb:80, shop-alb:443]
`;
  const env = { ACCOUNT: "111122223333", SECRET: "hunter-two" };
  const production = await valid(text, { environment: "production", env });
  expect(production.config.target).toEqual({
    aws: {
      account: "111122223333",
      listener: ["shop-alb:443"],
      reach: { headerRule: { value: "hunter-two" } },
    },
  });
  expect(production.secrets).toEqual(["hunter-two"]);
  const bare = await valid(text, { environment: "bare", env });
  expect(bare.config.target.aws?.account).toBe("111122223333");

  const over = `target: { aws: { account: "111122223333", listener: a:1, reach: { headerRule: { header: x-a } } } }
environments: { test: { target: { aws: { reach: { testListener: a:2 } } } } }
`;
  const { config } = await valid(over, { environment: "test" });
  expect(config.target.aws?.reach).toEqual({ testListener: "a:2" });
});

test("another source of the template leaves nothing of the one below, the same one is merged", async () => {
  const text = `service: shop
target: { kubernetes: { context: a, namespace: shop, template: { file: all.yaml, deployment: shop } } }
environments:
  image: { target: { kubernetes: { template: { image: shop, port: 80 } } } }
  file: { target: { kubernetes: { template: { file: other.yaml } } } }
`;
  const templateOf = async (environment: string) =>
    (await valid(text, { environment })).config.target.kubernetes?.template;
  expect(await templateOf("image")).toEqual({ image: "shop", port: 80 });
  expect(await templateOf("file")).toEqual({ file: "other.yaml", deployment: "shop" });
});

describe("services", () => {
  const two = `health: { ready: /health }
services:
  web: { target: { local: { listen: 8080, command: web } } }
  api: { target: { local: { listen: 8081, command: api } }, health: { ready: /up } }
environments:
  production:
    health: { timeout: 1s }
    services: { api: { target: { local: { listen: 81 } } } }
`;

  test("are laid over the top, below the environment", async () => {
    const api = await valid(two, { service: "api", environment: "production" });
    expect(api.config.service).toBe("api");
    expect(api.config.target.local).toEqual({ listen: "0.0.0.0:81", command: "api" });
    expect(api.config.health).toEqual({ ready: "/up", timeout: 1000 });
    const web = await valid(two, { service: "web", environment: "production" });
    expect(web.config.health).toEqual({ ready: "/health", timeout: 1000 });
  });

  test("a single one is meant", async () => {
    const { config } = await valid("services: { web: { target: { local: { listen: 1, command: web } } } }\n");
    expect(config.service).toBe("web");
  });
});

describe("files", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "teal-config-"));
    await mkdir(join(folder, "shop/deep/er"), { recursive: true });
    await writeFile(join(folder, "shop/teal.yaml"), `${MINIMAL}    envFile: .env\n`);
    await writeFile(join(folder, "shop/.env"), 'TOKEN="planted-in-env-file"\nMODE=production\n');
  });
  afterAll(() => rm(folder, { recursive: true }));

  test("are found upwards, and the env file's values are secrets", async () => {
    const loaded = await loadConfig({ cwd: join(folder, "shop/deep/er"), env: {} });
    expect(loaded).toMatchObject({
      is: "config",
      file: join(folder, "shop/teal.yaml"),
      secrets: ["planted-in-env-file"],
    });
  });

  test("an env file's values are covered in problems", async () => {
    const text = `${MINIMAL}    envFile: .env\n    planted-in-env-file: 1\n`;
    expect(await report(text, { cwd: join(folder, "shop") })).toContain(`    [redacted]: 1\n      ^`);
  });

  test("none, a missing one and a folder", async () => {
    expect(await loadConfig({ cwd: folder, env: {} })).toEqual({
      is: "invalid",
      problems: [
        {
          file: "teal.yaml",
          line: 1,
          column: 1,
          path: "",
          message: "no teal.yaml here or in a folder above; write one, or name it with --config",
          code: "TEAL-C112",
          excerpt: "",
        },
      ],
    });
    for (const [path, why] of [
      ["nope.yaml", "there is no such file"],
      ["shop", "it is a folder"],
    ] as const) {
      const loaded = await loadConfig({ cwd: folder, path, env: {} });
      expect(loaded.is === "invalid" && loaded.problems[0]?.message).toBe(`cannot be read: ${why}`);
    }
  });
});
