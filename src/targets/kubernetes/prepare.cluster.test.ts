import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, test } from "vitest";
import { sharedCluster, type Cluster } from "../../../test/cluster/cluster.ts";
import { instant, SLOTS, type Instant, type Revision, type Slot } from "../../core/units.ts";
import type { Prepared } from "../../ports/target.ts";
import type { Api } from "./api/api.ts";
import type { ConfigMap, Deployment, KubeObject } from "./api/objects.ts";
import { paths } from "./api/paths.ts";
import { apiOf, BY } from "./api/testing.ts";
import { prepare, recall, type PrepareWith } from "./prepare.ts";
import { pruneRevisions } from "./prune.ts";
import type { KubernetesSettings, TemplateSource } from "./settings.ts";
import { withoutDefaults } from "./template/defaults.ts";
import { referencesOf } from "./template/references.ts";
import { renderSlot } from "./template/render.ts";
import type { RenderedRevision, SlotObjects } from "./template/rendered.ts";
import { loadRevision } from "./template/stored.ts";

let cluster: Cluster;
const folder = mkdtempSync(join(tmpdir(), "teal-prepare-"));
const KEY = Buffer.from("a key for tests, which nobody else has");
const FIXTURES = join(import.meta.dirname, "template/fixtures");
const HOUR = 60 * 60 * 1000;

let namespace: string;
let api: Api;

beforeAll(async () => {
  cluster = await sharedCluster();
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await cluster?.stop();
});
beforeEach(async () => {
  namespace = await cluster.namespace("prepare");
  api = await apiOf(cluster.kubeconfig, namespace);
});
afterEach(() => api.close());

function settings(template: TemplateSource, more: Partial<KubernetesSettings> = {}): KubernetesSettings {
  return {
    service: "store",
    environment: "production",
    namespace,
    access: { by: "context", context: "teal-test" },
    template,
    routing: { by: "service", service: "shop" },
    replicas: 1,
    propagation: 1_000 as KubernetesSettings["propagation"],
    liveSecrets: [],
    ...more,
  };
}

function using(template: TemplateSource, more: Partial<KubernetesSettings> = {}, by = api): PrepareWith {
  return { api: by, settings: settings(template, more), key: KEY, clock: { now: () => instant(Date.now()) } };
}

const LIVE: TemplateSource = { from: "live", deployment: "shop" };

async function ready(
  with_: PrepareWith,
  name?: string,
  progress?: (line: string) => void,
): Promise<Revision> {
  return revisionOf(await prepare(with_, name, BY.signal, progress));
}

function revisionOf(prepared: Prepared): Revision {
  if (prepared.is !== "ready") throw new Error(`${prepared.cause.code} ${prepared.cause.message}`);
  return prepared.revision;
}

function refusalOf(prepared: Prepared) {
  if (prepared.is !== "refused") throw new Error("not refused");
  return [prepared.cause.code, prepared.cause.message] as const;
}

async function stored(revision: Revision): Promise<RenderedRevision> {
  const loaded = await loadRevision(api, { service: "store", namespace }, revision, BY);
  if (loaded.is !== "found") throw new Error(loaded.cause.message);
  return loaded.rendered;
}

async function apply<T extends KubeObject>(path: string, body: T): Promise<T> {
  const answer = await api.patch<T>(path, { by: "apply", body, force: false }, BY);
  if (answer.is !== "ok") throw new Error(answer.cause.message);
  return answer.value;
}

/** What whoever wrote an object wanted, and how often that changed. */
function wantedOf({ metadata, spec }: KubeObject & { readonly spec?: unknown }) {
  const mine = metadata.managedFields?.filter(({ manager }) => manager === "teal");
  return { generation: metadata.generation, labels: metadata.labels, mine, spec };
}

const applyBoth = async ({ deployment, service }: SlotObjects) => [
  await apply(paths.deployments(namespace, deployment.metadata.name), deployment),
  await apply(paths.services(namespace, service.metadata.name), service),
];

async function names(kind: string, part: string): Promise<readonly string[]> {
  const { items } = (await cluster.get(namespace, kind, "-l", `teal.dev/part=${part}`)) as {
    items: readonly KubeObject[];
  };
  return items.map(({ metadata }) => metadata.name);
}

