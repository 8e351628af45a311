import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SLOTS } from "../../../core/units.ts";
import type { Labels, LabelSelector } from "../api/objects.ts";
import { renderSlot } from "./render.ts";
import { TemplateError } from "./refused.ts";
import { selects } from "./selectors.ts";
import { deployment, fixture, read, render, SETTINGS } from "./testing.ts";

describe("a chart's Deployment", () => {
  const rendered = render(fixture("helm"), {
    services: fixture("helm").beside.filter(({ kind }) => kind === "Service") as never[],
  });
  const { deployment: made, service } = renderSlot(rendered, "blue", 3);

  test("becomes a slot's", () => {
    expect(made).toMatchObject({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "store-blue" },
    });
    expect(made.spec.replicas).toBe(3);
    expect(made.spec.selector).toEqual({
      matchLabels: { "teal.dev/service": "store", "teal.dev/slot": "blue" },
    });
    expect(made.metadata.annotations).toEqual({
      "teal.dev/revision": JSON.stringify(rendered.revision),
      "teal.dev/selector": '{"teal.dev/service":"store","teal.dev/slot":"blue"}',
    });
  });

  test("has the revision's tag, and everything else of its pods", () => {
    const [container] = made.spec.template.spec.containers;
    expect(container).toEqual({
      ...fixture("helm").deployment.spec.template.spec.containers[0],
      image: "registry.example/team/shop:v2",
    });
    expect(made.spec.template.spec).toMatchObject({ serviceAccountName: "shop", securityContext: {} });
    expect(made.spec.template.metadata?.annotations).toMatchObject({
      "checksum/config": expect.stringMatching(/^9d3e/) as string,
      "teal.dev/revision": JSON.stringify(rendered.revision),
    });
  });

  test("keeps its pods off its own slot's nodes only", () => {
    expect(made.spec.template.spec["affinity"]).toEqual({
      podAntiAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          {
            weight: 100,
            podAffinityTerm: {
              topologyKey: "kubernetes.io/hostname",
              labelSelector: {
                matchLabels: {
                  "app.kubernetes.io/name": "shop",
                  "app.kubernetes.io/instance": "shop-blue",
                  "teal.dev/service": "store",
                  "teal.dev/slot": "blue",
                },
              },
            },
          },
        ],
      },
    });
  });

  test("gets a Service of its own with the ports of the one that users reach", () => {
    expect(service).toEqual({
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "store-blue", labels: { "teal.dev/service": "store", "teal.dev/slot": "blue" } },
      spec: {
        selector: { "teal.dev/service": "store", "teal.dev/slot": "blue" },
        ports: [{ name: "http", port: 80, targetPort: "http", protocol: "TCP" }],
      },
    });
    expect(rendered.port).toBe(8080);
  });

  test("without a number, says nothing of replicas", () => {
    expect(Object.keys(renderSlot(rendered, "green").deployment.spec)).not.toContain("replicas");
  });
});

describe("an overlay's Deployment with a sidecar", () => {
  const settings = { ...SETTINGS, container: "web" };

  test("is refused while nobody says whose image a revision names", () => {
    expect(() => render(fixture("kustomize"))).toThrow(
      /^kustomize\.yaml:56:1 has 2 containers \(web, proxy\), and a revision names the image of one$/,
    );
    expect(() => render(fixture("kustomize"), { settings: { ...SETTINGS, container: "wait" } })).toThrow(
      'has no container "wait"; it has web, proxy',
    );
  });

  test("gets the image there, not in the sidecar, not in the init container", () => {
    const { spec } = renderSlot(render(fixture("kustomize"), { settings }), "green").deployment.spec.template;
    expect(spec.containers.map(({ image }) => image)).toEqual([
      "registry.example/team/shop:v2",
      "registry.example/tools/proxy:1.4",
    ]);
    expect(spec.initContainers?.[0]?.image).toBe("registry.example/tools/wait:2");
  });
});

describe("the revision", () => {
  test("without a name is what the template's image is", () => {
    expect(render(deployment({}), { name: undefined })).toMatchObject({
      revision: { id: "v1" },
      image: "registry.example/shop:v1",
    });
  });

  test("without a name and without a tag is refused", () => {
    const pod = {
      containers: [{ name: "web", image: "registry.example/shop", ports: [{ containerPort: 1 }] }],
    };
    expect(() => render(deployment({ pod }), { name: undefined })).toThrow(
      "the image of container web of shop.yaml:1:1 (registry.example/shop) says no version",
    );
    expect(() => render(deployment({ pod: { containers: [{ name: "web" }] } }))).toThrow(
      'container web of shop.yaml:1:1 has no image that "v2" could be a tag of',
    );
  });

  test("that is a whole image replaces it, also where the template has none", () => {
    const pod = { containers: [{ name: "web", ports: [{ containerPort: 1 }] }] };
    const name = "other.example/shop:v9";
    expect(render(deployment({ pod }), { name })).toMatchObject({ revision: { id: name }, image: name });
  });
});

