import type { Json } from "./kubelet/client.ts";

/** Objects of a small service, for tests: plain JSON, to be changed at will. */

export interface DeploymentOptions {
  readonly replicas?: number;
  readonly labels?: Readonly<Record<string, string>>;
  /** Merged into the only container. */
  readonly container?: object;
  /** Merged into the pod's specification. */
  readonly pod?: object;
}

/** A Deployment with one container `web` that listens on 8080 (port `http`) and is asked for /health every second. */
export function deployment(
  name: string,
  image: string,
  { replicas = 1, labels = { app: name }, container = {}, pod = {} }: DeploymentOptions = {},
): Json {
  const web = {
    name: "web",
    image,
    ports: [{ name: "http", containerPort: 8080 }],
    readinessProbe: { httpGet: { path: "/health", port: "http" }, periodSeconds: 1 },
    ...container,
  };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { terminationGracePeriodSeconds: 5, containers: [web], ...pod },
      },
    },
  };
}

/** A Service of port 80 for the port `http` of the pods that it selects. */
export function service(name: string, selector: Readonly<Record<string, string>>): Json {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name },
    spec: { selector, ports: [{ name: "http", port: 80, targetPort: "http" }] },
  };
}
