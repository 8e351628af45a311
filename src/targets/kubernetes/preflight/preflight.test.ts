import { describe, expect, test } from "vitest";
import type { Plan, StrategyKind } from "../../../core/plan.ts";
import { allTo, NOBODY } from "../../../core/routing.ts";
import type { Slot } from "../../../core/units.ts";
import type { Service } from "../api/objects.ts";
import { selectorText } from "../logs.ts";
import { additionalPods, budgetFindings, serviceFindings, wayFindings } from "./preflight.ts";
import type { RenderedRevision } from "../template/rendered.ts";

/** As much of a plan as is looked at: blue serves with four replicas, green is to be the candidate. */
function plan(kind: StrategyKind, more: { serving?: Slot | "nobody"; green?: number } = {}): Plan {
  const { serving = "blue", green = 0 } = more;
  return {
    request: { strategy: { kind, batch: 1 }, replicas: 3 },
    candidate: { slot: "green", revision: { id: "v2", config: "c" } },
    baseline: {
      serving,
      weights: serving === "nobody" ? NOBODY : allTo(serving),
      slots: { blue: { wanted: serving === "nobody" ? 0 : 4 }, green: { wanted: green } },
    },
  } as unknown as Plan;
}

test.each([
  ["blueGreen", {}, 4],
  ["canary", { green: 1 }, 3],
  ["blueGreen", { serving: "nobody" }, 3],
  ["rolling", {}, 1],
  ["recreate", {}, 0],
  ["recreate", { serving: "nobody" }, 3],
] as const)("%s from %o needs %i more pods at the most", (kind, more, pods) => {
  expect(additionalPods(plan(kind, more))).toBe(pods);
});

describe("the Service that users reach", () => {
  const service = (spec: Service["spec"]): Service => ({ metadata: { name: "shop" }, spec });
  const labels = { app: "shop", component: "web-green" };

  test("must not reach a candidate that was not checked yet, unless the strategy pools both", () => {
    const reaching = service({ selector: { app: "shop" } });
    expect(serviceFindings(reaching, plan("blueGreen"), labels)).toMatchObject([
      { is: "blocks", cause: { code: "TEAL-K613" } },
    ]);
    expect(serviceFindings(reaching, plan("rolling"), labels)).toEqual([]);
    expect(serviceFindings(service({ selector: { app: "shop-blue" } }), plan("blueGreen"), labels)).toEqual(
      [],
    );
  });

  test("should not send users to pods that are not ready", () => {
    const open = service({ selector: { app: "x" }, publishNotReadyAddresses: true });
    expect(serviceFindings(open, plan("blueGreen"), labels)).toMatchObject([
      { is: "warns", cause: { code: "TEAL-K614" } },
    ]);
  });
});

test("a budget is told of only where it sees the template's pods and not the slots'", () => {
  const rendered = {
    service: "shop",
    template: { metadata: { labels: { app: "shop" } } },
  } as unknown as RenderedRevision;
  const budget = (name: string, matchLabels: Record<string, string>) => ({
    metadata: { name },
    spec: { selector: { matchLabels } },
  });
  const slot = { app: "shop-green", tier: "web" };
  const all = [budget("lost", { app: "shop" }), budget("foreign", { app: "db" }), budget("both", {})];
  const found = budgetFindings(all, rendered, slot);
  expect(found.map(({ cause }) => cause.message.split(" ")[1])).toEqual(["lost"]);
});

test("a selector as a query has it", () => {
  const selector = {
    matchLabels: { app: "shop" },
    matchExpressions: [
      { key: "tier", operator: "In", values: ["web", "api"] },
      { key: "track", operator: "NotIn", values: ["test"] },
      { key: "a", operator: "Exists" },
      { key: "b", operator: "DoesNotExist" },
    ],
  } as const;
  expect(selectorText(selector)).toBe("app=shop,tier in (web,api),track notin (test),a,!b");
});

describe("checks that go through the API server", () => {
  const asking = (headers: Readonly<Record<string, string>>): Plan =>
    ({
      request: { checks: { checks: [{ name: "deep[0]", ask: "http", http: { path: "/db", headers } }] } },
    }) as unknown as Plan;
  const outside = { access: { by: "context", context: "prod" } } as const;

  test("are refused with a header that it would take for itself, before anything starts", () => {
    expect(wayFindings(outside, asking({ Authorization: "Bearer x" }))).toMatchObject([
      { is: "blocks", cause: { code: "TEAL-K617", message: expect.stringContaining("check deep[0]") } },
    ]);
    expect(wayFindings(outside, asking({ "x-key": "x" }))).toEqual([]);
  });

  test("may hold anything where pods are asked directly", () => {
    expect(wayFindings({ access: { by: "pod" } }, asking({ Authorization: "Bearer x" }))).toEqual([]);
  });
});
