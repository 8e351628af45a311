import type { Config } from "../config/config.ts";
import type { Connected, ConnectOptions } from "./connection.ts";
import type { AwsConnection } from "./aws.ts";
import type { KubernetesConnection } from "./kubernetes.ts";
import type { LocalConnection } from "./local.ts";

/** A connection to one of the targets that a configuration can name; `target.kind` tells which. */
export type AnyConnection = LocalConnection | KubernetesConnection | AwsConnection;

/** Connects to the target that the configuration names. Only that target's code is loaded. */
export async function connect(
  config: Config,
  options: ConnectOptions = {},
): Promise<Connected<AnyConnection>> {
  if (config.target.aws !== undefined) return (await import("./aws.ts")).connectAws(config, options);
  if (config.target.local === undefined)
    return (await import("./kubernetes.ts")).connectKubernetes(config, options);
  const { connectLocal } = await import("./local.ts");
  return { is: "connected", connection: await connectLocal(config, options) };
}
