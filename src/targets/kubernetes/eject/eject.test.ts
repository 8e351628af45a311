import { expect, test } from "vitest";
import { fence, instant, intentId, millis, version } from "../../../core/units.ts";
import type { TrafficRouter } from "../../../ports/router.ts";
import type { Api } from "../api/api.ts";
import type { Deployment } from "../api/objects.ts";
import { handOver, type EjectWith } from "./eject.ts";
import { LABELS } from "../names.ts";

/* An earlier run has moved users to deployment/shop, and was cut off; green still works on what it had. */

function deployment(name: string, labels: Readonly<Record<string, string>>, own = {}): Deployment {
  return {
    metadata: { name, labels: own },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [] } },
    },
  } as Deployment;
}

const GREEN = { [LABELS.service]: "shop", [LABELS.slot]: "green" };
const OBJECTS: Readonly<Record<string, readonly object[]>> = {
  deployments: [deployment("shop", { app: "shop" }), deployment("shop-green", GREEN, GREEN)],
  endpointslices: [{ endpoints: [{ addresses: ["10.0.0.1"], targetRef: { uid: "p1" } }] }],
  pods: [{ metadata: { name: "shop-1", uid: "p1" } }],
};

const API = {
  namespace: "shop",
  place: "test/shop",
  get: () =>
    Promise.resolve({ is: "ok", value: { metadata: { name: "shop" }, spec: { selector: { app: "shop" } } } }),
  list: (path: string, select: { readonly labels?: string }) => {
    const all = OBJECTS[path.split("/").at(-1) ?? ""] ?? [];
    const items = select.labels?.startsWith(LABELS.service) === true ? all.slice(1) : all;
    return Promise.resolve({ is: "ok", value: { items, resourceVersion: "1" } });
  },
} as unknown as Api;

/** @param inFlight what green says it works on, look by look. */
function leaving(
  inFlight: number[],
  drainCap = 60_000,
): { readonly told: string[]; readonly using: EjectWith } {
  const told: string[] = [];
  const residual = () =>
    Promise.resolve({
      is: "seen",
      value: { inFlight: inFlight.shift() ?? 0 },
      version: version("1"),
      at: instant(0),
    } as const);
  const using = {
    api: API,
    settings: {
      service: "shop",
      routing: { by: "service", service: "shop" },
      propagation: millis(0),
      template: {},
    },
    router: { residual } as unknown as TrafficRouter,
    fence: fence(1),
    intent: intentId("eject-1"),
    drainCap: millis(drainCap),
    readyWithin: millis(1_000),
    progress: (line: string) => told.push(line),
  } as unknown as EjectWith;
  return { told, using };
}

test("what an earlier run did not wait for is waited for: where traffic goes, and the work of the slot it left", async () => {
  const { told, using } = leaving([2, 1]);
  expect(await handOver(using, new AbortController().signal)).toMatchObject({
    is: "handed",
    deployment: "shop",
  });
  expect(told).toEqual(["users reach deployment/shop", "green: 0 in flight"]);
});

test("a run whose lease was lost while a slot still works does not say that users have left it", async () => {
  const { using } = leaving([1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
  const lost = new AbortController();
  setTimeout(() => lost.abort(), 50);
  expect(await handOver(using, lost.signal)).toMatchObject({ is: "refused", cause: { code: "TEAL-K534" } });
});
