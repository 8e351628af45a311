import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { sharedCluster } from "../../../../test/cluster/cluster.ts";
import {
  type Answered,
  askDuring,
  askMany,
  askOnce,
  countByWord,
} from "../../../../test/cluster/gateway/asking.ts";
import { startGateway, type TestGateway } from "../../../../test/cluster/gateway/start.ts";
import { until } from "../../../../test/e2e/processes.ts";
import { allTo, NOBODY, type Shares, shareOf } from "../../../core/routing.ts";
import { instant, type Slot, version } from "../../../core/units.ts";
import { slotLabels } from "../names.ts";
import { apiOf, as, NEVER } from "../service-router/test-support.ts";
import type { GatewayRouting } from "../settings.ts";
import type { RouteRule } from "./http-route.ts";
import { createGatewayRouter, type GatewayRouter } from "./router.ts";
import type { Identify } from "./sampling.ts";
import { applyGateway, applyRoute, BLUE, gatewaySettings, readRoute } from "./test-support.ts";

const cluster = await sharedCluster();
let gateway: TestGateway;
let namespace = "";
let url = "";

beforeAll(async () => {
  gateway = await startGateway(cluster);
  namespace = await cluster.namespace("gateway");
  url = await applyGateway(cluster, namespace);
}, 120_000);

afterAll(async () => {
  await gateway.stop();
  await cluster.stop();
});

interface Given {
  readonly rules?: readonly RouteRule[];
  readonly routing?: Partial<GatewayRouting>;
  readonly identify?: Identify;
}

/** A router of a fresh route; both are gone when the test ends. */
async function routerOf({ rules, routing = {}, identify }: Given = {}): Promise<
  GatewayRouter & { route: string }
> {
  await cluster.kubectl("delete", "lease", "teal-shop", "-n", namespace, "--ignore-not-found");
  const route = await applyRoute(cluster, namespace, rules);
  const settings = gatewaySettings(namespace, cluster.kubeconfig, route, routing);
  const api = await apiOf(settings);
  onTestFinished(async () => {
    api.close();
    await cluster.kubectl("delete", "httproute", route, "-n", namespace);
  });
  return { ...createGatewayRouter(api, settings, identify === undefined ? {} : { identify }), route };
}

async function shifted(router: GatewayRouter, to: Shares): Promise<void> {
  expect(await router.shift(to, "any", as(1))).toMatchObject({ is: "applied" });
  await followed(router, to);
}

async function followed(router: GatewayRouter, to: Shares): Promise<void> {
  const moved = async () => {
    const look = await router.sample(to, NEVER);
    return look.is === "seen" && look.value.moved;
  };
  // On a busy machine the controller of EndpointSlices takes its time: after an outdated look it backs off.
  await until("traffic to follow", moved, 60_000);
}

const slotOf = ({ status, body }: Answered): Slot | undefined =>
  status === 200 && (body.startsWith("blue ") || body.startsWith("green "))
    ? (body.split(" ")[0] as Slot)
    : undefined;

const revisions = async (
  headers: Readonly<Record<string, string>>,
  count = 12,
): Promise<Readonly<Record<string, number>>> => countByWord(await askMany(cluster, { url, count, headers }));

