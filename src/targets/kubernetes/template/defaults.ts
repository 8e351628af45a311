import type { PodTemplate } from "../api/objects.ts";
import { parseImage } from "./image.ts";
import { normalQuantity } from "./quantity.ts";

/*
 * A live Deployment shows everything that the API server filled in, a file shows what its author wrote. For the digest
 * both are brought to one form: what the API fills in by itself, and what it does not show when it is empty, is left
 * out. From pkg/apis/core/v1/defaults.go and the `omitempty` of core/v1 (Kubernetes 1.37).
 *
 * The table is part of the digest: an entry that is added makes templates that have it look changed, once.
 * Not equal all the same: what admission webhooks and other controllers added to the live object, defaults of later
 * versions, an `int-or-string` written as text ("8080"), and lists in another order.
 */

type Tree = Readonly<Record<string, unknown>>;

const POD: Tree = {
  dnsPolicy: "ClusterFirst",
  enableServiceLinks: true,
  hostIPC: false,
  hostNetwork: false,
  hostPID: false,
  restartPolicy: "Always",
  schedulerName: "default-scheduler",
  terminationGracePeriodSeconds: 30,
};
const CONTAINER: Tree = {
  stdin: false,
  stdinOnce: false,
  terminationMessagePath: "/dev/termination-log",
  terminationMessagePolicy: "File",
  tty: false,
};
const PROBE: Tree = {
  failureThreshold: 3,
  initialDelaySeconds: 0,
  periodSeconds: 10,
  successThreshold: 1,
  timeoutSeconds: 1,
};
/** Of a field, wherever in a pod's specification it stands. */
const ANYWHERE: Readonly<Record<string, Tree>> = {
  configMap: { defaultMode: 420, optional: false },
  configMapKeyRef: { optional: false },
  configMapRef: { optional: false },
  downwardAPI: { defaultMode: 420 },
  fieldRef: { apiVersion: "v1" },
  grpc: { service: "" },
  hostPath: { type: "" },
  httpGet: { path: "/", scheme: "HTTP" },
  livenessProbe: PROBE,
  projected: { defaultMode: 420 },
  readinessProbe: PROBE,
  // Zero stands for one.
  resourceFieldRef: { divisor: "0" },
  secret: { defaultMode: 420, optional: false },
  secretKeyRef: { optional: false },
  secretRef: { optional: false },
  serviceAccountToken: { expirationSeconds: 3600 },
  startupProbe: PROBE,
};
/** Of each item of a list, wherever it stands. */
const ITEMS: Readonly<Record<string, Tree>> = {
  env: { value: "" },
  ports: { hostPort: 0, protocol: "TCP" },
  tolerations: { key: "", value: "" },
  topologySpreadConstraints: { nodeAffinityPolicy: "Honor", nodeTaintsPolicy: "Ignore" },
  volumeMounts: { readOnly: false, subPath: "" },
};
/** An empty one of these says something else than none. */
const MEANS_ALL = new Set(["labelSelector", "namespaceSelector", "matchLabels", "matchExpressions"]);
/** Their values are amounts: `1000m` is `1`. */
const AMOUNTS = new Set(["limits", "requests"]);
/** Amounts by themselves. */
const AMOUNT = new Set(["divisor", "sizeLimit"]);

/** A pod template in the form that the digest is of. */
export function withoutDefaults({ metadata, spec }: PodTemplate): unknown {
  const { serviceAccount, ...rest } = withoutEqual(spec as Tree, POD);
  const account = rest["serviceAccountName"] ?? serviceAccount;
  const containers = (list: unknown) =>
    Array.isArray(list) ? list.map((container: Tree) => containerOf(container)) : undefined;
  return normal({
    labels: metadata?.labels,
    annotations: metadata?.annotations,
    spec: {
      ...rest,
      serviceAccountName: account,
      containers: containers(rest["containers"]),
      initContainers: containers(rest["initContainers"]),
    },
  });
}

/** Without the default `imagePullPolicy`, which depends on the image's tag. */
function containerOf(container: Tree): Tree {
  const { image } = container;
  const { tag, digest } = parseImage(typeof image === "string" ? image : "");
  const latest = digest === undefined && (tag === undefined || tag === "latest");
  return withoutEqual(container, { ...CONTAINER, imagePullPolicy: latest ? "Always" : "IfNotPresent" });
}

/** Everything below, without defaults and without what is empty. */
function normal(value: unknown, field = ""): unknown {
  if (Array.isArray(value)) {
    const equal = ITEMS[field] ?? {};
    return value.map((item: unknown) => normal(isTree(item) ? withoutEqual(item, equal) : item));
  }
  if (!isTree(value)) return value;
  const entries = Object.entries(withoutEqual(value, ANYWHERE[field] ?? {})).map(
    ([key, inner]) =>
      [key, AMOUNTS.has(field) || AMOUNT.has(key) ? normalQuantity(inner) : normal(inner, key)] as const,
  );
  return Object.fromEntries(entries.filter(([key, inner]) => !isEmpty(inner) || MEANS_ALL.has(key)));
}

function withoutEqual(of: Tree, defaults: Tree): Tree {
  return Object.fromEntries(
    Object.entries(of).filter(
      ([key, value]) =>
        value !== null && value !== undefined && !(key in defaults && value === defaults[key]),
    ),
  );
}

/** Nothing, an empty list or an empty object. */
function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