/** A Deployment as people write it, with all that a chart may have in it. */
function shop(pod: object = {}, image = "teal.test/web:v1") {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "shop", labels: { app: "shop", "app.kubernetes.io/managed-by": "Helm" } },
    spec: {
      replicas: 0,
      selector: { matchLabels: { app: "shop" } },
      template: {
        metadata: { labels: { app: "shop" } },
        spec: {
          containers: [
            {
              name: "web",
              image,
              ports: [{ name: "http", containerPort: 8080 }],
              envFrom: [{ configMapRef: { name: "env" } }],
              env: [{ name: "DATABASE_URL", valueFrom: { secretKeyRef: { name: "db", key: "url" } } }],
              readinessProbe: { httpGet: { path: "/health", port: "http" }, periodSeconds: 1 },
            },
          ],
          ...pod,
        },
      },
    },
  };
}

const service = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "shop" },
  spec: { selector: { app: "shop" }, ports: [{ name: "http", port: 80, targetPort: "http" }] },
};
const env = (data: Record<string, string>) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "env" },
  data,
});
const db = (url: string) => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "db" },
  stringData: { url },
});
const shopWithAll = (...more: readonly object[]) =>
  cluster.apply(namespace, env({ LEVEL: "info" }), db("postgres://one"), service, shop(), ...more);

describe("what is rendered", () => {
  test.each<[string, Partial<KubernetesSettings>]>([
    ["helm", {}],
    ["kustomize", { container: "web" }],
  ])("of what %s prints is accepted strictly, and applying it again changes nothing", async (name, more) => {
    const text = readFileSync(join(FIXTURES, `${name}.yaml`), "utf8");
    const path = join(folder, `${name}-${namespace}.yaml`);
    writeFileSync(path, text.replaceAll("namespace: shop", `namespace: ${namespace}`));
    const rendered = await stored(await ready(using({ from: "file", path }, more), "v42"));
    for (const slot of SLOTS) {
      const first = await applyBoth(renderSlot(rendered, slot, 0));
      const second = await applyBoth(renderSlot(rendered, slot, 0));
      // Its controller writes status and its own annotation meanwhile.
      expect(second.map(wantedOf)).toEqual(first.map(wantedOf));
    }
    // The chart's own ConfigMap was taken from its documents: the namespace has none.
    expect((await names("configmaps", "copy")).length).toBeGreaterThan(0);
  });

  test("makes pods that the template's Deployment, Service and HPA do not take for their own", async () => {
    await shopWithAll();
    const rendered = await stored(await ready(using(LIVE), "v2"));
    await applyBoth(renderSlot(rendered, "blue", 1));
    await cluster.kubectl("rollout", "status", "deployment/store-blue", "-n", namespace, "--timeout=40s");
    const pods = (await cluster.get(namespace, "pods", "-l", "app=shop")) as { items: unknown[] };
    expect(pods.items).toEqual([]);
    const slices = (await cluster.get(
      namespace,
      "endpointslices",
      "-l",
      "kubernetes.io/service-name=store-blue",
    )) as {
      items: { endpoints?: unknown[] }[];
    };
    expect(slices.items.flatMap(({ endpoints }) => endpoints ?? [])).toHaveLength(1);
  });
});

