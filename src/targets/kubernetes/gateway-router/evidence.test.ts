import { describe, expect, it } from "vitest";
import { allTo, NOBODY, shareOf } from "../../../core/routing.ts";
import type { Condition, EndpointSlice } from "../api/objects.ts";
import { evidenceOf, readyEndpoints, type Seen, undeclared } from "./evidence.ts";
import type { HttpRoute, ParentRef } from "./http-route.ts";

const EDGE: ParentRef = { name: "edge", namespace: "infra" };

function said(type: string, over: Partial<Condition> = {}): Condition {
  return { type, status: "True", reason: type, observedGeneration: 7, ...over };
}

function route(conditions: readonly Condition[], parentRefs: readonly ParentRef[] = [EDGE]): HttpRoute {
  return {
    metadata: { name: "shop", namespace: "shop", generation: 7 },
    spec: { parentRefs },
    status: {
      parents: [
        {
          parentRef: { group: "gateway.networking.k8s.io", kind: "Gateway", ...EDGE },
          controllerName: "example.com/gateway",
          conditions,
        },
      ],
    },
  };
}

const ACCEPTED = route([said("Accepted"), said("ResolvedRefs")]);

describe("what the gateways say of a route", () => {
  it("is enough when each parent accepted this generation and resolved its references", () => {
    expect(undeclared(ACCEPTED)).toBeUndefined();
  });

  it.each([
    [
      "a reason",
      route([
        said("Accepted"),
        said("ResolvedRefs", {
          status: "False",
          reason: "BackendNotFound",
          message: "no Service shop-green",
        }),
      ]),
      "Gateway infra/edge (example.com/gateway): ResolvedRefs: BackendNotFound: no Service shop-green",
    ],
    [
      "a forbidden reference",
      route([said("Accepted"), said("ResolvedRefs", { status: "False", reason: "RefNotPermitted" })]),
      "Gateway infra/edge (example.com/gateway): ResolvedRefs: RefNotPermitted",
    ],
    [
      "a refusal",
      route([said("Accepted", { status: "False", reason: "NotAllowedByListeners" })]),
      "Gateway infra/edge (example.com/gateway): Accepted: NotAllowedByListeners",
    ],
    [
      "an earlier generation",
      route([said("Accepted", { observedGeneration: 6 }), said("ResolvedRefs")]),
      "Gateway infra/edge (example.com/gateway): Accepted: Pending, said of generation 6, the route is at 7",
    ],
    [
      "a missing condition",
      route([said("Accepted")]),
      "Gateway infra/edge (example.com/gateway): ResolvedRefs: Pending, not said yet",
    ],
    [
      "a second parent that nobody took up",
      route([said("Accepted"), said("ResolvedRefs")], [EDGE, { name: "other", sectionName: "web" }]),
      "Gateway other listener web: Pending, no controller has taken up the route",
    ],
    ["no parent at all", route([], []), "HTTPRoute has no parentRefs: no gateway serves it"],
  ])("is told as it is: %s", (_, given, words) => {
    expect(undeclared(given)).toBe(words);
  });
});

describe("endpoints", () => {
  const slice = (service: string, ready: readonly (boolean | undefined)[]): EndpointSlice => ({
    metadata: { name: `${service}-${ready.length}`, labels: { "kubernetes.io/service-name": service } },
    addressType: "IPv4",
    endpoints: ready.map((each, index) => ({
      addresses: [`10.244.1.${index}`],
      conditions: each === undefined ? {} : { ready: each },
    })),
  });

  it("are counted over all slices of a Service; one that says nothing is ready", () => {
    const slices = [
      slice("shop-blue", [true, false]),
      slice("shop-blue", [undefined]),
      slice("shop-green", [true]),
    ];
    expect(readyEndpoints(slices, "shop-blue")).toBe(2);
    expect(readyEndpoints(slices, "shop-gray")).toBe(0);
  });
});

describe("evidence", () => {
  const base: Seen = {
    to: shareOf("green", 25),
    route: ACCEPTED,
    shares: [shareOf("green", 25)],
    follows: true,
    ready: { blue: 2, green: 1 },
    services: { blue: "shop-blue", green: "shop-green" },
  };

  it("reaches as far as the endpoints that get a share", () => {
    expect(evidenceOf(base)).toEqual({
      strength: "endpoints",
      moved: true,
      detail:
        "generation 7 of HTTPRoute shop accepted by every gateway, ready endpoints of shop-blue: 2, " +
        "ready endpoints of shop-green: 1",
    });
    expect(evidenceOf({ ...base, to: allTo("blue"), ready: { blue: 1, green: 0 } }).moved).toBe(true);
    expect(evidenceOf({ ...base, to: NOBODY, ready: { blue: 0, green: 0 } }).moved).toBe(true);
  });

  it.each<[string, Partial<Seen>, string]>([
    [
      "the route says something else",
      { follows: false, shares: [allTo("blue"), allTo("blue")] },
      "HTTPRoute shop says blue 100 %, green 0 %",
    ],
    [
      "a gateway has not accepted it",
      { route: route([]) },
      "Gateway infra/edge (example.com/gateway): Accepted: Pending, not said yet",
    ],
    [
      "a slot with a share is empty",
      { ready: { blue: 2, green: 0 } },
      "Service shop-green has no ready endpoint",
    ],
  ])("is none while %s", (_, over, detail) => {
    expect(evidenceOf({ ...base, ...over })).toMatchObject({ moved: false, detail });
  });
});
