/**
 * What applies where `teal.yaml` says nothing, in the written form. The schema publishes these values, the
 * documentation prints them and `resolve.ts` uses them: there is no second place.
 */
export const DEFAULTS = {
  strategy: "blueGreen",
  /** Long enough for a first hundred requests of most services, short enough to wait for at a terminal. */
  bake: "30s",
  keepWarm: "10m",
  drain: "30s",
  startDeadline: "60s",
  freshness: "30s",
  errors: { limit: "1%", minRequests: 20 },
  window: { of: 5, passes: 3, consecutive: 2, interval: "500ms", jitter: "20%", deadline: "60s" },
  minHealthy: "all",
  identity: "process",
  check: { timeout: "5s", method: "GET", status: "200-299", redirects: 0, exit: 0 },
  canary: { shifts: [10, 50], watch: "60s" },
  rolling: { batch: 1 },
  gate: { timeout: "24h", otherwise: "revert" },
  local: {
    source: ".",
    cwd: ".",
    replicas: 1,
    stopGrace: "10s",
    responseTimeout: "30s",
    streams: { policy: "reconnect", after: "0ms", over: "2s" },
    queue: { timeout: "2s", limit: 1000 },
    trustedProxies: [],
    backoff: { first: "500ms", cap: "30s" },
    crashLoop: { exits: 3, within: "60s" },
    log: { size: "10MB", keep: 5 },
  },
  kubernetes: {
    metrics: { path: "/metrics" },
    /** Clusters of some hundred nodes need less; large ones, or load balancers that poll, up to 30 s. */
    propagation: "10s",
    liveSecrets: [],
    /** The connection leads to the pod itself, by its address or by its name through the API server. */
    identity: "address",
  },
  aws: {
    template: "image",
    reach: { by: "headerRule", header: "x-teal-slot" },
    sticky: "wait",
    /** AWS publishes no bound ("rule updates do not take effect immediately"); the weakest proof waits for this. */
    propagation: "15s",
    /** Machines boot, install and pass the target group's health check before they are ready. */
    startDeadline: "10m",
    /** A target that leaves is draining for its whole deregistration delay: 5 min by default, an hour at most. */
    stopDeadline: "15m",
    /** Checks go to the candidate's own target group, or to its instances. */
    identity: "address",
  },
} as const;

/** Named as a context: the service account of the pod that this runs in. */
export const IN_CLUSTER = "in-cluster";

/** A default that cannot be read is a broken promise of this file. */
export function sure<T>(value: T | undefined, text: string): T {
  if (value === undefined) throw new Error(`the default ${text} is not of its form`);
  return value;
}