describe("the digest", () => {
  const pod = {
    serviceAccountName: "default",
    hostNetwork: false,
    nodeSelector: {},
    tolerations: [{ operator: "Exists", effect: "NoSchedule" }],
    securityContext: { runAsNonRoot: false },
    containers: [
      {
        name: "web",
        image: "teal.test/web:v1",
        command: ["/bin/web"],
        args: [],
        ports: [{ name: "http", containerPort: 8080 }],
        env: [
          { name: "EMPTY", value: "" },
          { name: "IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
          { name: "CPU", valueFrom: { resourceFieldRef: { resource: "limits.cpu" } } },
          { name: "MILLI", valueFrom: { resourceFieldRef: { resource: "limits.cpu", divisor: "0.001" } } },
        ],
        resources: {
          requests: { cpu: 0.5, memory: "1024Mi" },
          limits: { cpu: "1000m", "ephemeral-storage": "1.5Gi" },
        },
        readinessProbe: { httpGet: { path: "/health", port: 8080 }, initialDelaySeconds: 0 },
        livenessProbe: { tcpSocket: { port: 8080 }, timeoutSeconds: 1 },
        startupProbe: { grpc: { port: 8080 }, failureThreshold: 30 },
        lifecycle: { preStop: { httpGet: { port: 8080 } } },
        securityContext: { allowPrivilegeEscalation: false },
        volumeMounts: [
          { name: "scratch", mountPath: "/tmp", readOnly: false },
          { name: "all", mountPath: "/all" },
        ],
        stdin: false,
      },
      { name: "proxy", image: "teal.test/web" },
    ],
    volumes: [
      { name: "scratch", emptyDir: { sizeLimit: "1024Mi" } },
      { name: "host", hostPath: { path: "/tmp" } },
      {
        name: "me",
        downwardAPI: { items: [{ path: "labels", fieldRef: { fieldPath: "metadata.labels" } }] },
      },
      { name: "all", projected: { sources: [{ serviceAccountToken: { path: "token" } }] } },
      { name: "claim", persistentVolumeClaim: { claimName: "x" } },
    ],
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: "kubernetes.io/hostname",
        whenUnsatisfiable: "ScheduleAnyway",
        labelSelector: { matchLabels: { app: "shop" } },
      },
    ],
    affinity: {
      podAntiAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          {
            weight: 1,
            podAffinityTerm: { topologyKey: "zone", labelSelector: { matchLabels: { app: "shop" } } },
          },
        ],
      },
    },
  };

  test("of a live Deployment is that of its file: what the API server fills in does not count", async () => {
    const object = shop(pod);
    await cluster.apply(namespace, service, object);
    const path = join(folder, `${namespace}.yaml`);
    writeFileSync(path, JSON.stringify(object));
    const fromFile = await ready(using({ from: "file", path }, { container: "web" }), "v2");
    const fromLive = await ready(using(LIVE, { container: "web" }), "v2");
    // First what differs, if something does, then the digests.
    const [live, file] = await Promise.all([stored(fromLive), stored(fromFile)]);
    expect(withoutDefaults(live.template)).toEqual(withoutDefaults(file.template));
    expect(fromLive).toEqual(fromFile);
  });

  test("is the same before and after the Service was moved to a slot", async () => {
    const labels = { app: "shop", instance: "one" };
    const object = shop();
    const template = { ...object.spec.template, metadata: { labels } };
    const spec = { ...object.spec, selector: { matchLabels: labels }, template };
    await cluster.apply(namespace, env({ LEVEL: "info" }), db("x"), service, { ...object, spec });
    const before = await ready(using(LIVE), "v2");
    expect((await stored(before)).distinguish).toEqual({ key: "app", value: "shop" });
    const selector = [{ op: "replace", path: "/spec/selector", value: { "teal.dev/service": "store" } }];
    await cluster.kubectl(
      "patch",
      "service",
      "shop",
      "-n",
      namespace,
      "--type=json",
      "-p",
      JSON.stringify(selector),
    );
    expect(await ready(using(LIVE), "v2")).toEqual(before);
  });

  test("changes with what a ConfigMap or a Secret holds, and not with a restart of Teal", async () => {
    await shopWithAll();
    const one = await ready(using(LIVE), "v2");
    expect(await ready(using(LIVE), "v2")).toEqual(one);
    await cluster.apply(namespace, db("postgres://two"));
    const two = await ready(using(LIVE), "v2");
    await cluster.apply(namespace, env({ LEVEL: "debug" }));
    const three = await ready(using(LIVE), "v2");
    expect(new Set([one, two, three].map(({ config }) => config)).size).toBe(3);
    await cluster.apply(namespace, env({ LEVEL: "info" }), db("postgres://one"));
    expect(await ready(using(LIVE), "v2")).toEqual(one);
  });
});

