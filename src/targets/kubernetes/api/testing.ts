import { millis } from "../../../core/units.ts";
import type { Api, CallBy } from "./api.ts";
import { connectApi } from "./connect.ts";
import type { ConfigMap } from "./objects.ts";
import { paths } from "./paths.ts";
import type { Pace } from "./mirror.ts";

/** Calls that nobody cancels. */
export const BY: CallBy = { signal: new AbortController().signal };

/** So short that every fault is met, and survived, within a test. */
export const QUICK: Pace = {
  watch: { lasts: millis(3_000), silence: millis(400) },
  relist: millis(700),
  list: millis(600),
  longest: millis(200),
};

/** The API through a kubeconfig of the test cluster. */
export async function apiOf(kubeconfig: string, namespace: string, pace?: Pace): Promise<Api> {
  const connected = await connectApi(
    { by: "context", context: "teal-test", kubeconfig },
    namespace,
    pace === undefined ? {} : { pace },
  );
  if (connected.is === "failed") throw new Error(connected.cause.message);
  return connected.api;
}

export function configMap(
  name: string,
  label: string,
  data: Readonly<Record<string, string>> = {},
): ConfigMap {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, labels: { part: label } }, data };
}

/** Makes a config map, for whoever waits for one. */
export async function makeConfigMap(api: Api, name: string, label: string): Promise<ConfigMap> {
  const path = paths.configMaps(api.namespace);
  const made = await api.create<ConfigMap>(path, configMap(name, label, { text: "ä€😀".repeat(50) }), BY);
  if (made.is !== "ok") throw new Error(made.cause.message);
  return made.value;
}
