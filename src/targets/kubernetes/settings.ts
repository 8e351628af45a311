import type { Millis } from "../../core/units.ts";

/** A service in a namespace, every default filled in. */
export interface KubernetesSettings {
  /** What the user calls the service; slots and everything else Teal creates are named after it. */
  readonly service: string;
  readonly environment: string;
  readonly namespace: string;
  readonly access: Access;
  readonly template: TemplateSource;
  /** The container whose image a revision names; inferred where the template has only one. */
  readonly container?: string;
  /** The port of that container that users reach; inferred from the Service or the container's only port. */
  readonly port?: number | string;
  /**
   * A label key in which slot pods differ from the template's own pods (its value gets `-blue` or `-green`), so that
   * no other object's selector takes them for its own; inferred when absent.
   */
  readonly distinguish?: string;
  readonly routing: RoutingSettings;
  /** Replicas of a first deployment. */
  readonly replicas: number;
  /** An acknowledged write has reached every node within this time: the weakest proof that traffic moved. */
  readonly propagation: Millis;
  /** Where the pods tell what they work on (Prometheus text), to know when the previous slot is idle. */
  readonly metrics?: MetricsEndpoint;
  /** Names of Secrets of the template that are used as they are at any moment, not as they were at the deployment. */
  readonly liveSecrets: readonly string[] | "all";
}

/** The same as a user configured it: what was left out is inferred from the namespace. */
export interface ConfiguredSettings extends Omit<KubernetesSettings, "routing" | "replicas"> {
  /** Without a name, the Service is the one that selects the pods of the template or of a slot. */
  readonly routing: { readonly by: "service"; readonly service?: string } | GatewayRouting;
  /** By default as many as the template has. */
  readonly replicas?: number;
}

/** The cluster is pinned: a context by its name, never whichever is current. */
export type Access =
  | { readonly by: "context"; readonly context: string; readonly kubeconfig?: string }
  /** The service account of the pod that Teal runs in. */
  | { readonly by: "pod" };

/** Where the slots' pod template comes from. Relative paths are absolute here. */
export type TemplateSource =
  /** A Deployment of the namespace, read when a deployment is prepared. */
  | { readonly from: "live"; readonly deployment: string }
  /** One or more YAML documents; `deployment` names the right one where there are several. */
  | { readonly from: "file"; readonly path: string; readonly deployment?: string }
  /** A program that prints YAML documents: `helm template ...`, `kubectl kustomize ...`. Run in `folder`. */
  | {
      readonly from: "command";
      readonly command: readonly string[];
      readonly folder: string;
      readonly deployment?: string;
    }
  /** No template at all: an image and the port it listens on. */
  | { readonly from: "image"; readonly image: string; readonly port: number };

export type RoutingSettings =
  /** A Service whose selector says which slot is live. */
  { readonly by: "service"; readonly service: string } | GatewayRouting;

/** Weights of an HTTPRoute between the two slot Services. */
export interface GatewayRouting {
  readonly by: "gateway";
  readonly route: string;
  /** The Service that the route named before the first deployment; default: named as the service. */
  readonly service?: string;
  readonly testers?: Testers;
  readonly mirror?: boolean;
}

/** Requests that go to the candidate whatever the weights are. */
export interface Testers {
  readonly header?: { readonly name: string; readonly value: string };
  readonly cookie?: { readonly name: string; readonly value: string };
}

export interface MetricsEndpoint {
  readonly port: number | string;
  readonly path: string;
  /** A gauge of requests and connections being worked on. */
  readonly inFlight?: string;
  /** A counter of requests begun. */
  readonly requests?: string;
}
