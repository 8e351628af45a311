import type { Finding } from "../../../ports/target.ts";
import type { Api, CallBy } from "../api/api.ts";
import type { KubeObject } from "../api/objects.ts";
import type { ConfiguredSettings } from "../settings.ts";

/*
 * What Teal asks of an API server, as one list: `teal plan` asks for each of them beforehand, and the Role that it
 * prints for whoever grants them is made from the same. Everything lies in one namespace.
 */

export type Verb = "get" | "list" | "watch" | "create" | "patch" | "delete";

export interface Right {
  /** API group; the empty text is the core one. */
  readonly group: string;
  /** `pods`, or with a subresource `pods/log`. */
  readonly resource: string;
  readonly verbs: readonly Verb[];
  /** What it is for, and with `helps`: what goes without it. */
  readonly why: string;
  /** `helps`: a deployment goes without it, less well. */
  readonly need: "must" | "helps";
}

/** Whoever sizes a slot has to know who else does; what scales the template gets a copy for the idle slot. */
function autoscaling(group: string, resource: string): readonly Right[] {
  return [
    {
      group,
      resource,
      verbs: ["list", "watch"],
      why: "whether something else sizes a slot",
      need: "must",
    },
    {
      group,
      resource,
      verbs: ["get", "create", "patch", "delete"],
      why: "the idle slot's copy of the autoscaler; without it a service with one cannot be deployed",
      need: "helps",
    },
  ];
}

const ALWAYS: readonly Right[] = [
  {
    group: "apps",
    resource: "deployments",
    verbs: ["get", "list", "watch", "create", "patch"],
    why: "a slot is a Deployment",
    need: "must",
  },
  {
    group: "apps",
    resource: "replicasets",
    verbs: ["list", "watch"],
    why: "which pods belong to a slot's Deployment",
    need: "must",
  },
  {
    group: "",
    resource: "pods",
    verbs: ["list", "watch"],
    why: "whether a slot's replicas are ready",
    need: "must",
  },
  {
    group: "",
    resource: "services",
    verbs: ["get", "list", "watch", "create", "patch"],
    why: "the Service that users reach, and one for each slot",
    need: "must",
  },
  {
    group: "discovery.k8s.io",
    resource: "endpointslices",
    verbs: ["list", "watch"],
    why: "whether traffic has followed",
    need: "must",
  },
  {
    group: "coordination.k8s.io",
    resource: "leases",
    verbs: ["get", "list", "watch", "create", "patch"],
    why: "one operator at a time",
    need: "must",
  },
  {
    group: "",
    resource: "configmaps",
    verbs: ["get", "list", "watch", "create", "patch", "delete"],
    why: "the journal, the history, stored revisions and copies of the template's ConfigMaps",
    need: "must",
  },
  {
    group: "",
    resource: "secrets",
    verbs: ["get", "list", "create", "patch", "delete"],
    why: "the key of digests, and copies of the template's Secrets",
    need: "must",
  },
  {
    group: "",
    resource: "pods/log",
    verbs: ["get"],
    why: "the last lines of a pod that fails; without it nobody sees why",
    need: "helps",
  },
  {
    group: "",
    resource: "events",
    verbs: ["list"],
    why: "why a pod does not start; without it the cause is found at the deadline, if at all",
    need: "helps",
  },
  {
    group: "",
    resource: "events",
    verbs: ["create"],
    why: "an Event for each cutover and rollback; without it kubectl shows none",
    need: "helps",
  },
  ...autoscaling("autoscaling", "horizontalpodautoscalers"),
  {
    group: "policy",
    resource: "poddisruptionbudgets",
    verbs: ["list"],
    why: "whether a budget loses sight of the slots' pods",
    need: "helps",
  },
  {
    group: "networking.k8s.io",
    resource: "networkpolicies",
    verbs: ["list"],
    why: "whether a policy loses sight of the slots' pods",
    need: "helps",
  },
  {
    group: "",
    resource: "resourcequotas",
    verbs: ["list"],
    why: "whether the candidate has room beside live; without it a full quota is found by the deployment",
    need: "helps",
  },
  {
    group: "",
    resource: "limitranges",
    verbs: ["list"],
    why: "whether the candidate's pods are let in; without it a refusal is found by the deployment",
    need: "helps",
  },
];

