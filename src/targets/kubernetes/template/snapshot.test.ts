import { describe, expect, test } from "vitest";
import type { ConfigMap, PodSpec, Secret } from "../api/objects.ts";
import { referencesOf } from "./references.ts";
import { copyOf, unneededCopies, wantedBy, withCopies, type Wanted } from "./snapshot.ts";
import { fixture, KEY } from "./testing.ts";

/** Names something in every place there is. */
const POD: PodSpec = {
  initContainers: [{ name: "init", envFrom: [{ configMapRef: { name: "init-env" } }] }],
  containers: [
    {
      name: "web",
      env: [
        { name: "PLAIN", value: "x" },
        { name: "LEVEL", valueFrom: { configMapKeyRef: { name: "env", key: "level" } } },
        { name: "URL", valueFrom: { secretKeyRef: { name: "db", key: "url", optional: true } } },
        { name: "IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
      ],
      envFrom: [
        { configMapRef: { name: "env" } },
        { prefix: "S_", secretRef: { name: "more", optional: true } },
      ],
    },
  ],
  volumes: [
    { name: "files", configMap: { name: "files", items: [{ key: "a.conf", path: "a" }] } },
    { name: "tls", secret: { secretName: "tls", defaultMode: 256 } },
    {
      name: "all",
      projected: {
        sources: [
          { configMap: { name: "kube-root-ca.crt" } },
          { configMap: { name: "files" } },
          { secret: { name: "db" } },
          { serviceAccountToken: { path: "token" } },
          { downwardAPI: {} },
        ],
      },
    },
    { name: "disk", csi: { driver: "x", nodePublishSecretRef: { name: "driver" } } },
    { name: "scratch", emptyDir: {} },
  ],
  imagePullSecrets: [{ name: "registry" }],
};

test("everything that containers see is found, in every place", () => {
  expect(referencesOf(POD).map(({ kind, name, where }) => `${kind} ${name} (${where})`)).toEqual([
    "ConfigMap env (container web)",
    "Secret db (container web)",
    "ConfigMap env (container web)",
    "Secret more (container web)",
    "ConfigMap init-env (container init)",
    "ConfigMap files (volume files)",
    "Secret tls (volume tls)",
    "ConfigMap kube-root-ca.crt (volume all)",
    "ConfigMap files (volume all)",
    "Secret db (volume all)",
  ]);
});

describe("what is copied", () => {
  test("is all of it once, needed where one place needs it; not what the cluster or the user keeps current", () => {
    const key = (name: string, where: string) => ({ name, where });
    expect(wantedBy(POD, ["more"])).toEqual([
      { kind: "ConfigMap", name: "env", optional: false, keys: [key("level", "container web")] },
      { kind: "Secret", name: "db", optional: false, keys: [] },
      { kind: "ConfigMap", name: "init-env", optional: false, keys: [] },
      { kind: "ConfigMap", name: "files", optional: false, keys: [key("a.conf", "volume files")] },
      { kind: "Secret", name: "tls", optional: false, keys: [] },
    ]);
    expect(wantedBy(POD, "all").filter(({ kind }) => kind === "Secret")).toEqual([]);
    expect(wantedBy(POD, []).find(({ name }) => name === "more")?.optional).toBe(true);
  });

  test("an overlay's generated names too", () => {
    expect(wantedBy(fixture("kustomize").deployment.spec.template.spec, []).map(({ name }) => name)).toEqual([
      "shop-db-6bb7mfc4kd",
      "shop-env-thfdkfmc68",
      "shop-files-cb649mb6f2",
      "shop-tls",
    ]);
  });
});

const ENV: Wanted = { kind: "ConfigMap", name: "env", optional: false, keys: [] };
const DB: Wanted = { kind: "Secret", name: "db", optional: false, keys: [] };
const env = (data: Record<string, string>, more: object = {}): ConfigMap => ({
  metadata: { name: "env", uid: "1", resourceVersion: "2" },
  data,
  ...more,
});
const db = (more: object): Secret => ({ metadata: { name: "db" }, ...more });
const copy = (wanted: Wanted, content: ConfigMap | Secret | undefined) =>
  copyOf(wanted, content, KEY, "store");

describe("a copy", () => {
  test("is immutable, named by the keyed digest of its content, and says what it is a copy of", () => {
    const made = copy(ENV, env({ level: "info" }, { binaryData: { b: "AAE=" } }));
    expect(made?.copied).toEqual({
      kind: "ConfigMap",
      name: "env",
      copy: expect.stringMatching(/^env-teal-[0-9a-f]{8}$/) as string,
      digest: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
    });
    expect(made?.object).toEqual({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: {
        name: made?.copied.copy,
        labels: { "teal.dev/service": "store", "teal.dev/part": "copy" },
        annotations: { "teal.dev/origin": JSON.stringify({ name: "env", digest: made?.copied.digest }) },
      },
      data: { level: "info" },
      binaryData: { b: "AAE=" },
      immutable: true,
    });
  });

  test("has the same name for the same content, in whatever order and from wherever, else another", () => {
    const name = copy(ENV, env({ a: "1", b: "2" }))?.copied.copy;
    expect(copy(ENV, env({ b: "2", a: "1" }, { immutable: false }))?.copied.copy).toBe(name);
    expect(copy(ENV, env({ a: "1", b: "3" }))?.copied.copy).not.toBe(name);
    expect(copy({ ...ENV, name: "other" }, env({ a: "1", b: "2" }))?.copied.digest).not.toBe(
      copy(ENV, env({ a: "1", b: "2" }))?.copied.digest,
    );
    const other = copyOf(ENV, env({ a: "1", b: "2" }), Buffer.from("another key"), "store");
    expect(other?.copied.copy).not.toBe(name);
  });

  test("of a Secret of a file is that of the same Secret in the namespace", () => {
    const there = copy(DB, db({ type: "Opaque", data: { url: "cG9zdGdyZXM6Ly9kYi9zaG9w", old: "eA==" } }));
    const file = copy(
      DB,
      db({ data: { url: "b2xk", old: "eA==" }, stringData: { url: "postgres://db/shop" } }),
    );
    const wrapped = copy(DB, db({ data: { url: "cG9zdGdyZXM6\nLy9kYi9zaG9w\n", old: "eA==" } }));
    expect(file).toEqual(there);
    expect(wrapped).toEqual(there);
    expect(there?.object).toMatchObject({ type: "Opaque", data: { url: "cG9zdGdyZXM6Ly9kYi9zaG9w" } });
  });

  test("of a long name is cut to a valid one, and still differs by the whole name", () => {
    const long = `${"a".repeat(238)}.${"b".repeat(14)}`;
    const made = copy({ ...ENV, name: long }, env({}));
    expect(made?.copied.copy).toMatch(/^a{238}-teal-[0-9a-f]{8}$/);
    expect(made?.copied.copy.length).toBeLessThanOrEqual(253);
    expect(copy({ ...ENV, name: `${long}c` }, env({}))?.copied.copy).not.toBe(made?.copied.copy);
  });

  test.each(["kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token"])(
    "of a %s is not made: it would be worthless",
    (type) => {
      expect(copy(DB, db({ type, data: { token: "eA==" } }))).toBeUndefined();
    },
  );

  test("of what is not there is refused, or stays absent where it is optional", () => {
    expect(() => copy(DB, undefined)).toThrow(
      "the template names Secret db, which is neither in its documents nor in the namespace",
    );
    expect(copy({ ...DB, optional: true }, undefined)).toEqual({
      copied: { kind: "Secret", name: "db", copy: "db-teal-absent" },
    });
  });

  test("without a key that a container needs is refused, and no value is told", () => {
    const wanted = { ...DB, keys: [{ name: "url", where: "container web" }] };
    const secret = db({ data: { password: "aHVudGVyMg==" } });
    expect(() => copy(wanted, secret)).toThrow(
      'Secret db has no key "url", without which container web does not start',
    );
  });
});

describe("the template", () => {
  const copies = [
    { kind: "ConfigMap" as const, name: "env", copy: "env-teal-1", digest: "1" },
    { kind: "Secret" as const, name: "db", copy: "db-teal-2", digest: "2" },
    { kind: "Secret" as const, name: "env", copy: "wrong", digest: "3" },
    { kind: "Secret" as const, name: "tls", copy: "tls-teal-absent" },
  ];
  const { spec } = withCopies({ spec: POD }, copies);

  test("names the copies wherever it named what they are copies of, and the rest as before", () => {
    expect(referencesOf(spec).map(({ name }) => name)).toEqual([
      "env-teal-1",
      "db-teal-2",
      "env-teal-1",
      "more",
      "init-env",
      "files",
      "tls-teal-absent",
      "kube-root-ca.crt",
      "files",
      "db-teal-2",
    ]);
    expect(spec["imagePullSecrets"]).toEqual([{ name: "registry" }]);
    expect(spec.volumes?.slice(1, 2)).toEqual([
      { name: "tls", secret: { secretName: "tls-teal-absent", defaultMode: 256 } },
    ]);
    expect(spec.volumes?.slice(3)).toEqual(POD.volumes?.slice(3));
  });

  test("is not changed itself, and equal where there is nothing to rename", () => {
    const before = structuredClone(POD);
    expect(withCopies({ spec: POD }, [])).toEqual({ spec: before });
    expect(POD).toEqual(before);
  });
});

test("copies that neither a kept revision nor a slot's template names are not needed", () => {
  const object = (kind: string, name: string) => ({ kind, metadata: { name } });
  const copies = [
    object("ConfigMap", "env-teal-1"),
    object("Secret", "env-teal-1"),
    object("ConfigMap", "files-teal-2"),
    object("Secret", "db-teal-3"),
  ];
  const kept = [{ copies: [{ kind: "ConfigMap" as const, name: "env", copy: "env-teal-1" }] }];
  const slot = { spec: { containers: [], volumes: [{ name: "f", configMap: { name: "files-teal-2" } }] } };
  expect(unneededCopies(copies, kept, [slot])).toEqual([
    object("Secret", "env-teal-1"),
    object("Secret", "db-teal-3"),
  ]);
  expect(unneededCopies(copies, [], [])).toEqual(copies);
});
