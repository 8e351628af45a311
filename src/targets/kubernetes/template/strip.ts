import type { Deployment, Labels } from "../api/objects.ts";

/*
 * What says of an object that some tool owns it. A slot that carried the template's marks would be taken for that
 * tool's own, and be pruned, reverted or given another image by it:
 * - Argo CD finds what it owns by the annotation `argocd.argoproj.io/tracking-id` (its default since 3.0) or by a label,
 *   `app.kubernetes.io/instance` unless configured otherwise (resource tracking). What is tracked and not in git is pruned.
 * - Flux marks what it applies with `kustomize.toolkit.fluxcd.io/*` and `helm.toolkit.fluxcd.io/*`, and reads options
 *   such as `prune`, `ssa` and `reconcile` there.
 * - Helm takes over, or refuses to, by `app.kubernetes.io/managed-by: Helm` and `meta.helm.sh/release-*`.
 * - kapp deletes what has its label `kapp.k14s.io/app` and is not in its input.
 * - Keel and Flux 1 put another image into what has their annotations or labels.
 *
 * The instance label goes from the objects' own metadata whatever tracks by it, since nothing selects Deployments,
 * Services or ConfigMaps by label to send traffic there. **Labels of pods all stay**: Services and NetworkPolicies select
 * pods by them (Helm's charts by this very label), and none of these tools prunes a pod, which its ReplicaSet owns.
 * A tracking label of the user's own choice (Argo CD's `application.instanceLabelKey`) cannot be told from any other.
 */

/** Everything under these belongs to a tool. */
const PREFIXES = [
  "argocd.argoproj.io/",
  "argocd-image-updater.argoproj.io/",
  "kustomize.toolkit.fluxcd.io/",
  "helm.toolkit.fluxcd.io/",
  "fluxcd.io/",
  "flux.weave.works/",
  "meta.helm.sh/",
  "helm.sh/",
  "kapp.k14s.io/",
  "kbld.k14s.io/",
  "keel.sh/",
  // Marks of another service's slot, on a template that was one.
  "teal.dev/",
];

/** Single keys: who owns it, what the last `kubectl apply` said, which rollout of that Deployment it was. */
const KEYS = new Set([
  "app.kubernetes.io/managed-by",
  "app.kubernetes.io/instance",
  // Helm 2's way to say `managed-by: Helm`; the rest of its labels say nothing of an owner.
  "heritage",
  "kubectl.kubernetes.io/last-applied-configuration",
  "deployment.kubernetes.io/revision",
  "deployment.kubernetes.io/revision-history",
  "deployment.kubernetes.io/desired-replicas",
  "deployment.kubernetes.io/max-replicas",
  "kubernetes.io/change-cause",
]);

/** Labels or annotations of an object itself without what says that a tool owns it. */
export function withoutOwner(marks: Labels | undefined): Labels {
  return without(marks, (key) => KEYS.has(key) || isTools(key));
}

/** A pod template's metadata: annotations without marks of tools (a restart's stays); of the labels only Teal's go. */
export function podMetadata(metadata: Deployment["spec"]["template"]["metadata"]): {
  readonly labels: Labels;
  readonly annotations: Labels;
} {
  return {
    labels: without(metadata?.labels, (key) => key.startsWith("teal.dev/")),
    annotations: withoutOwner(metadata?.annotations),
  };
}

function isTools(key: string): boolean {
  return PREFIXES.some((prefix) => key.startsWith(prefix));
}

function without(marks: Labels | undefined, gone: (key: string) => boolean): Labels {
  return Object.fromEntries(Object.entries(marks ?? {}).filter(([key]) => !gone(key)));
}
