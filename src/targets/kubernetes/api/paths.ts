/** Path of a kind's objects in a namespace, or of one of them. */
function kind(prefix: string, plural: string) {
  return (namespace: string, name?: string, subresource?: string): string =>
    [`${prefix}/namespaces/${encodeURIComponent(namespace)}/${plural}`, name, subresource]
      .filter((part) => part !== undefined)
      .join("/");
}

export const paths = {
  deployments: kind("/apis/apps/v1", "deployments"),
  replicaSets: kind("/apis/apps/v1", "replicasets"),
  pods: kind("/api/v1", "pods"),
  services: kind("/api/v1", "services"),
  configMaps: kind("/api/v1", "configmaps"),
  secrets: kind("/api/v1", "secrets"),
  events: kind("/api/v1", "events"),
  resourceQuotas: kind("/api/v1", "resourcequotas"),
  limitRanges: kind("/api/v1", "limitranges"),
  endpointSlices: kind("/apis/discovery.k8s.io/v1", "endpointslices"),
  leases: kind("/apis/coordination.k8s.io/v1", "leases"),
  autoscalers: kind("/apis/autoscaling/v2", "horizontalpodautoscalers"),
  disruptionBudgets: kind("/apis/policy/v1", "poddisruptionbudgets"),
  networkPolicies: kind("/apis/networking.k8s.io/v1", "networkpolicies"),
  httpRoutes: kind("/apis/gateway.networking.k8s.io/v1", "httproutes"),
} as const;
