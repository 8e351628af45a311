import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { until } from "../../../../test/e2e/processes.ts";
import type { Api } from "../api/api.ts";
import { printed } from "./command.ts";
import { pick, readTemplate, type ReadTemplate } from "./source.ts";
import type { TemplateSource } from "../settings.ts";

const folder = mkdtempSync(join(tmpdir(), "teal-template-"));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => void vi.unstubAllEnvs());

const CALL = { signal: new AbortController().signal };
/** None of these sources asks the API server. */
const NO_API = undefined as unknown as Api;

const DEPLOYMENT = `apiVersion: apps/v1
kind: Deployment
metadata: { name: shop }
spec:
  selector: { matchLabels: { app: shop } }
  template:
    metadata: { labels: { app: shop } }
    spec:
      containers: [{ name: web, image: "shop:v1" }]
`;
const named = (name: string) => DEPLOYMENT.replace("name: shop", `name: ${name}`);

function refusal(read: ReadTemplate) {
  if (read.is !== "refused") throw new Error("not refused");
  return [read.cause.code, read.cause.message] as const;
}

const from = (template: TemplateSource) =>
  readTemplate(NO_API, { service: "store", namespace: "shop", template }, CALL);
const choose = (text: string, wanted?: string) => pick(text, "shop.yaml", wanted, { namespace: "shop" });

describe("the Deployment among the documents", () => {
  test("is the only one, with what lies beside it in this namespace", () => {
    const other =
      "---\nkind: Service\nmetadata: { name: a }\nspec: {}\n---\nkind: Service\nmetadata: { name: b, namespace: x }\nspec: {}\n";
    const read = choose(`${DEPLOYMENT}${other}---\nkind: Secret\nmetadata: { name: c, namespace: shop }\n`);
    expect(read).toMatchObject({
      is: "read",
      template: { origin: "shop.yaml:1:1", own: { matchLabels: { app: "shop" } } },
    });
    const beside = read.is === "read" ? read.template.beside : [];
    expect(beside.map(({ metadata }) => metadata.name)).toEqual(["a", "c"]);
  });

  test("is the named one of several; without a name they are told", () => {
    const both = `${named("web")}---\n${named("worker")}`;
    expect(choose(both, "worker")).toMatchObject({ is: "read", template: { origin: "shop.yaml:11:1" } });
    expect(refusal(choose(both))).toEqual([
      "TEAL-K275",
      "shop.yaml has 2 Deployments: web (shop.yaml:1:1), worker (shop.yaml:11:1)",
    ]);
    expect(refusal(choose(both, "shop"))).toEqual([
      "TEAL-K275",
      "shop.yaml has no Deployment shop; it has web (shop.yaml:1:1), worker (shop.yaml:11:1)",
    ]);
    expect(refusal(choose(`${DEPLOYMENT}---\n${DEPLOYMENT}`, "shop"))[1]).toContain("more than once");
  });

  test.each([
    ["# empty\n", "shop.yaml has no Deployment; it is empty"],
    [
      "kind: Service\nmetadata: { name: a }\n---\nkind: Ingress\nmetadata: { name: a }\n",
      "shop.yaml has no Deployment; it has Service, Ingress",
    ],
    [
      "kind: Service\nmetadata: { name: a }\n---\nkind: StatefulSet\nmetadata: { name: db }\n",
      "shop.yaml has no Deployment: StatefulSet db (shop.yaml:4:1) cannot be a slot: its pods have names and volumes of their own, which two slots cannot both have",
    ],
    [
      "kind: DaemonSet\nmetadata: { name: agent }\n",
      "shop.yaml has no Deployment: DaemonSet agent (shop.yaml:1:1) cannot be a slot: it runs one pod on every node, so that two slots would compete for the nodes' ports",
    ],
  ])("is none: %j", (text, message) => {
    expect(refusal(choose(text))).toEqual(["TEAL-K275", message]);
  });

  test("is refused for another namespace, and for another version of the API", () => {
    const elsewhere = DEPLOYMENT.replace("{ name: shop }", "{ name: shop, namespace: staging }");
    expect(refusal(choose(elsewhere))).toEqual([
      "TEAL-K276",
      "shop.yaml:1:1: Deployment shop is for namespace staging, the service's is shop",
    ]);
    expect(refusal(choose(DEPLOYMENT.replace("apps/v1", "extensions/v1beta1")))[1]).toContain(
      "is of extensions/v1beta1, which is not apps/v1",
    );
  });

  test.each([
    [
      "matchLabels: { app: shop }",
      "matchLabels: { app: 7 }",
      "shop.yaml:5:35: spec.selector.matchLabels.app must be text: quote 7",
    ],
    [
      "labels: { app: shop }",
      "labels: { app: shop, version: 1.10 }",
      "shop.yaml:7:47: spec.template.metadata.labels.version must be text: quote 1.1",
    ],
    [
      "{ name: shop }",
      "{ name: shop, annotations: { a: yes } }",
      "shop.yaml:3:43: metadata.annotations.a must be text: quote true",
    ],
    [
      '[{ name: web, image: "shop:v1" }]',
      "[]",
      "shop.yaml:9:19: spec.template.spec.containers must be a list of at least one",
    ],
    [
      '[{ name: web, image: "shop:v1" }]',
      "[{ image: x }]",
      "shop.yaml:9:20: spec.template.spec.containers[0] has no name",
    ],
    ['image: "shop:v1"', "image: 7", "shop.yaml:9:40: spec.template.spec.containers[0].image must be text"],
    [
      'image: "shop:v1"',
      "env: { A: b }",
      "shop.yaml:9:38: spec.template.spec.containers.0.env must be a list of maps",
    ],
    ["  selector: { matchLabels: { app: shop } }\n", "", "shop.yaml:5:3: spec.selector is missing"],
    [
      '    spec:\n      containers: [{ name: web, image: "shop:v1" }]\n',
      "",
      "shop.yaml:7:5: spec.template.spec is missing",
    ],
  ])("with %j as %j is refused by its position", (found, instead, message) => {
    expect(DEPLOYMENT).toContain(found);
    expect(refusal(choose(DEPLOYMENT.replace(found, instead)))).toEqual(["TEAL-K273", message]);
  });

  test("with a ConfigMap or a Service beside it that is none is refused by its position", () => {
    const ports = "---\nkind: Service\nmetadata: { name: a }\nspec:\n  ports: { http: 80 }\n";
    expect(refusal(choose(`${DEPLOYMENT}${ports}`))[1]).toBe(
      "shop.yaml:14:10: spec.ports must be a list of maps",
    );
    const map = "---\nkind: ConfigMap\nmetadata: { name: a }\ndata:\n  port: 8080\n";
    expect(refusal(choose(`${DEPLOYMENT}${map}`))[1]).toBe(
      "shop.yaml:14:9: data.port must be text: quote 8080",
    );
  });
});