describe("configuration travels with the revision", () => {
  test("a slot started later has what the revision was prepared with", async () => {
    await shopWithAll();
    const revision = await ready(using(LIVE), "v2");
    await cluster.apply(namespace, env({ LEVEL: "debug" }), db("postgres://two"));
    await cluster.kubectl("delete", "deployment/shop", "-n", namespace);
    expect(await recall(using(LIVE), revision, BY.signal)).toMatchObject({ is: "ready", revision });
    const { spec } = renderSlot(await stored(revision), "green").deployment.spec.template;
    const [secret = "", configMap = ""] = referencesOf(spec).map(({ name }) => name);
    expect(await cluster.get(namespace, "configmap", configMap)).toMatchObject({
      data: { LEVEL: "info" },
      immutable: true,
    });
    expect(await cluster.get(namespace, "secret", secret)).toMatchObject({
      data: { url: Buffer.from("postgres://one").toString("base64") },
      immutable: true,
      type: "Opaque",
    });
  });

  test("a Secret that is to stay current is not copied, and needs no right to be read", async () => {
    await shopWithAll();
    const rules = [
      { apiGroups: ["apps"], resources: ["deployments"], verbs: ["get", "list", "create"] },
      { apiGroups: [""], resources: ["services"], verbs: ["list"] },
      { apiGroups: [""], resources: ["configmaps"], verbs: ["get", "create", "patch"] },
    ];
    const limited = await apiOf(await cluster.serviceAccount(namespace, rules), namespace).catch(
      () => undefined,
    );
    expect(limited).toBeDefined();
    try {
      const with_ = using(LIVE, { liveSecrets: "all" }, limited);
      const rendered = await stored(await ready(with_, "v2"));
      expect(rendered.copies.map(({ kind }) => kind)).toEqual(["ConfigMap"]);
      expect(await names("secrets", "copy")).toEqual([]);
      expect(refusalOf(await prepare(using(LIVE, {}, limited), "v2", BY.signal))[1]).toMatch(
        /may not get secrets/,
      );
    } finally {
      limited?.close();
    }
  });

  test("what is optional and absent stays absent", async () => {
    const envFrom = [{ configMapRef: { name: "later", optional: true } }];
    const ports = [{ name: "http", containerPort: 8080 }];
    const containers = [{ name: "web", image: "teal.test/web:v1", ports, envFrom }];
    await cluster.apply(namespace, service, shop({ containers }));
    const rendered = await stored(await ready(using(LIVE), "v2"));
    expect(rendered.copies).toEqual([{ kind: "ConfigMap", name: "later", copy: "later-teal-absent" }]);
    await applyBoth(renderSlot(rendered, "blue", 0));
  });
});

describe("preparing again", () => {
  test("makes nothing new, and tells what it did", async () => {
    const selecting = { apiVersion: "v1", kind: "Service", metadata: { name: "admin" }, spec: service.spec };
    await shopWithAll(selecting);
    const lines: string[] = [];
    const revision = await ready(using(LIVE), "v2", (line) => lines.push(line));
    expect(lines).toEqual([
      `revision v2 (${revision.config}) from deployment/shop: teal.test/web:v2`,
      "pods of store's slots have the label app shop-blue or shop-green instead of shop",
      "selecting by app and not seeing the slots' pods: Service admin",
      expect.stringMatching(/^copied Secret db-teal-[0-9a-f]{8}, ConfigMap env-teal-[0-9a-f]{8}$/) as string,
    ]);
    expect(JSON.stringify(lines)).not.toContain("postgres");
    const again = await prepare(using(LIVE), "v2", BY.signal);
    expect(again).toMatchObject({ is: "ready", revision, detail: "teal.test/web:v2, as prepared before" });
    expect(await names("configmaps", "revision")).toHaveLength(1);
    expect(await names("configmaps", "copy")).toHaveLength(1);
    expect(await names("secrets", "copy")).toHaveLength(1);
  });

  test("at the same time by two, both get the same", async () => {
    await shopWithAll();
    const both = await Promise.all([ready(using(LIVE), "v2"), ready(using(LIVE), "v2")]);
    expect(both[0]).toEqual(both[1]);
    expect(await names("configmaps", "revision")).toHaveLength(1);
  });

  test("without a name is what the template's image is", async () => {
    await shopWithAll();
    expect((await ready(using(LIVE))).id).toBe("v1");
  });
});

