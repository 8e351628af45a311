import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Deployment } from "../api/objects.ts";
import { canonicalJson, keyedDigest } from "./canonical.ts";
import { deployment, fixture, KEY, read, render, SETTINGS } from "./testing.ts";
import type { Template } from "./source.ts";

const config = (template: Template, change: Parameters<typeof render>[1] = {}) =>
  render(template, change).revision.config;

describe("the digest of a configuration", () => {
  test("does not change with Teal's version: a new one must not find everything changed", () => {
    const copies = [
      {
        kind: "ConfigMap" as const,
        name: "shop-settings",
        copy: "shop-settings-teal-01234567",
        digest: "0123456789abcdef",
      },
    ];
    expect(config(fixture("helm"), { copies })).toBe("518ed985a5030a29");
    expect(config(fixture("kustomize"), { settings: { ...SETTINGS, container: "web" } })).toBe(
      "bb117994996f19c1",
    );
    expect(config(deployment({}))).toBe("4bb03d971a735ce8");
  });

  test("is of everything but the image, replicas and the Deployment's annotations", () => {
    const one = config(deployment({}));
    expect(config(deployment({}), { name: "v3" })).toBe(one);
    expect(config(deployment({}), { name: "other.example/shop:v3" })).toBe(one);
    expect(config(deployment({ spec: { replicas: 7, paused: true } }))).toBe(one);
    expect(config(deployment({ metadata: { name: "shop", annotations: { a: "b" } } }))).toBe(one);
  });

  const container = { name: "web", image: "registry.example/shop:v1", ports: [{ containerPort: 8080 }] };
  const copied = { kind: "ConfigMap" as const, name: "a", copy: "a-teal-1", digest: "1" };
  test.each<[string, string]>([
    [
      "an environment variable",
      config(deployment({ pod: { containers: [{ ...container, env: [{ name: "A", value: "b" }] }] } })),
    ],
    [
      "a sidecar",
      config(deployment({ pod: { containers: [container, { name: "s", image: "s:1" }] } }), {
        settings: { ...SETTINGS, container: "web" },
      }),
    ],
    [
      "a pod's label",
      config({ ...deployment({ labels: { app: "shop", a: "b" } }), own: { matchLabels: { app: "shop" } } }),
    ],
    ["a label of the Deployment", config(deployment({ metadata: { name: "shop", labels: { team: "b" } } }))],
    ["the strategy", config(deployment({ spec: { strategy: { type: "Recreate" } } }))],
    ["minReadySeconds", config(deployment({ spec: { minReadySeconds: 3 } }))],
    ["the port", config(deployment({}), { settings: { ...SETTINGS, port: 9 } })],
    ["the content of a copy", config(deployment({}), { copies: [copied] })],
    ["another content of a copy", config(deployment({}), { copies: [{ ...copied, digest: "2" }] })],
    [
      "the distinguishing label",
      config(deployment({ labels: { app: "shop", b: "c" } }), {
        settings: { ...SETTINGS, distinguish: "b" },
      }),
    ],
    ["the key", config(deployment({}), { key: Buffer.from("another") })],
  ])("another one by %s", (_, other) => {
    expect(other).toMatch(/^[0-9a-f]{16}$/);
    expect(other).not.toBe(config(deployment({})));
  });

  test("is of the images of the other containers", () => {
    const settings = { ...SETTINGS, container: "web" };
    const of = (image: string) =>
      config(deployment({ pod: { containers: [container, { name: "s", image }] } }), { settings });
    expect(of("s:1")).not.toBe(of("s:2"));
  });
});

