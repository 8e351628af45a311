import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pin, type Environment } from "./kubeconfig.ts";

let folder: string;
let paths: Record<"first" | "second" | "broken", string>;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "teal-kubeconfig-"));
  paths = { first: join(folder, "first"), second: join(folder, "second"), broken: join(folder, "broken") };
  writeFileSync(
    paths.first,
    `
current-context: other
clusters:
- name: shared
  cluster: { server: "https://first.test:6443/", certificate-authority: pki/ca.crt, tls-server-name: api.test }
- { name: oops }
users:
- name: ci
  user: { tokenFile: secrets/token, as: deployer, as-groups: [ops] }
- name: cloud
  user: { exec: { apiVersion: client.authentication.k8s.io/v1, command: ./bin/login } }
- name: plain
  user: { exec: { apiVersion: client.authentication.k8s.io/v1, command: login } }
contexts:
- name: prod-eu
  context: { cluster: shared, user: ci, namespace: shop }
- name: cloud
  context: { cluster: shared, user: cloud }
- name: plain
  context: { cluster: shared, user: plain }
- name: lost
  context: { cluster: nowhere, user: ci }
- name: nobody
  context: { cluster: shared, user: stranger }
`,
  );
  writeFileSync(
    paths.second,
    JSON.stringify({
      clusters: [{ name: "shared", cluster: { server: "https://second.test" } }],
      contexts: [
        { name: "prod-eu", context: { cluster: "shared", user: "ci", namespace: "other" } },
        { name: "anonymous", context: { cluster: "shared" } },
      ],
    }),
  );
  writeFileSync(paths.broken, "users: [{name: x, user: {token: very-secret-token\n  - }}");
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const both = (): Environment => ({
  KUBECONFIG: [paths.first, join(folder, "missing"), paths.second].join(delimiter),
});
const context = (name: string, environment: Environment = both()) =>
  pin({ by: "context", context: name }, environment);

describe("a context", () => {
  it("is the named one, not the current; the first file that defines a name decides; paths start at their file", async () => {
    expect(await context("prod-eu")).toMatchObject({
      name: "prod-eu",
      namespace: "shop",
      source: paths.first,
      groups: ["ops"],
      cluster: {
        server: "https://first.test:6443",
        caFile: join(folder, "pki/ca.crt"),
        tlsServerName: "api.test",
      },
      user: {
        impersonateUser: "deployer",
        authProvider: { name: "tokenFile", config: { tokenFile: join(folder, "secrets/token") } },
      },
    });
  });

  it("takes a program beside its file, or from PATH", async () => {
    expect(await context("cloud")).toMatchObject({ user: { exec: { command: join(folder, "bin/login") } } });
    expect(await context("plain")).toMatchObject({ user: { exec: { command: "login" } } });
  });

  it("may have no user", async () => {
    expect(await context("anonymous")).toMatchObject({ cluster: { server: "https://first.test:6443" } });
  });

  it("is found in the home directory, or in the file that is given", async () => {
    const home = join(folder, "home");
    mkdirSync(join(home, ".kube"), { recursive: true });
    writeFileSync(
      join(home, ".kube/config"),
      "clusters: [{name: c, cluster: {server: 'http://h'}}]\ncontexts: [{name: home, context: {cluster: c}}]",
    );
    expect(await context("home", { HOME: home })).toMatchObject({ cluster: { server: "http://h" } });
    const given = await pin({ by: "context", context: "anonymous", kubeconfig: paths.second }, both());
    expect(given).toMatchObject({ cluster: { server: "https://second.test" } });
  });

  it.each([
    ["prod", "TEAL-K102", "it has anonymous, cloud, lost, nobody, plain, prod-eu"],
    ["lost", "TEAL-K103", 'no cluster "nowhere"'],
    ["nobody", "TEAL-K103", 'no user "stranger"'],
  ])("%s is refused: %s %s", async (name, code, message) => {
    expect(await context(name)).toEqual({ code, message: expect.stringContaining(message) as string });
  });

  it("is refused where its file cannot be read, and no line of the file is quoted", async () => {
    const broken = await context("x", { KUBECONFIG: paths.broken });
    expect(broken).toMatchObject({ code: "TEAL-K101" });
    expect(JSON.stringify(broken)).not.toContain("very-secret");
    expect(await context("x", { KUBECONFIG: join(folder, "missing") })).toMatchObject({ code: "TEAL-K101" });
    expect(await context("x", { HOME: join(folder, "nobody") })).toMatchObject({ code: "TEAL-K101" });
  });
});

describe("the account of a pod", () => {
  it("is read from where Kubernetes puts it", async () => {
    const account = join(folder, "account");
    mkdirSync(account);
    for (const [name, text] of Object.entries({ token: "t", namespace: "shop\n", "ca.crt": "c" })) {
      writeFileSync(join(account, name), text);
    }
    const environment = { KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "6443" };
    expect(await pin({ by: "pod" }, environment, account)).toMatchObject({
      namespace: "shop",
      cluster: { server: "https://[fd00::1]:6443", caFile: join(account, "ca.crt") },
      user: { authProvider: { config: { tokenFile: join(account, "token") } } },
    });
  });

  it("is missing outside of pods, and in pods that have none", async () => {
    expect(await pin({ by: "pod" }, {}, folder)).toMatchObject({ code: "TEAL-K104" });
    expect(await pin({ by: "pod" }, { KUBERNETES_SERVICE_HOST: "10.0.0.1" }, folder)).toMatchObject({
      code: "TEAL-K104",
    });
  });
});
