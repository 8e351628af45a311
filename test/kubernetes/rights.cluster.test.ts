import { afterAll, afterEach, expect, test } from "vitest";
import { rightsFor } from "../../src/targets/kubernetes/preflight/rights.ts";
import type { ConfiguredSettings } from "../../src/targets/kubernetes/settings.ts";
import { sharedCluster } from "../cluster/cluster.ts";
import { startFaultProxy, type Answered, type FaultProxy } from "../cluster/fault-proxy.ts";
import { gatewayObject, routeObject } from "../cluster/gateway/objects.ts";
import { startGateway } from "../cluster/gateway/start.ts";
import { deployment, service } from "../cluster/objects.ts";
import { Place, type PlaceOptions, type Ran } from "./place.ts";

/*
 * The Role that Teal prints, measured: whole deployments by an account that has nothing else. Whatever the API server
 * refuses to them is missing in it, whatever they never ask for is too much.
 */

const cluster = await sharedCluster();
afterAll(() => cluster.stop());

/** Of these a namespace's Role can grant nothing; Teal asks all the same, and says what it could not see. */
const BEYOND_A_ROLE = ["get /namespaces", "list /nodes", "get keda.sh/"];

let place: Place | undefined;
let proxy: FaultProxy | undefined;
afterEach(async () => {
  await proxy?.stop();
  await place?.dispose();
  place = proxy = undefined;
});

interface Account {
  readonly shop: Place;
  readonly network: FaultProxy;
  /** Runs a command with nothing but the Role; it must end so. */
  readonly teal: (status: number, ...words: readonly string[]) => Promise<Ran>;
  readonly answers: () => readonly Answered[];
}

/** A place, and somebody who has exactly what these settings need. */
async function opened(options: PlaceOptions, routing: ConfiguredSettings["routing"]): Promise<Account> {
  const shop = (place = await Place.open(cluster, options));
  const rights = rightsFor({ routing, access: { by: "context", context: "x" } }, { keda: false });
  const rules = rights.map(({ group, resource, verbs }) => ({
    apiGroups: [group],
    resources: [resource],
    verbs,
  }));
  const account = await cluster.serviceAccount(shop.namespace, rules);
  const network = (proxy = await startFaultProxy({ upstream: account }));
  const kubeconfig = network.through(account);
  return {
    shop,
    network,
    answers: () => network.answers(),
    teal: async (status, ...words) => {
      const ran = await shop.tealAs({ kubeconfig }, ...words);
      expect(ran.code, `${words.join(" ")}\n${ran.out}${ran.err}`).toBe(status);
      return ran;
    },
  };
}

/** `patch apps/deployments`: how a rule would grant it. */
function used(answers: readonly Answered[]): ReadonlySet<string> {
  return new Set(
    answers
      .filter(({ status }) => status !== 403)
      .flatMap(({ info: { verb, group, resource, subresource }, status }) => {
        const what = `${group}/${resource}${subresource === undefined ? "" : `/${subresource}`}`;
        // Server-side apply of an object that is not there takes the right to create it, too.
        return status === 201 && verb === "patch" ? [`patch ${what}`, `create ${what}`] : [`${verb} ${what}`];
      }),
  );
}

function refusals(answers: readonly Answered[]): readonly string[] {
  const all = answers
    .filter(({ status }) => status === 403)
    .map(({ info }) => `${info.verb} ${info.group}/${info.resource}`);
  return [...new Set(all)].filter((each) => !BEYOND_A_ROLE.includes(each));
}

function granted(routing: ConfiguredSettings["routing"]): readonly string[] {
  return rightsFor({ routing, access: { by: "context", context: "x" } }, { keda: false }).flatMap(
    ({ group, resource, verbs }) => verbs.map((verb) => `${verb} ${group}/${resource}`),
  );
}

const BY_SERVICE = { by: "service" } as const;

/** Everything that Teal looks after beside a Deployment: an autoscaler, a ConfigMap and a Secret that it names. */
const RICH = [
  { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "shop-config" }, data: { GREETING: "hello" } },
  {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "shop-secret" },
    stringData: { PASSWORD: "swordfish" },
  },
  deployment("shop", "teal.test/web:v0", {
    replicas: 2,
    container: {
      envFrom: [{ configMapRef: { name: "shop-config" } }, { secretRef: { name: "shop-secret" } }],
    },
  }),
  service("shop", { app: "shop" }),
  {
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: { name: "shop" },
    spec: {
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "shop" },
      minReplicas: 2,
      maxReplicas: 4,
    },
  },
];