describe("what the API server or a person put there and a slot must not have", () => {
  const template = read(`
apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop
  uid: 1-2-3
  resourceVersion: "7"
  generation: 4
  creationTimestamp: null
  managedFields: [{ manager: x, operation: Update }]
  ownerReferences: [{ apiVersion: v1, kind: A, name: a, uid: u }]
  finalizers: [x/y]
status: { replicas: 3 }
spec:
  replicas: 7
  paused: true
  revisionHistoryLimit: 2
  progressDeadlineSeconds: 30
  minReadySeconds: 5
  selector: { matchLabels: { app: shop } }
  template:
    metadata: { creationTimestamp: null, name: x, labels: { app: shop } }
    spec:
      nodeName: node-1
      nodeSelector:
      containers: [{ name: web, image: "shop:v1", ports: [{ containerPort: 80 }], command: null }]
`);

  test("is left out; what the author wrote stays", () => {
    const { deployment: made } = renderSlot(render(template), "blue");
    expect(Object.keys(made).toSorted()).toEqual(["apiVersion", "kind", "metadata", "spec"]);
    expect(Object.keys(made.metadata).toSorted()).toEqual(["annotations", "labels", "name"]);
    expect(made.spec).toMatchObject({
      revisionHistoryLimit: 2,
      progressDeadlineSeconds: 30,
      minReadySeconds: 5,
    });
    expect(Object.keys(made.spec)).not.toContain("paused");
    expect(made.spec.template.spec).toEqual({
      containers: [{ name: "web", image: "shop:v2", ports: [{ containerPort: 80 }] }],
    });
    expect(Object.keys(made.spec.template.metadata ?? {})).toEqual(["labels", "annotations"]);
  });

  test("deadline and strategy that the template does not say are said", () => {
    const { spec } = renderSlot(render(deployment({})), "blue").deployment;
    expect(spec).toMatchObject({
      progressDeadlineSeconds: 600,
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "25%", maxUnavailable: "25%" } },
    });
    const recreate = deployment({ spec: { strategy: { type: "Recreate" } } });
    expect(renderSlot(render(recreate), "blue").deployment.spec["strategy"]).toEqual({ type: "Recreate" });
  });
});

describe("rules of placement", () => {
  const labels = { app: "shop", tier: "backend" };
  const rule = (labelSelector: LabelSelector, more: object = {}) => ({
    maxSkew: 1,
    topologyKey: "kubernetes.io/hostname",
    whenUnsatisfiable: "DoNotSchedule",
    labelSelector,
    ...more,
  });
  function narrowed(own: Labels, labelSelector: LabelSelector, more: object = {}) {
    const pod = { topologySpreadConstraints: [rule(labelSelector, more)] };
    const template = deployment({ labels, pod, spec: { selector: { matchLabels: own } } });
    const { spec } = renderSlot(render(template), "green").deployment.spec.template;
    return (spec["topologySpreadConstraints"] as readonly { readonly labelSelector: LabelSelector }[])[0]
      ?.labelSelector;
  }
  const slot = { "teal.dev/service": "store", "teal.dev/slot": "green" };

  test("about the template's own pods are about the slot's", () => {
    expect(narrowed({ app: "shop" }, { matchLabels: { app: "shop" } })).toEqual({
      matchLabels: { app: "shop-green", ...slot },
    });
    const within = { matchExpressions: [{ key: "app", operator: "In" as const, values: ["shop", "cart"] }] };
    expect(narrowed({ app: "shop" }, within)).toEqual({
      matchLabels: slot,
      matchExpressions: [{ key: "app", operator: "In", values: ["shop-green", "cart"] }],
    });
    // By another of the labels that are its own: the value is the same, the slot is added.
    expect(narrowed(labels, { matchLabels: { tier: "backend" } })).toEqual({
      matchLabels: { tier: "backend", ...slot },
    });
  });

  test.each([
    ["of others", { matchLabels: { app: "cart" } }, {}],
    ["of more than its own", { matchLabels: { tier: "backend" } }, {}],
    ["of everything", {}, {}],
    ["of another namespace", { matchLabels: { app: "shop" } }, { namespaces: ["cart"] }],
    ["of namespaces by label", { matchLabels: { app: "shop" } }, { namespaceSelector: {} }],
  ])("about pods %s stay", (_, labelSelector, more) => {
    expect(narrowed({ app: "shop" }, labelSelector, more)).toEqual(labelSelector);
  });

  test("always let the slot's own pods be selected", () => {
    const term = { topologyKey: "zone", labelSelector: { matchLabels: { app: "shop" } } };
    const required = { requiredDuringSchedulingIgnoredDuringExecution: [term] };
    const pod = { affinity: { podAntiAffinity: required, podAffinity: required } };
    const { template } = renderSlot(render(deployment({ pod })), "blue").deployment.spec;
    const affinity = template.spec["affinity"] as Record<string, typeof required>;
    for (const kind of ["podAntiAffinity", "podAffinity"]) {
      const [found] = affinity[kind]?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
      expect(selects(found?.labelSelector ?? {}, template.metadata?.labels ?? {})).toBe(true);
    }
  });
});