describe("refused, before anything is written:", () => {
  test("a template that is not there", async () => {
    expect(refusalOf(await prepare(using(LIVE), "v2", BY.signal))).toEqual([
      "TEAL-K271",
      `there is no Deployment shop in ${api.place}`,
    ]);
  });

  test("a Secret that is not there, or lacks the key", async () => {
    await cluster.apply(namespace, env({}), service, shop());
    expect(refusalOf(await prepare(using(LIVE), "v2", BY.signal))[0]).toBe("TEAL-K220");
    await cluster.apply(namespace, { ...db("x"), stringData: { password: "x" } });
    expect(refusalOf(await prepare(using(LIVE), "v2", BY.signal))[0]).toBe("TEAL-K221");
    expect(await names("configmaps", "copy")).toEqual([]);
  });

  test("a template that the API server would not take, also when the slot's Deployment is there", async () => {
    await shopWithAll();
    await applyBoth(renderSlot(await stored(await ready(using(LIVE), "v2")), "blue", 0));
    const path = join(folder, `wrong-${namespace}.yaml`);
    const file = using({ from: "file", path });
    writeFileSync(path, JSON.stringify(shop({ dnsPolizy: "ClusterFirst" })));
    const [code, message] = refusalOf(await prepare(file, "v3", BY.signal));
    expect(code).toBe("TEAL-K216");
    expect(message).toContain('unknown field "spec.template.spec.dnsPolizy"');
    writeFileSync(path, JSON.stringify(shop({ dnsPolicy: "Sometimes" })));
    expect(refusalOf(await prepare(file, "v3", BY.signal))[1]).toMatch(/spec\.template\.spec\.dnsPolicy/);
    expect(await names("configmaps", "revision")).toHaveLength(1);
    writeFileSync(path, JSON.stringify(shop({ dnsPolicy: "Default" })));
    expect(await prepare(file, "v3", BY.signal)).toMatchObject({ is: "ready" });
  });

  test("a slot that Teal made as a template", async () => {
    await shopWithAll();
    await applyBoth(renderSlot(await stored(await ready(using(LIVE), "v2")), "blue", 0));
    const slot = using({ from: "live", deployment: "store-blue" });
    expect(refusalOf(await prepare(slot, "v3", BY.signal))[0]).toBe("TEAL-K277");
  });

  test("a service whose name is none for Services", async () => {
    for (const name of ["Shop", "1shop", "shop-", "s".repeat(58), "shop.eu"])
      expect(refusalOf(await prepare(using(LIVE, { service: name }), "v2", BY.signal))[0]).toBe("TEAL-K210");
  });
});

describe("recall", () => {
  test("is refused when the revision or a copy is gone", async () => {
    await shopWithAll();
    const revision = await ready(using(LIVE), "v2");
    const [secret = ""] = await names("secrets", "copy");
    await cluster.kubectl("delete", "secret", secret, "-n", namespace);
    expect(refusalOf(await recall(using(LIVE), revision, BY.signal))).toEqual([
      "TEAL-K232",
      `Secret ${secret}, which revision v2 uses, is gone`,
    ]);
    // Prepared anew from the same content, it is whole again.
    expect(await ready(using(LIVE), "v2")).toEqual(revision);
    expect(await recall(using(LIVE), revision, BY.signal)).toMatchObject({ is: "ready" });
    const [name = ""] = await names("configmaps", "revision");
    await cluster.kubectl("delete", "configmap", name, "-n", namespace);
    expect(refusalOf(await recall(using(LIVE), revision, BY.signal))[0]).toBe("TEAL-K230");
  });

  test("of a revision that somebody overwrote is refused, not guessed", async () => {
    await shopWithAll();
    const revision = await ready(using(LIVE), "v2");
    const [name = ""] = await names("configmaps", "revision");
    const refusal = await cluster
      .kubectl(
        "patch",
        "configmap",
        name,
        "-n",
        namespace,
        "--type=merge",
        "-p",
        '{"data":{"revision.json":"{}"}}',
      )
      .catch((error: Error) => error.message);
    expect(refusal).toContain("field is immutable when `immutable` is set");
    await cluster.kubectl("delete", "configmap", name, "-n", namespace);
    await cluster.apply(namespace, {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name },
      data: { "revision.json": "{}" },
    });
    expect(refusalOf(await recall(using(LIVE), revision, BY.signal))[0]).toBe("TEAL-K231");
    expect(refusalOf(await prepare(using(LIVE), "v2", BY.signal))[0]).toBe("TEAL-K231");
  });
});

