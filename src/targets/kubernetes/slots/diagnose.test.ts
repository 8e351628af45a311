import { describe, expect, it } from "vitest";
import type { Event } from "../api/objects.ts";
import { diagnose } from "./diagnose.ts";
import { deployment, event, place, pod, waiting } from "./testing.ts";
import type { Place } from "./state.ts";

const COLD = { status: { availableReplicas: 0, readyReplicas: 0 } };

function found(over: Partial<Place>, events: readonly Event[] = []) {
  return diagnose(place({ deployment: deployment(COLD), ...over }), events);
}

function short(over: Partial<Place>, events: readonly Event[] = []): unknown {
  const finding = found(over, events);
  return finding === undefined ? "nothing" : [finding.cause.code, finding.patience];
}

describe("an image", () => {
  const missing = 'failed to resolve reference "r.io/web:v9": r.io/web:v9: not found';

  it("that the registry does not have is given up at once, quoting the event", () => {
    const pods = [waiting("a", "ErrImagePull", missing)];
    const events = [event("a", "Failed", `Failed to pull image: ${missing}`)];
    expect(short({ pods })).toEqual(["TEAL-K204", 0]);
    expect(found({ pods }, events)?.cause).toEqual({
      code: "TEAL-K204",
      message: "container web of a: image teal.test/web:v1 cannot be pulled",
      evidence: [`event Failed: Failed to pull image: ${missing}`],
    });
  });

  it("is given up at once while the kubelet waits to try again, by what the event said", () => {
    const pods = [waiting("a", "ImagePullBackOff", "Back-off pulling image")];
    expect(short({ pods })).toEqual(["TEAL-K204", 20_000]);
    expect(short({ pods }, [event("a", "Failed", "pull access denied, repository does not exist")])).toEqual([
      "TEAL-K204",
      0,
    ]);
  });

  it("that only took too long is tried again for a while", () => {
    expect(short({ pods: [waiting("a", "ErrImagePull", "dial tcp 10.0.0.9:443: i/o timeout")] })).toEqual([
      "TEAL-K204",
      20_000,
    ]);
  });

  it.each(["InvalidImageName", "ErrImageNeverPull"])("with %s is given up at once", (reason) => {
    expect(short({ pods: [waiting("a", reason, "no")] })).toEqual(["TEAL-K204", 0]);
  });
});

describe("a container", () => {
  it("that crash-loops is given up at once, with its exit code", () => {
    const pods = [
      waiting("a", "CrashLoopBackOff", "back-off 5m0s restarting failed container", {
        restartCount: 4,
        lastState: { terminated: { exitCode: 3, reason: "Error" } },
      }),
    ];
    expect(found({ pods })?.cause).toEqual({
      code: "TEAL-K205",
      message: "container web of a ended with exit code 3, restarted 4 times",
    });
    expect(short({ pods })).toEqual(["TEAL-K205", 0]);
  });

  it("that was killed for its memory says so", () => {
    const terminated = { exitCode: 137, reason: "OOMKilled" };
    expect(found({ pods: [pod("a", { ready: false, web: { state: { terminated } } })] })?.cause.message).toBe(
      "container web of a was killed: it used more memory than its limit",
    );
  });

  it("that was killed by its liveness probe says so, with the probe's words", () => {
    const events = [
      event("a", "Killing", "Container web failed liveness probe, will be restarted", "Normal"),
      event("a", "Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 500"),
    ];
    const terminated = { exitCode: 143, reason: "Error" };
    const cause = found(
      { pods: [pod("a", { ready: false, web: { state: { terminated } } })] },
      events,
    )?.cause;
    expect(cause?.message).toBe("container web of a was killed: it failed liveness probe");
    expect(cause?.evidence).toContain(
      "event Unhealthy: Liveness probe failed: HTTP probe failed with statuscode: 500",
    );
  });

  it("whose program is not there cannot be run", () => {
    const terminated = { exitCode: 128, reason: "StartError", message: 'exec: "serve": not found' };
    expect(found({ pods: [pod("a", { ready: false, web: { state: { terminated } } })] })?.cause.message).toBe(
      'container web of a cannot be run: exec: "serve": not found',
    );
  });

  it("that prepares the pod and fails again and again is given up; one that ended well is not", () => {
    const init = (state: object) =>
      pod("a", {
        ready: false,
        spec: { initContainers: [{ name: "wait", image: "i" }] },
        status: {
          phase: "Pending",
          containerStatuses: [
            { name: "web", ready: false, restartCount: 0, state: { waiting: { reason: "PodInitializing" } } },
          ],
          initContainerStatuses: [{ name: "wait", ready: false, restartCount: 2, ...state }],
        },
      });
    const failing = {
      state: { waiting: { reason: "CrashLoopBackOff" } },
      lastState: { terminated: { exitCode: 1 } },
    };
    expect(short({ pods: [init(failing)] })).toEqual(["TEAL-K205", 0]);
    expect(short({ pods: [init({ state: { terminated: { exitCode: 0 } } })] })).toBe("nothing");
  });

  it("that lacks a ConfigMap or Secret is given up after the moment that whoever makes it may need", () => {
    const pods = [waiting("a", "CreateContainerConfigError", 'secret "db" not found')];
    expect(short({ pods })).toEqual(["TEAL-K206", 5_000]);
    expect(found({ pods })?.cause.message).toBe(
      'container web of a cannot be configured: secret "db" not found',
    );
  });

  it("that is being created is waited for", () => {
    expect(short({ pods: [waiting("a", "ContainerCreating", "")] })).toBe("nothing");
  });
});