describe("users of a route", () => {
  test("are divided as the canary's weights say, at each step", async () => {
    const router = await routerOf();
    await followed(router, allTo("blue"));
    for (const share of [5, 25, 50, 100]) {
      await shifted(router, shareOf("green", share));
      const counts = countByWord(await askMany(cluster, { url, count: 400 }));
      const green = ((counts["green"] ?? 0) / 400) * 100;
      expect(Math.abs(green - share), `${green} % of 400 at ${share} %`).toBeLessThanOrEqual(1.5);
      expect((counts["blue"] ?? 0) + (counts["green"] ?? 0)).toBe(400);
    }
  });

  test("are answered without a gap while the weights change under them", async () => {
    const router = await routerOf();
    await followed(router, allTo("blue"));
    const answers = await askDuring(cluster, url, async () => {
      const steps = [
        shareOf("green", 5),
        shareOf("green", 50),
        allTo("green"),
        allTo("blue"),
        allTo("green"),
      ];
      for (const to of steps) await shifted(router, to);
    });
    const counts = countByWord(answers);
    expect(Object.keys(counts).toSorted()).toEqual(["blue", "green"]);
  });

  test("get nothing when nobody is to serve, and are served again afterwards", async () => {
    const router = await routerOf();
    await shifted(router, NOBODY);
    expect(await revisions({})).toEqual({ "500": 12 });
    await shifted(router, allTo("green"));
    expect(await revisions({})).toEqual({ green: 12 });
  });

  test("prove by their answers that traffic moved", async () => {
    const identify: Identify = async () => {
      const answers = await Promise.all(Array.from({ length: 5 }, () => askOnce({ url })));
      return { is: "seen", value: answers.map(slotOf), version: version(""), at: instant(Date.now()) };
    };
    const router = await routerOf({ identify });
    await shifted(router, allTo("green"));
    expect(await router.sample(allTo("green"), NEVER)).toMatchObject({
      value: {
        strength: "identity",
        moved: true,
        detail: "5 answers of the gateway: 0 from blue, 5 from green; wanted blue 0 %, green 100 %",
      },
    });
  });
});

describe("testers", () => {
  const testers = { header: { name: "X-Try", value: "1" }, cookie: { name: "try", value: "yes" } };

  test("reach a candidate at 0 % by header or cookie, and nobody else does", async () => {
    const router = await routerOf({ routing: { testers } });
    await followed(router, allTo("blue"));
    expect(await router.expose("green", as(1))).toMatchObject({ is: "applied" });
    await followed(router, allTo("blue"));
    expect(await revisions({ "X-Try": "1" })).toEqual({ green: 12 });
    expect(await revisions({ Cookie: "try=yes" })).toEqual({ green: 12 });
    expect(await revisions({ Cookie: "a=1; try=yes; b=2" })).toEqual({ green: 12 });
    expect(await revisions({ Cookie: "entry=yes; try=yesterday" })).toEqual({ blue: 12 });
    expect(await revisions({ "X-Try": "2" })).toEqual({ blue: 12 });
    expect(await revisions({})).toEqual({ blue: 12 });
    expect(await router.expose("green", as(1))).toMatchObject({ is: "unchanged" });
  });

  test("stay with the candidate while its share grows, and are users like others after the cutover", async () => {
    const router = await routerOf({ routing: { testers } });
    await router.expose("green", as(1));
    await shifted(router, shareOf("green", 75));
    expect(await revisions({ "X-Try": "1" })).toEqual({ green: 12 });
    await shifted(router, allTo("green"));
    expect((await readRoute(cluster, namespace, router.route)).spec.rules).toHaveLength(1);
    await shifted(router, allTo("blue"));
    expect(await revisions({ "X-Try": "1" })).toEqual({ blue: 12 });
  });

  test("pass the rule that they would have passed anyway, with its filters", async () => {
    const modify = { type: "RequestRedirect", requestRedirect: { statusCode: 302, hostname: "elsewhere" } };
    const rules: readonly RouteRule[] = [
      { matches: [{ path: { type: "PathPrefix", value: "/moved" } }], filters: [modify] },
      BLUE,
    ];
    const router = await routerOf({ rules, routing: { testers } });
    await router.expose("green", as(1));
    await followed(router, allTo("blue"));
    const headers = { "X-Try": "1" };
    expect(countByWord(await askMany(cluster, { url: `${url}/moved`, count: 4, headers }))).toEqual({
      "302": 4,
    });
    expect(await revisions(headers)).toEqual({ green: 12 });
  });

  test("meet nobody in particular once the candidate is hidden", async () => {
    const router = await routerOf({ routing: { testers } });
    const before = await readRoute(cluster, namespace, router.route);
    await router.expose("green", as(1));
    expect(await router.hide("blue", as(1))).toMatchObject({ is: "unchanged" });
    expect(await router.hide("green", as(1))).toMatchObject({ is: "applied" });
    expect((await readRoute(cluster, namespace, router.route)).spec).toEqual(before.spec);
  });
});

