import { describe, expect, test } from "vitest";
import type { PodSpec } from "../api/objects.ts";
import {
  amount,
  nodeFindings,
  podResources,
  quotaFindings,
  rangeFindings,
  roomOf,
  type LimitRange,
  type ResourceQuota,
} from "./capacity.ts";

const container = (requests: object, limits: object = {}, more: object = {}) => ({
  name: "web",
  resources: { requests, limits },
  ...more,
});
const pod = (...containers: PodSpec["containers"]): PodSpec => ({ containers });

const SMALL = pod(container({ cpu: "250m", memory: "128Mi" }, { memory: "256Mi" }));

function quota(hard: Record<string, string>, used: Record<string, string>, spec = {}): ResourceQuota {
  return { metadata: { name: "team" }, spec, status: { hard, used } };
}

function range(...limits: NonNullable<NonNullable<LimitRange["spec"]>["limits"]>): LimitRange {
  return { metadata: { name: "bounds" }, spec: { limits } };
}

const addition = (spec: PodSpec, pods: number) => ({ pods, each: podResources(spec, []), objects: {} });

test.each([
  ["1", 1e9],
  ["250m", 25e7],
  ["1.5", 15e8],
  ["1Ki", 1024e9],
  ["2k", 2000e9],
  ["nonsense", 0],
  [undefined, 0],
])("%s is %s billionths", (text, billionths) => {
  expect(amount(text)).toBe(billionths);
});

describe("a pod asks for", () => {
  test("the sum of its containers", () => {
    const { requests } = podResources(pod(container({ cpu: "1" }), container({ cpu: "500m" })), []);
    expect(requests).toEqual({ cpu: 15e8 });
  });

  test("what its largest init container needs, with the sidecars that were started before it", () => {
    const spec = {
      ...pod(container({ cpu: "1" })),
      initContainers: [
        container({ cpu: "200m" }, {}, { restartPolicy: "Always" }),
        container({ cpu: "3" }),
        container({ cpu: "100m" }, {}, { restartPolicy: "Always" }),
      ],
    };
    // 3 + the first sidecar while starting; 1 + both sidecars while running.
    expect(podResources(spec, []).requests).toEqual({ cpu: 32e8 });
    const light = { ...spec, initContainers: [spec.initContainers[0]!, spec.initContainers[2]!] };
    expect(podResources(light, []).requests).toEqual({ cpu: 13e8 });
  });

  test("its limit where it says no request, and the namespace's defaults where it says neither", () => {
    expect(podResources(pod(container({}, { cpu: "2" })), []).requests).toEqual({ cpu: 2e9 });
    const defaults = range({ type: "Container", default: { cpu: "1" }, defaultRequest: { cpu: "100m" } });
    expect(podResources(pod({ name: "web" }), [defaults])).toEqual({
      requests: { cpu: 1e8 },
      limits: { cpu: 1e9 },
    });
    expect(podResources(SMALL, [defaults]).requests["cpu"]).toBe(25e7);
  });

  test("its overhead, too", () => {
    const spec = { ...SMALL, overhead: { cpu: "50m" } };
    expect(podResources(spec, []).requests["cpu"]).toBe(3e8);
  });
});

describe("a quota", () => {
  test("with room says nothing, also to the last millicore", () => {
    const full = quota({ "requests.cpu": "1", pods: "4" }, { "requests.cpu": "500m", pods: "2" });
    expect(quotaFindings(addition(SMALL, 2), [full])).toEqual([]);
  });

  test("without room blocks, with every resource that is short", () => {
    const full = quota(
      { cpu: "1", "limits.memory": "1Gi", pods: "10" },
      { cpu: "900m", "limits.memory": "768Mi" },
    );
    const [finding] = quotaFindings(addition(SMALL, 2), [full]);
    expect(finding).toMatchObject({ is: "blocks", cause: { code: "TEAL-K606" } });
    expect(finding?.cause.message).toBe(
      "ResourceQuota team has no room for 2 more pods: cpu 500m needed, 100m of 1 free; limits.memory 512Mi needed, 256Mi of 1Gi free",
    );
  });

  test("on a resource that the pods do not say blocks, since it refuses them", () => {
    const [finding] = quotaFindings(addition(pod({ name: "web" }), 1), [quota({ "limits.cpu": "8" }, {})]);
    expect(finding?.cause.message).toContain("every container has to say it");
  });

  test("with scopes proves nothing; with nothing to add it is not asked", () => {
    const hard = { pods: "1" };
    const scoped = quota(hard, { pods: "1" }, { scopes: ["BestEffort"] });
    expect(quotaFindings(addition(SMALL, 1), [scoped])).toMatchObject([{ is: "unproven" }]);
    expect(quotaFindings(addition(SMALL, 0), [quota(hard, { pods: "1" })])).toEqual([]);
  });

  test("on objects counts the first deployment's", () => {
    const first = { pods: 0, each: podResources(SMALL, []), objects: { services: 1, "deployments.apps": 1 } };
    const full = quota({ services: "5", "count/deployments.apps": "9" }, { services: "5" });
    expect(quotaFindings(first, [full])).toMatchObject([{ is: "blocks" }]);
    expect(quotaFindings({ ...first, objects: { services: 0 } }, [full])).toEqual([]);
  });
});

test("a LimitRange refuses containers and pods outside its bounds, and no others", () => {
  const bounds = range(
    { type: "Container", min: { cpu: "500m" }, max: { memory: "200Mi" } },
    { type: "Pod", max: { memory: "1Gi" } },
  );
  const [finding] = rangeFindings(SMALL, [bounds]);
  expect(finding).toMatchObject({ is: "blocks", cause: { code: "TEAL-K607" } });
  expect(finding?.cause.message).toContain("container web: cpu 250m is less than 500m");
  expect(finding?.cause.message).toContain("container web: memory 256Mi is more than 200Mi");
  expect(rangeFindings(pod(container({ cpu: "1" })), [bounds])).toEqual([]);
});

describe("nodes", () => {
  const node = (name: string, cpu: string, more: object = {}) => ({
    metadata: { name },
    status: { allocatable: { cpu, memory: "4Gi", pods: "10" } },
    ...more,
  });
  const on = (nodeName: string, spec: PodSpec) => ({ spec: { ...spec, nodeName } });

  test("have the room that their pods leave, if they are usable", () => {
    const cordoned = node("c", "8", { spec: { unschedulable: true } });
    const lost = {
      ...node("d", "8"),
      status: { ...node("d", "8").status, conditions: [{ type: "Ready", status: "Unknown" }] },
    };
    const rooms = roomOf([node("a", "1"), node("b", "2"), cordoned, lost], [on("a", SMALL), on("a", SMALL)]);
    expect(rooms.map(({ cpu, pods }) => [cpu, pods])).toEqual([
      [5e8, 8],
      [2e9, 10],
    ]);
  });

  test("without room warn; each node is filled by itself", () => {
    const big = pod(container({ cpu: "600m" }));
    // Together 1.5 cores, yet each node takes one.
    const rooms = roomOf([node("a", "800m"), node("b", "700m")], []);
    expect(nodeFindings(addition(big, 2), rooms)).toEqual([]);
    const [finding] = nodeFindings(addition(big, 3), rooms);
    expect(finding).toMatchObject({ is: "warns", cause: { code: "TEAL-K608" } });
    expect(finding?.cause.message).toContain("room for 2 of 3 more pods");
  });
});
