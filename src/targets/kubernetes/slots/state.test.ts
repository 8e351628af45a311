import { describe, expect, it } from "vitest";
import { instant } from "../../../core/units.ts";
import { ANNOTATIONS } from "../names.ts";
import { V1, V2, deployment, place, pod, waiting } from "./testing.ts";
import { ROLLOUT, slotRevision, templateEditors } from "./revision.ts";
import { stateOf, versionOf, type Place } from "./state.ts";

const NOW = instant(Date.parse("2026-01-05T12:01:00Z"));
const LATER = instant(Date.parse("2026-01-05T12:30:00Z"));
const state = (over: Partial<Place> = {}, now = NOW) => stateOf(place(over), [], now);
const phases = (over: Partial<Place>) => state(over).replicas.map(({ phase }) => phase);

describe("a slot is settled", () => {
  it("when its Deployment and its pods say so", () => {
    expect(state()).toMatchObject({ revision: V1, wanted: 2, settled: true });
    expect(phases({})).toEqual(["ready", "ready"]);
  });

  it.each([
    ["the controller has not seen the last change", { status: { observedGeneration: 2 } }],
    ["pods of the template are missing", { status: { updatedReplicas: 1 } }],
    ["pods of an earlier template are left", { status: { replicas: 3 } }],
    [
      "pods have not been ready for minReadySeconds",
      { status: { availableReplicas: 1 }, spec: { minReadySeconds: 5 } },
    ],
    ["the status is empty", { status: { replicas: 0, updatedReplicas: 0, availableReplicas: 0 } }],
  ])("not while %s", (_, change) => {
    expect(state({ deployment: deployment(change) }).settled).toBe(false);
  });

  it("by its pods' own word where ready is all that is asked, before the controllers have counted them", () => {
    const uncounted = deployment({ status: { availableReplicas: 0 } });
    expect(state({ deployment: uncounted }).settled).toBe(true);
    expect(state({ deployment: uncounted, pods: [pod("a"), pod("b", { ready: false })] }).settled).toBe(
      false,
    );
  });

  it("not by a condition: those tell of a rollout that is over (kubernetes#124264, #106054, #106697)", () => {
    const conditions = [
      { type: "Progressing", status: "True", reason: "NewReplicaSetAvailable" },
      { type: "Available", status: "True", reason: "MinimumReplicasAvailable" },
    ];
    const lying = deployment({ status: { conditions, availableReplicas: 0 } });
    expect(state({ deployment: lying, pods: [pod("a", { ready: false })] }).settled).toBe(false);
    // And one that was left behind by a deadline long ago does not unsettle what is well.
    const stale = deployment({
      status: { conditions: [{ type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded" }] },
    });
    expect(state({ deployment: stale }).settled).toBe(true);
  });

  it("not while a pod stops, starts, is missing, or runs another revision", () => {
    const leaving = pod("c", { metadata: { deletionTimestamp: "2026-01-05T12:00:00Z" } });
    expect(state({ pods: [pod("a"), pod("b"), leaving] }).settled).toBe(false);
    expect(state({ pods: [pod("a")] }).settled).toBe(false);
    expect(state({ pods: [pod("a"), waiting("b", "ContainerCreating", "")] }).settled).toBe(false);
    const other = pod("b", { metadata: { annotations: { [ANNOTATIONS.revision]: JSON.stringify(V2) } } });
    const mixed = state({ pods: [pod("a"), other] });
    expect([mixed.settled, mixed.replicas[1]?.revision]).toEqual([false, V2]);
  });

  it("with nothing in it; no replicas are never a ready slot", () => {
    const none = { status: { replicas: 0, updatedReplicas: 0, availableReplicas: 0 }, spec: { replicas: 0 } };
    expect(state({ deployment: deployment(none), pods: [] })).toMatchObject({
      wanted: 0,
      settled: true,
      replicas: [],
    });
    expect(stateOf({ slot: "blue", pods: [] }, [], NOW)).toEqual({
      slot: "blue",
      wanted: 0,
      settled: true,
      replicas: [],
    });
  });
});

describe("a replica", () => {
  const of = (...args: Parameters<typeof pod>) => state({ pods: [pod(...args)] }).replicas[0];
  const ended = { exitCode: 1, reason: "Error", finishedAt: "2026-01-05T12:00:30Z" };

  it("has another life when a container was started again", () => {
    expect(of("a")?.incarnation).toBe("uid-a.0");
    const again = of("a", { web: { restartCount: 1, lastState: { terminated: ended } } });
    expect(again).toMatchObject({
      incarnation: "uid-a.1",
      restarts: 1,
      exit: { code: 1, signal: null, at: Date.parse("2026-01-05T12:00:30Z") },
    });
  });

  it("is forgiven restarts after it has run well for ten minutes, as the kubelet forgets its back-off", () => {
    const pods = [pod("a", { web: { restartCount: 3 } })];
    expect(state({ pods }).replicas[0]?.restarts).toBe(3);
    expect(state({ pods }, LATER).replicas[0]).toMatchObject({ restarts: 0, incarnation: "uid-a.3" });
  });

  it("is starting until its containers run and its startup probe has passed, then unready, then ready", () => {
    expect(of("a", { ready: false, status: { containerStatuses: [], phase: "Pending" } })?.phase).toBe(
      "starting",
    );
    expect(of("a", { ready: false, web: { started: false } })?.phase).toBe("starting");
    expect(of("a", { ready: false })?.phase).toBe("unready");
    expect(of("a")?.phase).toBe("ready");
  });

  it("is not ready before its readiness gates are", () => {
    const spec = { readinessGates: [{ conditionType: "lb.example/attached" }] };
    expect(of("a", { spec })?.phase).toBe("unready");
    const conditions = [
      { type: "Ready", status: "True" },
      { type: "lb.example/attached", status: "True" },
    ];
    expect(of("a", { spec, status: { conditions } })?.phase).toBe("ready");
  });

  it("that is told to go is stopping, whatever else it says", () => {
    expect(of("a", { metadata: { deletionTimestamp: "2026-01-05T12:00:00Z" } })?.phase).toBe("stopping");
  });

  it("has exited between two lives, and crash-loops once the kubelet waits longer and longer", () => {
    expect(of("a", { ready: false, web: { state: { terminated: ended } } })).toMatchObject({
      phase: "exited",
      exit: { code: 1 },
    });
    expect(
      of("a", { ready: false, web: { restartCount: 1, state: { waiting: { reason: "CrashLoopBackOff" } } } })
        ?.phase,
    ).toBe("crashLoop");
  });

  it("tells of memory taken away", () => {
    const oom = { exitCode: 137, reason: "OOMKilled", finishedAt: "2026-01-05T12:00:30Z" };
    expect(of("a", { web: { restartCount: 1, lastState: { terminated: oom } } })?.exit?.signal).toBe(
      "OOMKilled",
    );
  });

  it("is no pod that was evicted: that runs nothing and another one was made for it", () => {
    expect(state({ pods: [pod("a", { status: { phase: "Failed", reason: "Evicted" } })] }).replicas).toEqual(
      [],
    );
  });

  it("counts sidecars' lives, not those of containers that only prepare it", () => {
    const spec = { initContainers: [{ name: "proxy", restartPolicy: "Always" }, { name: "wait" }] };
    const status = {
      initContainerStatuses: [
        { name: "proxy", ready: true, restartCount: 2, state: { running: {} } },
        { name: "wait", ready: true, restartCount: 4, state: { terminated: { exitCode: 0 } } },
      ],
    };
    expect(of("a", { spec, status })).toMatchObject({ incarnation: "uid-a.2", restarts: 2, phase: "ready" });
  });
});

describe("a slot's revision", () => {
  const edited = (manager: string, template: object) =>
    deployment({
      metadata: {
        annotations: { [ANNOTATIONS.revision]: JSON.stringify(V1) },
        managedFields: [
          {
            manager: "teal",
            operation: "Update",
            fieldsV1: { "f:spec": { "f:template": { "f:spec": {} } } },
          },
          { manager, operation: "Update", fieldsV1: { "f:spec": { "f:template": template } } },
          { manager: "kube-controller-manager", operation: "Update", subresource: "status", fieldsV1: {} },
        ],
      },
    });

  it("is nobody's where somebody edited the template", () => {
    const image = { "f:spec": { "f:containers": { 'k:{"name":"web"}': { ".": {}, "f:image": {} } } } };
    const by = edited("kubectl-set", image);
    expect(templateEditors(by)).toEqual(["kubectl-set"]);
    expect(slotRevision(by)).toEqual({ id: "v1", config: "edited by kubectl-set" });
  });

  it("stays the same when its pods are only started anew, or scaled", () => {
    const restart = {
      "f:metadata": { "f:annotations": { ".": {}, "f:kubectl.kubernetes.io/restartedAt": {} } },
    };
    expect(slotRevision(edited("kubectl-rollout", restart))).toEqual(V1);
  });

  it("of an adopted Deployment is what it was adopted with, until its template changes", () => {
    const adopted = (count: string) =>
      deployment({
        metadata: {
          annotations: {
            [ANNOTATIONS.revision]: JSON.stringify(V1),
            [ANNOTATIONS.adopted]: JSON.stringify({ rollout: "7" }),
            [ROLLOUT]: count,
          },
          managedFields: [
            { manager: "helm", operation: "Update", fieldsV1: { "f:spec": { "f:template": { "f:x": {} } } } },
          ],
        },
      });
    expect(slotRevision(adopted("7"))).toEqual(V1);
    expect(slotRevision(adopted("8"))?.config).toMatch(/^edited by/);
  });

  it("is none where the annotation is missing or damaged", () => {
    expect(slotRevision(deployment({ metadata: { annotations: {} } }))).toBeUndefined();
    expect(
      slotRevision(deployment({ metadata: { annotations: { [ANNOTATIONS.revision]: "{" } } })),
    ).toBeUndefined();
  });
});

describe("the version of a slot", () => {
  const same = versionOf(deployment());

  it("changes with what anybody tells it: specification and fence, and with another Deployment by its name", () => {
    expect(versionOf(deployment({ metadata: { generation: 4 } }))).not.toBe(same);
    expect(versionOf(deployment({ metadata: { annotations: { [ANNOTATIONS.epoch]: "6" } } }))).not.toBe(same);
    expect(versionOf(deployment({ metadata: { uid: "d2" } }))).not.toBe(same);
    expect(versionOf(undefined)).not.toBe(same);
  });

  it("does not change with what only happens to it", () => {
    expect(versionOf(deployment({ metadata: { resourceVersion: "200" }, status: { replicas: 1 } }))).toBe(
      same,
    );
  });
});
