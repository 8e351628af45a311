import type { Cause } from "../../../core/units.ts";
import type { Api, CallBy } from "../api/api.ts";
import type { Container, Deployment, KubeObject, LabelSelector, Service } from "../api/objects.ts";
import { paths } from "../api/paths.ts";
import { ownerFinding, ownersOf } from "../owners/owners.ts";
import { reaches, textOf } from "../service-router/selectors.ts";
import { KINDS, governs, type Autoscaler } from "../slots/autoscaler.ts";
import { whoSelects } from "../template/distinguish.ts";
import { selects } from "../template/selectors.ts";

/** What a Deployment that Teal is to take over has around it, as `teal init` tells it. Read only. */
export interface Surroundings {
  readonly namespace: string;
  readonly deployment: string;
  readonly replicas: number;
  /** Services that reach its pods. */
  readonly services: readonly string[];
  /** Containers with their images. */
  readonly containers: readonly { readonly name: string; readonly image: string }[];
  /** Path of the readiness probe of its first container that has one over HTTP. */
  readonly ready?: string;
  /** Ports of its containers, by their names where they have one. */
  readonly ports: readonly (number | string)[];
  /** KEDA scales it. */
  readonly keda: boolean;
  /** What was found, a line each. */
  readonly found: readonly string[];
}

export type Looked =
  | { readonly is: "seen"; readonly surroundings: Surroundings }
  | { readonly is: "refused"; readonly cause: Cause; readonly next: string };

export async function lookFirst(api: Api, name: string, call: CallBy): Promise<Looked> {
  const { namespace } = api;
  const answer = await api.get<Deployment>(paths.deployments(namespace, name), call);
  if (answer.is === "absent") {
    const message = `there is no Deployment ${name} in ${api.place}`;
    const next = `kubectl get deployments -n ${namespace} shows what there is`;
    return { is: "refused", cause: { code: "TEAL-K520", message }, next };
  }
  if (answer.is !== "ok")
    return { is: "refused", cause: answer.cause, next: "correct the access, then run the command again" };
  const around = await readAround(api, call);
  return { is: "seen", surroundings: surroundingsOf(answer.value, around, namespace) };
}

interface Around {
  readonly services: readonly Service[];
  readonly budgets: readonly KubeObject[];
  readonly policies: readonly KubeObject[];
  readonly scalers: readonly { readonly of: (typeof KINDS)["hpa" | "keda"]; readonly object: Autoscaler }[];
}

/** What may not be listed is left out here; the rights tell of it before a deployment. */
async function readAround(api: Api, call: CallBy): Promise<Around> {
  const list = async <T extends KubeObject>(path: string): Promise<readonly T[]> => {
    const answer = await api.list<T>(path, {}, call);
    return answer.is === "ok" ? answer.value.items : [];
  };
  const { namespace } = api;
  const [services, budgets, policies, hpas, scaled] = await Promise.all([
    list<Service>(paths.services(namespace)),
    list(paths.disruptionBudgets(namespace)),
    list(paths.networkPolicies(namespace)),
    list<Autoscaler>(paths.autoscalers(namespace)),
    list<Autoscaler>(KINDS.keda.path(namespace, undefined)),
  ]);
  const scalers = [
    ...hpas.map((object) => ({ of: KINDS.hpa, object })),
    ...scaled.map((object) => ({ of: KINDS.keda, object })),
  ];
  return { services, budgets, policies, scalers };
}

export function surroundingsOf(deployment: Deployment, around: Around, namespace: string): Surroundings {
  const { metadata, spec } = deployment;
  const labels = spec.template.metadata?.labels ?? {};
  const { containers } = spec.template.spec;
  const services = around.services.filter((each) => reaches(each.spec.selector, labels));
  const scalers = around.scalers.filter((each) => governs(each, metadata.name));
  const budgets = around.budgets.filter((each) => {
    const selector = (each as { readonly spec?: { readonly selector?: LabelSelector } }).spec?.selector;
    return selector !== undefined && selects(selector, labels);
  });
  const policies = whoSelects(labels, { networkPolicies: around.policies });
  const replicas = spec.replicas ?? 1;
  const ready = containers.flatMap((each) => readyPath(each) ?? [])[0];
  const size = { of: "Deployment", name: metadata.name, path: ["spec", "replicas"] } as const;
  const owners = [
    ...ownersOf(deployment, size).map((owner) => ownerFinding(size, owner)),
    ...services.flatMap((each) => {
      const field = { of: "Service", name: each.metadata.name, path: ["spec", "selector"] } as const;
      return ownersOf(each, field).map((owner) => ownerFinding(field, owner));
    }),
  ];
  return {
    namespace,
    deployment: metadata.name,
    replicas,
    services: services.map((each) => each.metadata.name),
    containers: containers.map((each) => ({ name: each.name, image: each.image ?? "" })),
    ...(ready === undefined ? {} : { ready }),
    ports: containers.flatMap((each) => (each.ports ?? []).map((port) => port.name ?? port.containerPort)),
    keda: scalers.some(({ of }) => of.kind === "ScaledObject"),
    found: [
      `deployment/${metadata.name}: ${replicas} replicas of ${containers.map((each) => each.image).join(", ")}`,
      ...services.map(
        (each) => `Service ${each.metadata.name} reaches its pods (${textOf(each.spec.selector)})`,
      ),
      ...(services.length === 0 ? ["no Service reaches its pods"] : []),
      ready === undefined ? "no readiness probe over HTTP" : `readiness probe: GET ${ready}`,
      ...scalers.map(
        ({ of, object }) => `${of.kind} ${object.metadata.name} scales it; each slot gets a copy`,
      ),
      ...budgets.map(
        (each) =>
          `PodDisruptionBudget ${each.metadata.name} covers its pods, not the slots': make one for those`,
      ),
      ...policies.map(({ who, keys }) => `${who} selects its pods by ${keys.join(", ")}`),
      ...owners.map(({ cause, next }) => `${cause.message}. Before the first deployment: ${next}`),
    ],
  };
}

