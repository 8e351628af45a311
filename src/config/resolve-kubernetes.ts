import { resolve as resolvePath } from "node:path";
import type { ConfiguredSettings, TemplateSource } from "../targets/kubernetes/settings.ts";
import type { Config } from "./config.ts";
import { DEFAULTS, IN_CLUSTER, sure } from "./defaults.ts";
import { readDuration } from "./units.ts";

const D = DEFAULTS.kubernetes;

/** What the Kubernetes target needs, as far as a file can say it; the rest is inferred from the namespace. */
export function kubernetesSettingsOf(config: Config): ConfiguredSettings {
  const { kubernetes: written } = config.target;
  if (written === undefined)
    throw new Error(`${config.service} does not run on Kubernetes by its configuration`);
  const { context, kubeconfig, container, port, distinguish, replicas } = written;
  const inPod = context === IN_CLUSTER;
  return {
    service: config.service,
    environment: config.environment,
    namespace: written.namespace,
    access: inPod
      ? { by: "pod" }
      : {
          by: "context",
          context,
          ...(kubeconfig === undefined ? {} : { kubeconfig: resolvePath(config.folder, kubeconfig) }),
        },
    template: templateOf(written.template, config.folder),
    ...(container === undefined ? {} : { container }),
    ...(port === undefined ? {} : { port }),
    ...(distinguish === undefined ? {} : { distinguish }),
    ...(replicas === undefined ? {} : { replicas }),
    routing: routingOf(written),
    propagation: written.propagation ?? sure(readDuration(D.propagation), D.propagation),
    ...(written.metrics === undefined ? {} : { metrics: metricsOf(written.metrics) }),
    liveSecrets: written.liveSecrets ?? D.liveSecrets,
  };
}

type WrittenKubernetes = NonNullable<Config["target"]["kubernetes"]>;

function templateOf(written: WrittenKubernetes["template"], folder: string): TemplateSource {
  if (typeof written === "string") return { from: "live", deployment: written.slice("deployment/".length) };
  const { file, command, image, port, deployment } = written;
  const which = deployment === undefined ? {} : { deployment };
  if (file !== undefined) return { from: "file", path: resolvePath(folder, file), ...which };
  if (command !== undefined) {
    const words = typeof command === "string" ? command.trim().split(/\s+/u) : command;
    return { from: "command", command: words, folder, ...which };
  }
  if (image !== undefined && port !== undefined) return { from: "image", image, port };
  throw new Error("a template without a source passed the schema");
}

function routingOf({ gateway, service }: WrittenKubernetes): ConfiguredSettings["routing"] {
  if (gateway === undefined) return { by: "service", ...(service === undefined ? {} : { service }) };
  const { route, testers, mirror } = gateway;
  return {
    by: "gateway",
    route,
    ...(service === undefined ? {} : { service }),
    ...(testers === undefined ? {} : { testers: defined(testers) }),
    ...(mirror === undefined ? {} : { mirror }),
  };
}

function metricsOf({ port, path, inFlight, requests }: NonNullable<WrittenKubernetes["metrics"]>) {
  return { port, path: path ?? D.metrics.path, ...defined({ inFlight, requests }) };
}

/** Without the keys that have no value. */
function defined<T extends object>(record: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