test("a mirror shows the candidate what users ask, who are answered by live only", async () => {
  const router = await routerOf({ routing: { mirror: true } });
  await router.expose("green", as(1));
  await followed(router, allTo("blue"));
  const requests = async (slot: Slot) => {
    const read = await router.residual(slot, NEVER);
    return read.is === "seen" ? (read.value.newRequests ?? Number.NaN) : Number.NaN;
  };
  const [blue, green] = [await requests("blue"), await requests("green")];
  expect(await revisions({}, 40)).toEqual({ blue: 40 });
  await until("the copies", async () => (await requests("green")) - green === 40);
  expect((await requests("blue")) - blue).toBe(40);
  await shifted(router, shareOf("green", 50));
  expect((await readRoute(cluster, namespace, router.route)).spec.rules?.[0]).not.toHaveProperty("filters");
});

describe("a route", () => {
  const others: readonly RouteRule[] = [
    {
      name: "partners",
      matches: [
        {
          path: { type: "PathPrefix", value: "/partners" },
          headers: [{ type: "Exact", name: "X-Tenant", value: "a" }],
        },
      ],
      filters: [
        { type: "RequestHeaderModifier", requestHeaderModifier: { set: [{ name: "X-A", value: "1" }] } },
      ],
      backendRefs: [{ name: "partners", port: 8080, weight: 3 }],
      timeouts: { request: "7s", backendRequest: "3s" },
    },
    { matches: [{ path: { type: "Exact", value: "/gone" } }] },
  ];

  test("keeps every rule that is not divided byte for byte, through a whole canary", async () => {
    const [partners, gone] = others as [RouteRule, RouteRule];
    const rules = [partners, { ...BLUE, timeouts: { request: "9s" } }, gone];
    const router = await routerOf({ rules, routing: { testers: { header: { name: "X-Try", value: "1" } } } });
    const foreign = async () => {
      const { spec } = await readRoute(cluster, namespace, router.route);
      return JSON.stringify([
        spec.parentRefs,
        spec.rules?.filter(
          (rule) => rule.backendRefs?.[0]?.name !== "shop-blue" && rule.name?.startsWith("teal-") !== true,
        ),
      ]);
    };
    const before = await foreign();
    await router.expose("green", as(1));
    for (const share of [5, 50, 100, 0]) {
      expect(await router.shift(shareOf("green", share), "any", as(1))).toMatchObject({ is: "applied" });
      expect(await foreign()).toBe(before);
    }
  });

  test("is switched in all of its rules by one write", async () => {
    const api = { ...BLUE, matches: [{ path: { type: "PathPrefix", value: "/api" } }] };
    const router = await routerOf({ rules: [BLUE, api] });
    const { metadata } = await readRoute(cluster, namespace, router.route);
    await router.shift(shareOf("green", 25), "any", as(1));
    const after = await readRoute(cluster, namespace, router.route);
    expect(after.metadata.generation).toBe((metadata.generation ?? 0) + 1);
    expect(after.spec.rules?.map((rule) => rule.backendRefs?.map((ref) => ref.weight))).toEqual([
      [75, 25],
      [75, 25],
    ]);
  });

  test("that still names the original Service moves to a slot without an outage", async () => {
    const original = `original-${randomBytes(3).toString("hex")}`;
    await cluster.apply(namespace, {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: original },
      spec: { selector: slotLabels("shop", "blue"), ports: [{ port: 80, targetPort: "http" }] },
    });
    const rules = [{ backendRefs: [{ name: original, port: 80 }] }];
    const router = await routerOf({ rules, routing: { service: original } });
    expect(await router.observe(NEVER)).toMatchObject({ value: { weights: allTo("blue") } });
    await followed(router, allTo("blue"));
    const answers = await askDuring(cluster, url, async () => {
      await shifted(router, shareOf("green", 50));
      await shifted(router, allTo("green"));
    });
    expect(Object.keys(countByWord(answers)).toSorted()).toEqual(["blue", "green"]);
    expect(await revisions({})).toEqual({ green: 12 });
    // The slot is let go: now the original reaches nobody's pods, and gives way.
    await cluster.kubectl(
      "patch",
      "service",
      original,
      "-n",
      namespace,
      "--type=merge",
      "-p",
      '{"spec":{"selector":{"app":"gone"}}}',
    );
    await shifted(router, allTo("blue"));
    const { spec } = await readRoute(cluster, namespace, router.route);
    expect(spec.rules?.[0]?.backendRefs?.map((ref) => `${ref.name} ${ref.weight}`)).toEqual([
      "shop-green 0",
      "shop-blue 100",
    ]);
  });

  test("whose gateway does not find a backend is no proof, and the reason is named", async () => {
    const router = await routerOf({ rules: [BLUE, { ...others[0], name: "partners" }] });
    await router.shift(allTo("green"), "any", as(1));
    await until("the gateway's word", async () => {
      const look = await router.sample(allTo("green"), NEVER);
      return (
        look.is === "seen" &&
        !look.value.moved &&
        look.value.detail ===
          "Gateway edge (teal.dev/test-gateway): ResolvedRefs: BackendNotFound: " +
            `Service ${namespace}/partners:8080`
      );
    });
  });

  test("that nobody divides, or that is not there, is told as what it is", async () => {
    const router = await routerOf({ rules: [{ backendRefs: [{ name: "elsewhere", port: 80 }] }] });
    expect(await router.observe(NEVER)).toMatchObject({ is: "unreadable", cause: { code: "TEAL-K351" } });
    expect(await router.shift(allTo("green"), "any", as(1))).toMatchObject({ cause: { code: "TEAL-K351" } });
    const settings = gatewaySettings(namespace, cluster.kubeconfig, "nowhere");
    const api = await apiOf(settings);
    onTestFinished(() => api.close());
    const lost = createGatewayRouter(api, settings);
    expect(await lost.observe(NEVER)).toMatchObject({ is: "unreadable", cause: { code: "TEAL-K350" } });
    expect(await lost.shift(allTo("green"), "any", as(1))).toMatchObject({
      is: "rejected",
      cause: { code: "TEAL-K350" },
    });
  });

  test("that the API server does not accept is refused with its words", async () => {
    const many = Array.from({ length: 9 }, (_, n) => ({
      ...BLUE,
      matches: [{ path: { type: "PathPrefix", value: `/${n}` } }],
    }));
    const router = await routerOf({
      rules: many,
      routing: { testers: { header: { name: "X-Try", value: "1" } } },
    });
    const answer = await router.expose("green", as(1));
    expect(answer).toMatchObject({ is: "rejected", cause: { code: "TEAL-K115" } });
    // Going back needs no testers' rules, so nothing stands in its way.
    expect(await router.shift(allTo("green"), "any", as(1))).toMatchObject({ is: "applied" });
  });

  test("edited by somebody else meanwhile keeps the edit, and the shift still takes effect", async () => {
    const [partners] = others as [RouteRule];
    const router = await routerOf({ rules: [BLUE, partners] });
    const seen = await router.observe(NEVER);
    if (seen.is !== "seen") throw new Error(seen.cause.message);
    await cluster.kubectl(
      "patch",
      "httproute",
      router.route,
      "-n",
      namespace,
      "--type=json",
      "-p",
      JSON.stringify([{ op: "replace", path: "/spec/rules/1/timeouts/request", value: "8s" }]),
    );
    expect(await router.shift(allTo("green"), seen.version, as(1))).toMatchObject({ is: "applied" });
    const { spec } = await readRoute(cluster, namespace, router.route);
    expect(spec.rules?.[1]?.["timeouts"]).toEqual({ request: "8s", backendRequest: "3s" });
    expect(spec.rules?.[0]?.backendRefs?.map((ref) => ref.weight)).toEqual([0, 100]);
  });

  test("whose weights somebody else changed is a conflict", async () => {
    const router = await routerOf();
    const seen = await router.observe(NEVER);
    if (seen.is !== "seen") throw new Error(seen.cause.message);
    await cluster.kubectl(
      "patch",
      "httproute",
      router.route,
      "-n",
      namespace,
      "--type=json",
      "-p",
      JSON.stringify([{ op: "replace", path: "/spec/rules/0/backendRefs/1/weight", value: 50 }]),
    );
    expect(await router.shift(allTo("green"), seen.version, as(1))).toMatchObject({
      is: "conflict",
      seen: { weights: { blue: 66.6667, green: 33.3333 } },
    });
  });
});