describe("a file", () => {
  test("is read; one that cannot be is refused by its path", async () => {
    const path = join(folder, "shop.yaml");
    writeFileSync(path, DEPLOYMENT);
    expect(await from({ from: "file", path })).toMatchObject({
      is: "read",
      template: { origin: "shop.yaml:1:1" },
    });
    const missing = join(folder, "missing.yaml");
    expect(refusal(await from({ from: "file", path: missing }))).toEqual([
      "TEAL-K272",
      `the template ${missing} could not be read (ENOENT)`,
    ]);
  });
});

describe("a command", () => {
  const sh = (script: string) => ["/bin/sh", "-c", script];
  const run = (script: string, more: object = {}) => printed(sh(script), { folder, ...CALL, ...more });

  test("prints the template, in its folder", async () => {
    writeFileSync(join(folder, "printed.yaml"), DEPLOYMENT);
    const command = sh("cat printed.yaml");
    expect(await from({ from: "command", command, folder })).toMatchObject({
      is: "read",
      template: { origin: "output of /bin/sh -c:1:1" },
    });
  });

  test("that fails is refused with the end of its complaint", async () => {
    const script = "for i in $(seq 1 50); do echo line $i >&2; done; echo half a document; exit 3";
    const ran = await run(script);
    expect(ran).toMatchObject({ is: "refused", cause: { code: "TEAL-K274" } });
    const { message = "", evidence = [] } = ran.is === "refused" ? ran.cause : {};
    expect(message).toMatch(/failed with exit code 3$/);
    expect([evidence.length, evidence[0], evidence.at(-1)]).toEqual([20, "line 31", "line 50"]);
  });

  test("shows no secret of its environment, nor one it was told of", async () => {
    vi.stubEnv("CHART_REPO_PASSWORD", "hunter22-of-the-environment");
    const ran = await run('echo "login $CHART_REPO_PASSWORD / told-secret-value refused" >&2; exit 1', {
      secrets: ["told-secret-value"],
    });
    expect(JSON.stringify(ran)).not.toMatch(/hunter22|told-secret-value /);
    expect(ran).toMatchObject({ cause: { evidence: ["login [redacted] / [redacted] refused"] } });
  });

  test("that does not end in time is ended", async () => {
    const ran = await run("sleep 600", { within: 100 });
    expect(ran).toMatchObject({
      cause: { message: expect.stringContaining("did not end within 0.1 s") as string },
    });
  });

  test("that is interrupted is ended with all it started", async () => {
    const pidFile = join(folder, "pid");
    const controller = new AbortController();
    const script = `sleep 600 & echo $! > ${pidFile}.made; mv ${pidFile}.made ${pidFile}; wait`;
    const running = run(script, { signal: controller.signal });
    await until("the program to have started another", () => existsSync(pidFile));
    controller.abort();
    expect(await running).toMatchObject({
      cause: { message: expect.stringContaining("was interrupted") as string },
    });
    const pid = Number(readFileSync(pidFile, "utf8"));
    await until("that one to be gone", () => !isRunning(pid));
  });

  test("that is not there is refused", async () => {
    const ran = await printed(["teal-no-such-program"], { folder, ...CALL });
    expect(ran).toMatchObject({
      cause: {
        message:
          "the template's command teal-no-such-program could not be started: spawn teal-no-such-program ENOENT",
      },
    });
  });

  test("that prints without end is ended", async () => {
    const ran = await run("yes");
    expect(ran).toMatchObject({
      cause: { message: expect.stringContaining("printed more than 32 MiB") as string },
    });
  });
});

test("an image and its port are a template of their own", async () => {
  const read = await from({ from: "image", image: "registry.example/shop:v1", port: 8080 });
  expect(read).toMatchObject({
    is: "read",
    template: { origin: "image registry.example/shop:v1", deployment: { metadata: { name: "store" } } },
  });
  expect(read.is === "read" && "own" in read.template).toBe(false);
  const [container] = read.is === "read" ? read.template.deployment.spec.template.spec.containers : [];
  expect(container).toMatchObject({ readinessProbe: { tcpSocket: { port: 8080 } } });
});

/** A killed process may be a zombie until its parent looks: that is not running. */
function isRunning(pid: number): boolean {
  const stat = `/proc/${pid}/stat`;
  return existsSync(stat) && !/\) [ZX] /.test(readFileSync(stat, "utf8"));
}