describe("a pod that no node takes", () => {
  const condition = (reason: string) => ({
    phase: "Pending",
    containerStatuses: [],
    conditions: [
      {
        type: "PodScheduled",
        status: "False",
        reason,
        message: "0/3 nodes are available: 3 Insufficient cpu.",
      },
    ],
  });
  const pods = [pod("a", { ready: false, status: condition("Unschedulable") })];

  it("is waited for as long as a node may need, in the scheduler's words", () => {
    expect(short({ pods })).toEqual(["TEAL-K207", 30_000]);
    expect(found({ pods })?.cause.message).toBe(
      "no node takes a: 0/3 nodes are available: 3 Insufficient cpu.",
    );
  });

  it("is waited for to the deadline when an autoscaler brings a node, and hardly when it says that none will do", () => {
    expect(short({ pods }, [event("a", "TriggeredScaleUp", "pod triggered scale-up", "Normal")])).toEqual([
      "TEAL-K207",
      Infinity,
    ]);
    expect(
      short({ pods }, [event("a", "NotTriggerScaleUp", "max node group size reached", "Normal")]),
    ).toEqual(["TEAL-K207", 5_000]);
  });

  it("because somebody holds it back is only told", () => {
    expect(short({ pods: [pod("a", { ready: false, status: condition("SchedulingGated") })] })).toEqual([
      "TEAL-K207",
      Infinity,
    ]);
  });
});

describe("pods that may not be created", () => {
  const refusedBy = (message: string, over: object = {}) =>
    deployment({
      status: {
        replicas: 0,
        availableReplicas: 0,
        conditions: [{ type: "ReplicaFailure", status: "True", reason: "FailedCreate", message }],
        ...over,
      },
    });
  const quota =
    'pods "shop-green-x" is forbidden: exceeded quota: team, requested: pods=1, used: pods=2, limited: pods=2';

  it.each([
    [quota, 0, "a quota of the namespace"],
    ['admission webhook "policy.example" denied the request: no root', 0, "an admission policy"],
    [
      'pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot',
      0,
      "an admission policy",
    ],
    [
      'pods "x" is forbidden: maximum memory usage per Container is 64Mi, but limit is 1Gi',
      0,
      "a LimitRange of the namespace",
    ],
    [
      'Internal error occurred: failed calling webhook "policy.example": connection refused',
      20_000,
      "a webhook that does not answer",
    ],
    [
      'pods "x" is forbidden: error looking up service account shop/web: serviceaccount "web" not found',
      5_000,
      "the API server",
    ],
    ["etcdserver: request timed out", 20_000, "the API server"],
  ])("%s", (message, patience, what) => {
    const of = { deployment: refusedBy(message), pods: [] };
    expect(short(of)).toEqual(["TEAL-K208", patience]);
    expect(found(of)?.cause.message).toContain(`pods of shop-green are refused by ${what}: `);
  });

  it("for a quota that pods still being stopped fill are waited for", () => {
    const leaving = pod("z", { metadata: { deletionTimestamp: "2026-01-05T12:00:00Z" } });
    expect(short({ deployment: refusedBy(quota), pods: [leaving] })).toEqual(["TEAL-K208", 30_000]);
  });

  it("are no trouble once they are there, or where the account is of an earlier specification", () => {
    expect(short({ deployment: refusedBy(quota, { replicas: 2 }), pods: [] })).toBe("nothing");
    expect(short({ deployment: refusedBy(quota, { observedGeneration: 2 }), pods: [] })).toBe("nothing");
  });
});

describe("a volume", () => {
  const pods = [waiting("a", "ContainerCreating", "")];

  it("that cannot be mounted is told by its event, a missing one sooner", () => {
    const slow = [event("a", "FailedAttachVolume", "Multi-Attach error for volume pvc-1")];
    const gone = [
      event("a", "FailedMount", 'MountVolume.SetUp failed for volume "c": configmap "c" not found'),
    ];
    expect(short({ pods }, slow)).toEqual(["TEAL-K209", 20_000]);
    expect(short({ pods }, gone)).toEqual(["TEAL-K209", 5_000]);
  });

  it("that is mounted by now is no trouble", () => {
    const past = [event("a", "FailedMount", "once")];
    expect(short({ pods: [pod("a")] }, past)).toBe("nothing");
  });
});

describe("a slot", () => {
  it("whose Deployment gave up is given up, and one that is rolled out is not, whatever its condition says", () => {
    const conditions = [
      { type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded", message: "x" },
    ];
    const pods = [pod("a", { ready: false })];
    expect(short({ deployment: deployment({ status: { availableReplicas: 0, conditions } }), pods })).toEqual(
      ["TEAL-K241", 0],
    );
    expect(short({ deployment: deployment({ status: { conditions } }), pods })).toBe("nothing");
  });

  it("that is not ready yet is told about, never given up for it", () => {
    const events = [
      event("a", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503"),
    ];
    expect(short({ pods: [pod("a", { ready: false })] }, events)).toEqual(["TEAL-K240", Infinity]);
  });

  it("names the surest of several troubles", () => {
    const unscheduled = pod("a", {
      ready: false,
      status: {
        phase: "Pending",
        conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable" }],
      },
    });
    expect(short({ pods: [unscheduled, waiting("b", "ErrImagePull", "not found")] })).toEqual([
      "TEAL-K204",
      0,
    ]);
  });

  it("without replicas, or whose pods are on their way out, has no trouble", () => {
    const pods = [waiting("a", "ErrImagePull", "not found")];
    expect(short({ deployment: deployment({ spec: { replicas: 0 } }), pods })).toBe("nothing");
    const leaving = {
      ...pods[0]!,
      metadata: { ...pods[0]!.metadata, deletionTimestamp: "2026-01-05T12:00:00Z" },
    };
    expect(short({ pods: [leaving] })).toBe("nothing");
  });
});