/** What no revision needs any more: prepared long ago, in no slot and in no history. */
function forgotten(kind: "ConfigMap" | "Secret"): object {
  return {
    apiVersion: "v1",
    kind,
    metadata: {
      name: `shop-${kind.toLowerCase()}-teal-00000000`,
      labels: { "teal.dev/service": "shop", "teal.dev/part": "copy" },
      annotations: {
        "teal.dev/prepared": "2020-01-01T00:00:00.000Z",
        "teal.dev/origin": JSON.stringify({ name: "shop", digest: "00000000" }),
      },
    },
  };
}

const GATED = "{ blueGreen: { gate: approval, bake: 500ms, keepWarm: 0s, drain: 500ms } }";
const ASKING =
  "{ ready: /health, deep: [{ http: { path: /orders, method: POST, status: [100-599] } }, /health/db], window: { of: 2, passes: 1, consecutive: 1, interval: 50ms, deadline: 15s } }";

test("behind a Service: deployments, a rollback, failures, a gate and a prune use every right of the Role and no other", async () => {
  const { shop, network, teal, answers } = await opened({ objects: RICH, health: ASKING }, BY_SERVICE);
  await teal(0, "plan", "v1");
  await teal(0, "deploy", "v1");
  // Whoever was faster at the autoscaler is looked at.
  network.next({ verb: "patch", resource: "horizontalpodautoscalers" }, { is: "answer", status: 409 });
  await teal(0, "deploy", "v2");
  expect(network.pending()).toBe(0);
  await teal(0, "status");
  await teal(0, "rollback");
  await teal(4, "deploy", "teal.test/failing:v3");
  await teal(4, "deploy", "teal.test/crash:v4");
  shop.configure({ strategy: GATED });
  await teal(6, "deploy", "v5");
  await teal(0, "promote");
  await teal(0, "logs");
  await teal(0, "history");
  await cluster.apply(shop.namespace, forgotten("ConfigMap"), forgotten("Secret"));
  expect((await teal(0, "prune", "--yes")).out).toContain("shop-secret-teal-00000000");
  expect(refusals(answers())).toEqual([]);
  const asked = used(answers());
  expect(granted(BY_SERVICE).filter((right) => !asked.has(right))).toEqual([]);
});

test("from an image alone, where nothing is there yet, nothing is refused", async () => {
  const health =
    "{ ready: /health, window: { of: 2, passes: 1, consecutive: 1, interval: 50ms, deadline: 15s } }";
  const from = "{ image: teal.test/web, port: 8080 }";
  const { teal, answers } = await opened({ from, objects: [], target: "replicas: 1", health }, BY_SERVICE);
  await teal(0, "deploy", "v1");
  await teal(0, "deploy", "v2");
  await teal(0, "rollback");
  expect(refusals(answers())).toEqual([]);
});

test("behind a route, the four rights to it are used, and nothing is refused", async () => {
  const gateway = await startGateway(cluster);
  try {
    const routing = { by: "gateway", route: "shop" } as const;
    const strategy = "{ blueGreen: { bake: 500ms, keepWarm: 10m, drain: 500ms } }";
    const { shop, teal, answers } = await opened({ target: "gateway: { route: shop }", strategy }, routing);
    const rules = [{ backendRefs: [{ name: "shop", port: 80 }] }];
    await cluster.apply(shop.namespace, gatewayObject("edge"), routeObject("shop", "edge", rules));
    await teal(0, "deploy", "v1");
    await teal(0, "deploy", "v2");
    await teal(0, "rollback");
    expect(refusals(answers())).toEqual([]);
    const routes = (rights: Iterable<string>) => [...rights].filter((right) => right.endsWith("/httproutes"));
    expect(routes(used(answers())).toSorted()).toEqual(routes(granted(routing)).toSorted());
  } finally {
    await gateway.stop();
  }
});

test("what is granted only under a condition is said with it", () => {
  const of = (settings: Pick<ConfiguredSettings, "routing" | "access">, keda: boolean) =>
    rightsFor(settings, { keda }).map(({ group, resource }) => `${group}/${resource}`);
  const outside = { by: "context", context: "x" } as const;
  const least = of({ routing: BY_SERVICE, access: { by: "pod" } }, false);
  const beyond = (settings: Parameters<typeof of>[0], keda: boolean) =>
    [...new Set(of(settings, keda))].filter((each) => !least.includes(each));
  expect(beyond({ routing: BY_SERVICE, access: outside }, false)).toEqual(["/pods/proxy"]);
  expect(beyond({ routing: { by: "gateway", route: "shop" }, access: { by: "pod" } }, false)).toEqual([
    "gateway.networking.k8s.io/httproutes",
  ]);
  expect(beyond({ routing: BY_SERVICE, access: { by: "pod" } }, true)).toEqual(["keda.sh/scaledobjects"]);
});
