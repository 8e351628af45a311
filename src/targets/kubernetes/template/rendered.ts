import type { Revision } from "../../../core/units.ts";
import type { Deployment, Labels, LabelSelector, PodTemplate, Service } from "../api/objects.ts";

/**
 * A revision as it is stored: all that decides how its pods run, for either slot. It names copies of ConfigMaps and
 * Secrets, so that it starts tomorrow as it starts today.
 */
export interface RenderedRevision {
  /** Grows when an earlier Teal could not read it any more. */
  readonly format: 1;
  readonly service: string;
  readonly revision: Revision;
  /** The whole image reference of the container that the revision names. */
  readonly image: string;
  /** Name of that container. */
  readonly container: string;
  /** The port of the pods that users reach. */
  readonly port: number;
  /** Ports of the slot's Service. */
  readonly ports: ServicePorts;
  /** Of the Deployment itself, without what belongs to its owner. */
  readonly labels: Labels;
  readonly annotations: Labels;
  /** The Deployment's specification without template, selector, replicas and `paused`. */
  readonly spec: DeploymentRest;
  /** The pod template: the revision's image in it, copies instead of ConfigMaps and Secrets, no mark of a slot. */
  readonly template: PodTemplate;
  /** How the template's own pods are selected; absent where there is no Deployment behind the template. */
  readonly own?: LabelSelector;
  /** The label in which a slot's pods differ from the template's own. */
  readonly distinguish?: Distinguish;
  readonly copies: readonly Copied[];
}

export interface Distinguish {
  readonly key: string;
  /** The template's value; slots have `<value>-blue` and `<value>-green`. */
  readonly value: string;
}

export type ServicePorts = NonNullable<Service["spec"]["ports"]>;

/** `minReadySeconds`, `progressDeadlineSeconds`, `revisionHistoryLimit`, `strategy` and whatever else there will be. */
export type DeploymentRest = Omit<Deployment["spec"], "replicas" | "selector" | "template" | "paused">;

/** A ConfigMap or Secret of the template and the immutable copy that the revision uses. */
export interface Copied {
  readonly kind: "ConfigMap" | "Secret";
  readonly name: string;
  readonly copy: string;
  /** Keyed digest of the content, 16 hex digits; absent: it was optional and not there, and stays so. */
  readonly digest?: string;
}

/** A slot's objects, to be applied server-side. */
export interface SlotObjects {
  /** Without an epoch, which the writer adds. */
  readonly deployment: Deployment;
  /** Reaches exactly this slot. */
  readonly service: Service;
}