describe("the same Deployment, live and from its file", () => {
  const file = read(`
apiVersion: apps/v1
kind: Deployment
metadata: { name: shop }
spec:
  selector: { matchLabels: { app: shop } }
  strategy: { rollingUpdate: { maxSurge: 1 } }
  template:
    metadata: { labels: { app: shop } }
    spec:
      serviceAccountName: shop
      hostNetwork: false
      nodeSelector: {}
      containers:
        - name: web
          image: registry.example/shop:v1
          ports: [{ containerPort: 8080 }]
          env:
            - { name: EMPTY, value: "" }
            - { name: IP, valueFrom: { fieldRef: { fieldPath: status.podIP } } }
          resources: { requests: { cpu: 0.5, memory: 1024Mi }, limits: { cpu: 1000m } }
          readinessProbe: { httpGet: { path: /health, port: 8080 }, initialDelaySeconds: 0 }
          securityContext: {}
        - name: proxy
          image: proxy
      volumes:
        - { name: files, configMap: { name: files } }
        - { name: scratch, emptyDir: {} }
      topologySpreadConstraints:
        - { maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: {} }
`);
  // What the API server shows of it (1.37), by hand; a cluster test compares with a real one.
  const filled = (name: string, image: string, policy: string, more: object) => ({
    name,
    image,
    imagePullPolicy: policy,
    terminationMessagePath: "/dev/termination-log",
    terminationMessagePolicy: "File",
    ...more,
  });
  const spec = {
    progressDeadlineSeconds: 600,
    replicas: 1,
    revisionHistoryLimit: 10,
    selector: { matchLabels: { app: "shop" } },
    strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: "25%" } },
    template: {
      metadata: { labels: { app: "shop" } },
      spec: {
        containers: [
          filled("web", "registry.example/shop:v1", "IfNotPresent", {
            ports: [{ containerPort: 8080, protocol: "TCP" }],
            env: [
              { name: "EMPTY" },
              { name: "IP", valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "status.podIP" } } },
            ],
            resources: { limits: { cpu: "1" }, requests: { cpu: "500m", memory: "1Gi" } },
            readinessProbe: {
              failureThreshold: 3,
              httpGet: { path: "/health", port: 8080, scheme: "HTTP" },
              periodSeconds: 10,
              successThreshold: 1,
              timeoutSeconds: 1,
            },
            securityContext: {},
          }),
          filled("proxy", "proxy", "Always", { resources: {} }),
        ],
        dnsPolicy: "ClusterFirst",
        restartPolicy: "Always",
        schedulerName: "default-scheduler",
        securityContext: {},
        serviceAccount: "shop",
        serviceAccountName: "shop",
        terminationGracePeriodSeconds: 30,
        volumes: [
          { name: "files", configMap: { defaultMode: 420, name: "files" } },
          { name: "scratch", emptyDir: {} },
        ],
        topologySpreadConstraints: [
          { maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "ScheduleAnyway", labelSelector: {} },
        ],
      },
    },
  };
  const annotations = { "deployment.kubernetes.io/revision": "3" };
  const live: Deployment = { ...file.deployment, metadata: { name: "shop", uid: "1", annotations }, spec };
  const settings = { ...SETTINGS, container: "web" };

  test("have one digest", () => {
    expect(config({ ...file, deployment: live }, { settings })).toBe(config(file, { settings }));
  });

  test("have another when one value is not the default", () => {
    const [web, proxy] = spec.template.spec.containers;
    const changed = [web, { ...proxy, imagePullPolicy: "IfNotPresent" }];
    const pods = { ...spec.template, spec: { ...spec.template.spec, containers: changed } };
    const other = { ...live, spec: { ...spec, template: pods } } as Deployment;
    expect(config({ ...file, deployment: other }, { settings })).not.toBe(config(file, { settings }));
  });

  test("an empty selector, which means all, is not none", () => {
    const [rule] = spec.template.spec.topologySpreadConstraints;
    const { labelSelector: _, ...none } = rule ?? {};
    const pods = { ...spec.template, spec: { ...spec.template.spec, topologySpreadConstraints: [none] } };
    const other = { ...live, spec: { ...spec, template: pods } } as unknown as Deployment;
    expect(config({ ...file, deployment: other }, { settings })).not.toBe(config(file, { settings }));
  });
});

describe("canonical JSON", () => {
  test("does not know the order of keys, and knows that of lists", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(canonicalJson(reversed(value))).toBe(canonicalJson(value));
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
    expect(canonicalJson([1, 2])).not.toBe(canonicalJson([2, 1]));
    expect(canonicalJson({ a: undefined, b: 1 })).toBe('{"b":1}');
  });

  test("nobody who lacks the key can tell what was digested", () => {
    expect(keyedDigest(KEY, { url: "hunter2" })).not.toBe(keyedDigest(Buffer.from("x"), { url: "hunter2" }));
  });
});

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, inner]) => [key, reversed(inner)]),
  );
}
