import type { Reach } from "../../../ports/slots.ts";
import type { Way } from "../../../ports/exchange.ts";
import type { Api } from "../api/api.ts";
import type { Pod } from "../api/objects.ts";
import type { KubernetesSettings } from "../settings.ts";
import { podProxy } from "./pod-proxy.ts";

/**
 * How a probe gets to a pod: straight to its address from inside the cluster, through the API server's pod proxy from
 * anywhere else. A command cannot be run beside it: `exec` checks answer `unknown`.
 * @param port of the container, as a number: the proxy knows no names.
 */
export function podReach(
  api: Api,
  settings: Pick<KubernetesSettings, "access">,
  pod: Pod,
  port: number,
): Pick<Reach, "host" | "port" | "way"> {
  const host = pod.status?.podIP;
  // An empty host would be this very machine.
  if (host === undefined || host === "") return { host: "0.0.0.0", port, way: NO_ADDRESS };
  if (settings.access.by === "pod") return { host, port };
  return { host, port, way: podProxy(api, pod.metadata.name) };
}

const NOT_YET = { is: "unknown", why: "the pod has no address yet" } as const;
const NO_ADDRESS: Way = {
  name: "nothing",
  http: () => Promise.resolve(NOT_YET),
  open: () => Promise.resolve(NOT_YET),
};