describe("pruning", () => {
  const later = (template: TemplateSource, hours: number) => ({
    ...using(template),
    clock: { now: (): Instant => instant(Date.now() + hours * HOUR) },
  });
  async function slotRuns(revision: Revision, slot: Slot) {
    await applyBoth(renderSlot(await stored(revision), slot, 0));
  }

  test("leaves what is kept, what a slot has and what is fresh, and removes the rest", async () => {
    await shopWithAll();
    const kept = await ready(using(LIVE), "v1");
    await cluster.apply(namespace, env({ LEVEL: "debug" }));
    const inSlot = await ready(using(LIVE), "v2");
    await slotRuns(inSlot, "blue");
    await cluster.apply(namespace, env({ LEVEL: "trace" }), db("postgres://two"));
    const gone = await ready(using(LIVE), "v3");
    expect(await pruneRevisions(using(LIVE), [kept], BY.signal)).toEqual({ is: "pruned", removed: [] });
    const pruned = await pruneRevisions(later(LIVE, 2), [kept], BY.signal);
    expect(pruned).toMatchObject({ is: "pruned" });
    expect(
      pruned.is === "pruned" && pruned.removed.map((name) => name.replace(/-[0-9a-f]+$/, "")).toSorted(),
    ).toEqual(["ConfigMap env-teal", "ConfigMap teal-store-r", "Secret db-teal"]);
    for (const revision of [kept, inSlot])
      expect(await recall(using(LIVE), revision, BY.signal)).toMatchObject({ is: "ready" });
    expect(await recall(using(LIVE), gone, BY.signal)).toMatchObject({ is: "refused" });
    expect(await pruneRevisions(later(LIVE, 2), [kept], BY.signal)).toEqual({ is: "pruned", removed: [] });
  });

  test("leaves a copy that a preparation took up again, and everybody else's objects", async () => {
    await shopWithAll();
    await ready(using(LIVE), "v1");
    // Two hours later the same content is prepared again for another revision.
    await ready(later(LIVE, 2), "v2");
    const removed = await pruneRevisions(later(LIVE, 2.5), [], BY.signal);
    expect(
      removed.is === "pruned" && removed.removed.every((name) => name.startsWith("ConfigMap teal-store-r-")),
    ).toBe(true);
    expect(await names("configmaps", "copy")).toHaveLength(1);
    expect(await names("secrets", "copy")).toHaveLength(1);
    await pruneRevisions(later(LIVE, 4), [], BY.signal);
    expect(await names("configmaps", "copy")).toEqual([]);
    expect((await cluster.get(namespace, "configmap", "env")) as ConfigMap).toMatchObject({
      data: { LEVEL: "info" },
    });
    expect((await cluster.get(namespace, "deployment", "shop")) as Deployment).toBeDefined();
  });

  test("removes no copy while a kept revision cannot be read", async () => {
    await shopWithAll();
    const kept = await ready(using(LIVE), "v1");
    const [name = ""] = await names("configmaps", "revision");
    await cluster.kubectl("delete", "configmap", name, "-n", namespace);
    const labels = { "teal.dev/service": "store", "teal.dev/part": "revision" };
    const annotations = { "teal.dev/revision": JSON.stringify(kept) };
    const broken = { apiVersion: "v1", kind: "ConfigMap", metadata: { name, labels, annotations }, data: {} };
    await cluster.apply(namespace, broken);
    expect(await pruneRevisions(later(LIVE, 2), [kept], BY.signal)).toMatchObject({
      is: "refused",
      cause: { code: "TEAL-K231" },
    });
    expect(await names("configmaps", "copy")).toHaveLength(1);
  });
});