const FROM_OUTSIDE: Right = {
  group: "",
  resource: "pods/proxy",
  verbs: ["get", "create"],
  why: "checks of a slot that has no traffic, asked through the API server",
  need: "must",
};

/** Only where the cluster knows its kinds. */
const KEDA = autoscaling("keda.sh", "scaledobjects");

const GATEWAY: Right = {
  group: "gateway.networking.k8s.io",
  resource: "httproutes",
  verbs: ["get", "list", "watch", "patch"],
  why: "the weights of the route",
  need: "must",
};

/** The rights that deployments with these settings need. */
export function rightsFor(
  { routing, access }: Pick<ConfiguredSettings, "routing" | "access">,
  cluster: { readonly keda: boolean },
): readonly Right[] {
  return [
    ...ALWAYS,
    ...(access.by === "pod" ? [] : [FROM_OUTSIDE]),
    ...(routing.by === "gateway" ? [GATEWAY] : []),
    ...(cluster.keda ? KEDA : []),
  ];
}

/** One verb on one resource, as the API server is asked for it. */
export interface Asked {
  readonly right: Right;
  readonly verb: Verb;
}

export type Allowed = "yes" | "no" | "unknown";

/**
 * Asks the API server for each of these rights, side by side. Whoever may do nothing may still ask this.
 * @returns what is not granted, and what could not be asked.
 */
export async function missingRights(
  api: Api,
  rights: readonly Right[],
  call: CallBy,
): Promise<readonly Finding[]> {
  const asked = rights.flatMap((right) => right.verbs.map((verb): Asked => ({ right, verb })));
  const answers = await Promise.all(asked.map(async (each) => [each, await ask(api, each, call)] as const));
  return rights.flatMap((right) => {
    const own = answers.filter(([each]) => each.right === right);
    const verbs = (allowed: Allowed) =>
      own.filter(([, answer]) => answer === allowed).map(([{ verb }]) => verb);
    return [...finding(api, right, verbs("no"), "no"), ...finding(api, right, verbs("unknown"), "unknown")];
  });
}

function finding(api: Api, right: Right, verbs: readonly Verb[], allowed: Allowed): readonly Finding[] {
  if (verbs.length === 0) return [];
  const what = `${verbs.join(", ")} ${right.resource}${right.group === "" ? "" : `.${right.group}`}`;
  if (allowed === "unknown") {
    const message = `whether you may ${what} in ${api.place} could not be asked`;
    return [{ is: "unproven", cause: { code: "TEAL-K605", message } }];
  }
  const message = `you may not ${what} in ${api.place}: ${right.why}`;
  const rule = ruleOf({ ...right, verbs });
  const next = `have this added to a Role that you have in ${api.namespace}: ${rule}`;
  return [{ is: right.need === "must" ? "blocks" : "warns", cause: { code: "TEAL-K604", message }, next }];
}

const REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

interface Review extends KubeObject {
  readonly status?: { readonly allowed?: boolean };
}

async function ask(api: Api, { right, verb }: Asked, call: CallBy): Promise<Allowed> {
  const [resource = "", subresource] = right.resource.split("/");
  const attributes = {
    namespace: api.namespace,
    group: right.group,
    resource,
    ...(subresource === undefined ? {} : { subresource }),
    verb,
  };
  const body = {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SelfSubjectAccessReview",
    spec: { resourceAttributes: attributes },
  };
  const answer = await api.create<Review>(REVIEWS, body, call);
  if (answer.is !== "ok") return "unknown";
  return answer.value.status?.allowed === true ? "yes" : "no";
}

/** One rule of a Role, on one line of YAML. */
function ruleOf({ group, resource, verbs }: Right): string {
  return `{ apiGroups: ["${group}"], resources: ["${resource}"], verbs: [${verbs.join(", ")}] }`;
}

/** The Role that grants these rights, with the reason of each, as a file for `kubectl apply -f`. */
export function roleYaml(name: string, namespace: string, rights: readonly Right[]): string {
  const rules = rights.map((right) => `  # ${right.why}\n  - ${ruleOf(right)}\n`);
  return `apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata:\n  name: ${name}\n  namespace: ${namespace}\nrules:\n${rules.join("")}`;
}
