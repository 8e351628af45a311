import { describe, expect, it } from "vitest";
import type { KubeObject, ManagedFields } from "../api/objects.ts";
import { trafficFindings } from "./findings.ts";
import { ownersOf, ruleFor, type Field, type Tool } from "./owners.ts";

const SELECTOR: Field = { of: "Service", name: "shop", path: ["spec", "selector"] };
const REPLICAS: Field = { of: "Deployment", name: "shop", path: ["spec", "replicas"] };
const AT = "2026-01-05T12:00:00Z";

function wrote(manager: string, fields: object, more: Partial<ManagedFields> = {}): ManagedFields {
  return { manager, operation: "Update", time: AT, fieldsV1: { "f:spec": fields }, ...more };
}

const SELECTED = { "f:selector": { "f:app": {} } };

function service(managedFields: readonly ManagedFields[], annotations = {}): KubeObject {
  return { kind: "Service", metadata: { name: "shop", managedFields, annotations } };
}

const toolsOf = (object: KubeObject, field = SELECTOR) => ownersOf(object, field).map(({ tool }) => tool);

describe("who writes a field again", () => {
  it.each([
    ["helm", "helm"],
    ["Tiller", "helm"],
    ["argocd-controller", "argocd"],
    ["argocd-application-controller", "argocd"],
    ["kustomize-controller", "flux"],
    ["helm-controller", "fluxHelm"],
    ["kubectl-client-side-apply", "apply"],
    ["kubectl", "apply"],
    ["shop-operator", "unknown"],
  ] as const)("%s is %s", (manager, tool) => {
    expect(ownersOf(service([wrote(manager, SELECTED)]), SELECTOR)).toEqual([{ tool, by: manager, at: AT }]);
  });

  it.each(["teal", "kubectl-edit", "kubectl-patch", "k9s", "kube-controller-manager"])(
    "%s does not",
    (by) => {
      expect(toolsOf(service([wrote(by, SELECTED)]))).toEqual([]);
    },
  );

  it("does so only where it has this very field, and not by a subresource", () => {
    expect(toolsOf(service([wrote("helm", { "f:ports": {} })]))).toEqual([]);
    expect(toolsOf(service([wrote("helm", SELECTED)]), REPLICAS)).toEqual([]);
    const scaled = wrote("helm", { "f:replicas": {} }, { subresource: "scale" });
    expect(toolsOf(service([scaled]), REPLICAS)).toEqual([]);
    expect(toolsOf(service([wrote("helm", { "f:replicas": {} })]), REPLICAS)).toEqual(["helm"]);
  });

  it("is also known by its mark, after Teal has taken the field over", () => {
    const mine = [wrote("teal", SELECTED)];
    const tracked = { "argocd.argoproj.io/tracking-id": "shop:/Service:shop/shop" };
    expect(toolsOf(service(mine, tracked))).toEqual(["argocd"]);
    const last = (spec: object) => ({
      "kubectl.kubernetes.io/last-applied-configuration": JSON.stringify({ spec }),
    });
    expect(toolsOf(service(mine, last({ selector: { app: "shop" } })))).toEqual(["apply"]);
    expect(toolsOf(service(mine, last({ ports: [] })))).toEqual([]);
  });

  it("is the outermost of several that work through each other", () => {
    const released = { "meta.helm.sh/release-name": "shop" };
    expect(toolsOf(service([wrote("helm-controller", SELECTED)], released))).toEqual(["fluxHelm"]);
    const both = service([
      wrote("argocd-controller", SELECTED),
      wrote("kubectl-client-side-apply", SELECTED),
    ]);
    expect(toolsOf(both)).toEqual(["argocd"]);
  });
});

describe("the rule that keeps it away", () => {
  const TOOLS: readonly Tool[] = ["argocd", "flux", "fluxHelm", "helm", "apply", "unknown"];
  it("is exact for each tool", () => {
    expect(TOOLS.map((tool) => ruleFor(SELECTOR, tool))).toMatchSnapshot();
    expect(TOOLS.map((tool) => ruleFor(REPLICAS, tool))).toMatchSnapshot();
  });
});

describe("the selector of a Service that Teal moved", () => {
  const moved = { "teal.dev/epoch": "3", "teal.dev/intent": "i1" };

  it("is as it left it while its own write is the last", () => {
    expect(trafficFindings(SELECTOR, service([wrote("teal", SELECTED)], moved))).toEqual([]);
  });

  it("was reverted by whoever has it now, and when", () => {
    const [reverted, owner] = trafficFindings(
      SELECTOR,
      service([wrote("argocd-controller", SELECTED)], moved),
    );
    expect(reverted?.cause).toEqual({
      code: "TEAL-K513",
      message: `/spec/selector of Service shop is not as Teal left it: argocd-controller wrote it at ${AT}`,
    });
    expect(owner?.cause.code).toBe("TEAL-K510");
    const byHand = trafficFindings(SELECTOR, service([wrote("kubectl-edit", SELECTED)], moved));
    expect(byHand.map(({ cause }) => cause.code)).toEqual(["TEAL-K513"]);
  });

  it("was no revert before Teal wrote anything", () => {
    const before = trafficFindings(SELECTOR, service([wrote("helm", SELECTED)]));
    expect(before.map(({ cause }) => cause.code)).toEqual(["TEAL-K510"]);
  });
});
