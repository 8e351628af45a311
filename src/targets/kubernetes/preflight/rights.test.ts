import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { Api } from "../api/api.ts";
import { missingRights, rightsFor, roleYaml, type Right } from "./rights.ts";

const OUTSIDE = { routing: { by: "service" }, access: { by: "context", context: "prod" } } as const;
const INSIDE = { routing: { by: "gateway", route: "shop" }, access: { by: "pod" } } as const;

const resources = (rights: readonly Right[]) => rights.map(({ resource }) => resource);

test("what is asked for depends on where Teal runs, what it moves and what the cluster knows", () => {
  const outside = resources(rightsFor(OUTSIDE, { keda: false }));
  expect(outside).toContain("pods/proxy");
  expect(outside).not.toContain("httproutes");
  const inside = resources(rightsFor(INSIDE, { keda: true }));
  expect(inside).not.toContain("pods/proxy");
  expect(inside).toEqual(expect.arrayContaining(["httproutes", "scaledobjects"]));
});

test("nothing outside the namespace, no wildcard, no right without a reason", () => {
  for (const { resource, verbs, why } of rightsFor(INSIDE, { keda: true })) {
    expect(["nodes", "namespaces", "*"]).not.toContain(resource);
    expect(verbs.length).toBeGreaterThan(0);
    expect(why.length).toBeGreaterThan(10);
  }
});

test("the Role as a file has every rule once, with its reason", () => {
  const rights = rightsFor(OUTSIDE, { keda: false });
  const yaml = roleYaml("teal", "shop", rights);
  const role = parse(yaml) as { metadata: object; rules: readonly object[] };
  expect(role.metadata).toEqual({ name: "teal", namespace: "shop" });
  expect(role.rules).toEqual(
    rights.map(({ group, resource, verbs }) => ({ apiGroups: [group], resources: [resource], verbs })),
  );
  for (const { why } of rights) expect(yaml).toContain(`# ${why}`);
});

test("the page on Kubernetes names every resource", () => {
  const page = readFileSync(new URL("../../../../docs/kubernetes.md", import.meta.url), "utf8");
  const section = page.slice(page.indexOf("## Rights"), page.indexOf("## Security"));
  for (const rights of [rightsFor(OUTSIDE, { keda: true }), rightsFor(INSIDE, { keda: true })])
    for (const { resource } of rights) expect(section).toContain(resource);
});

describe("what is missing", () => {
  const RIGHTS: readonly Right[] = [
    { group: "", resource: "pods/log", verbs: ["get"], why: "last lines", need: "helps" },
    { group: "apps", resource: "deployments", verbs: ["get", "patch"], why: "slots", need: "must" },
  ];
  type Attributes = { readonly resource: string; readonly subresource?: string; readonly verb: string };

  /** An API server that answers access reviews, and nothing else. */
  function server(allowed: (of: Attributes) => boolean | "silent"): { api: Api; asked: Attributes[] } {
    const asked: Attributes[] = [];
    const create = async (_path: string, body: { spec: { resourceAttributes: Attributes } }) => {
      const attributes = body.spec.resourceAttributes;
      asked.push(attributes);
      const answer = allowed(attributes);
      return answer === "silent"
        ? { is: "unknown", cause: { code: "TEAL-K110", message: "no answer" } }
        : { is: "ok", value: { metadata: { name: "" }, status: { allowed: answer } } };
    };
    return { api: { namespace: "shop", place: "prod/shop", create } as unknown as Api, asked };
  }
  const call = { signal: new AbortController().signal };

  test("nothing, when everything is granted; each verb is asked once, subresources as such", async () => {
    const { api, asked } = server(() => true);
    expect(await missingRights(api, RIGHTS, call)).toEqual([]);
    expect(asked).toEqual([
      { namespace: "shop", group: "", resource: "pods", subresource: "log", verb: "get" },
      { namespace: "shop", group: "apps", resource: "deployments", verb: "get" },
      { namespace: "shop", group: "apps", resource: "deployments", verb: "patch" },
    ]);
  });

  test("blocks where it must be, warns where it helps, and names only the verbs that lack", async () => {
    const { api } = server(({ verb, resource }) => verb !== "patch" && resource !== "pods");
    const found = await missingRights(api, RIGHTS, call);
    expect(found.map(({ is }) => is)).toEqual(["warns", "blocks"]);
    expect(found[1]?.cause.message).toBe("you may not patch deployments.apps in prod/shop: slots");
    expect(found[1]?.next).toContain('{ apiGroups: ["apps"], resources: ["deployments"], verbs: [patch] }');
  });

  test("what could not be asked is unproven, not granted", async () => {
    const { api } = server(({ verb }) => (verb === "patch" ? "silent" : true));
    const found = await missingRights(api, RIGHTS, call);
    expect(found).toMatchObject([{ is: "unproven", cause: { code: "TEAL-K605" } }]);
  });
});