function readyPath(container: Container): string | undefined {
  const probe = container["readinessProbe"] as { readonly httpGet?: { readonly path?: string } } | undefined;
  return probe?.httpGet === undefined ? undefined : (probe.httpGet.path ?? "/");
}

export interface Written {
  readonly service: string;
  /** `in-cluster`, or a context of the kubeconfig. */
  readonly context: string;
}

/** The configuration that suits what was found; what can be inferred is left out. */
export function configYaml({ service, context }: Written, of: Surroundings): string {
  const several = of.services.length > 1 && !of.services.includes(service);
  const lines = [
    "teal: 1",
    `service: ${service}`,
    "target:",
    "  kubernetes:",
    `    context: ${quoted(context)}`,
    `    namespace: ${of.namespace}`,
    `    template: deployment/${of.deployment}`,
    ...(several ? [`    service: ${of.services[0]} # of ${of.services.join(", ")}`] : []),
    ...(of.containers.length > 1
      ? [`    container: ${of.containers[0]?.name} # the one whose image a revision names`]
      : []),
    ...(of.services.length === 0 && of.ports.length > 1 ? [`    port: ${of.ports[0]}`] : []),
    "strategy: blueGreen",
    ...(of.ready === undefined ? [] : ["health:", `  ready: ${quoted(of.ready)}`]),
  ];
  return `${lines.join("\n")}\n`;
}

/** Names of contexts may be anything: `arn:aws:eks:...`. JSON's texts are YAML's. */
function quoted(text: string): string {
  return /^[A-Za-z0-9/][\w./-]*$/u.test(text) ? text : JSON.stringify(text);
}

/**
 * A Job that Argo CD runs after each sync (https://argo-cd.readthedocs.io/en/stable/user-guide/sync-waves/, hooks): it
 * makes live what the sync wrote into the template. Without a revision `teal deploy` takes the template's image, and
 * refuses one that somebody went back from.
 * @param role from `roleYaml`, named `teal-<service>`.
 */
export function postSyncYaml(service: string, of: Surroundings, config: string, role: string): string {
  const name = `teal-${service}`;
  const subject = `{ kind: ServiceAccount, name: ${name}, namespace: ${of.namespace} }`;
  return [
    `apiVersion: v1\nkind: ServiceAccount\nmetadata: { name: ${name}, namespace: ${of.namespace} }`,
    role.trimEnd(),
    `apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: { name: ${name}, namespace: ${of.namespace} }\nroleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: ${name} }\nsubjects: [${subject}]`,
    `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name}-config, namespace: ${of.namespace} }\ndata:\n  teal.yaml: |\n${indented(config)}`,
    `apiVersion: batch/v1
kind: Job
metadata:
  name: ${name}-deploy
  namespace: ${of.namespace}
  annotations:
    argocd.argoproj.io/hook: PostSync
    argocd.argoproj.io/hook-delete-policy: BeforeHookCreation
spec:
  # A deployment that was refused or reverted is over: trying again would change nothing.
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      serviceAccountName: ${name}
      containers:
        - name: teal
          # Any image with Node 24 or later.
          image: node:24-slim
          command: [npx, --yes, teal-deploy, deploy, --yes, --config, /etc/teal/teal.yaml]
          env: [{ name: TEAL_STATE_DIR, value: /tmp/teal }, { name: npm_config_cache, value: /tmp/npm }]
          volumeMounts: [{ name: config, mountPath: /etc/teal }]
      volumes: [{ name: config, configMap: { name: ${name}-config } }]`,
  ]
    .map((document) => `${document}\n`)
    .join("---\n");
}

function indented(text: string): string {
  return text
    .trimEnd()
    .split("\n")
    .map((line) => `    ${line}`)
    .join("\n");
}