/** Pods with labels, a selector of them, and fields that nobody knows yet. */
const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,61}[a-z0-9]$/);
const templates = fc
  .record({
    labels: fc.dictionary(word, fc.oneof(word, fc.constantFrom("", "blue", "x-blue")), {
      minKeys: 1,
      maxKeys: 4,
    }),
    unknown: fc.dictionary(word, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 }),
    keys: fc.nat({ max: 3 }),
    sidecars: fc.uniqueArray(word, { maxLength: 2 }),
  })
  .map(({ labels, unknown, keys, sidecars }) => {
    const own = Object.fromEntries(Object.entries(labels).slice(0, keys + 1));
    const extra = Object.fromEntries(Object.entries(unknown).map(([key, value]) => [`x${key}`, value]));
    const containers = ["web1", ...sidecars.map((name) => `s-${name}`)].map((name) => ({
      name,
      image: "shop:v1",
      ...extra,
    }));
    const pod = { containers, ...extra };
    return {
      extra,
      template: deployment({ labels, pod, spec: { selector: { matchLabels: own }, ...extra } }),
    };
  });
const settings = { ...SETTINGS, container: "web1", port: 8080 };

describe("of any template", () => {
  test("nothing given is changed, and the same comes out again", () => {
    fc.assert(
      fc.property(templates, fc.constantFrom(...SLOTS), ({ template }, slot) => {
        const before = structuredClone(template);
        const rendered = render(template, { settings });
        const kept = structuredClone(rendered);
        const made = renderSlot(rendered, slot, 2);
        expect(template).toEqual(before);
        expect(rendered).toEqual(kept);
        expect(renderSlot(render(before, { settings }), slot, 2)).toEqual(made);
        // It is stored as JSON and read again.
        expect(renderSlot(JSON.parse(JSON.stringify(rendered)) as typeof rendered, slot, 2)).toEqual(made);
      }),
    );
  });

  test("a slot's pods are selected by their own Deployment, not by the template's, not by the other slot's", () => {
    fc.assert(
      fc.property(templates, ({ template }) => {
        const rendered = render(template, { settings });
        const [blue, green] = SLOTS.map((slot) => renderSlot(rendered, slot).deployment.spec);
        const labels = blue?.template.metadata?.labels ?? {};
        expect(selects(blue?.selector ?? {}, labels)).toBe(true);
        expect(selects(green?.selector ?? {}, labels)).toBe(false);
        expect(selects(template.own ?? {}, labels)).toBe(false);
        for (const value of Object.values(labels))
          expect(value).toMatch(/^$|^[A-Za-z0-9].{0,61}(?<=[A-Za-z0-9])$/);
      }),
    );
  });

  test("fields that Teal does not know survive", () => {
    fc.assert(
      fc.property(templates, ({ template, extra }) => {
        const present = withoutNulls(extra) as Record<string, unknown>;
        const { spec } = renderSlot(render(template, { settings }), "blue").deployment;
        expect(spec).toMatchObject(present);
        expect(spec.template.spec).toMatchObject(present);
        for (const container of spec.template.spec.containers) expect(container).toMatchObject(present);
      }),
    );
  });
});

test("what nobody can keep apart is refused, naming the labels", () => {
  const exists = { matchExpressions: [{ key: "app", operator: "Exists" as const }] };
  expect(() => render(deployment({ spec: { selector: exists } }), {})).toThrow(TemplateError);
  const other: LabelSelector = { matchLabels: { tier: "backend" } };
  const labels = { app: "shop", tier: "backend" };
  const template = deployment({ labels, spec: { selector: { matchLabels: { app: "shop" } } } });
  expect(() => render(template, { avoid: [other] })).toThrow(/no label of the template's selector \(app\)/);
});

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) => (inner === null ? [] : [[key, withoutNulls(inner)]])),
  );
}
