import { writeFileSync } from "node:fs";

export interface KubeconfigOptions {
  readonly server: string;
  readonly ca: string;
  readonly token: string;
  readonly user: string;
  readonly namespace?: string;
}

/** A kubeconfig file with the one context `teal-test`. */
export function writeKubeconfig(
  path: string,
  { server, ca, token, user, namespace }: KubeconfigOptions,
): void {
  const name = "teal-test";
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      { name, cluster: { server, "certificate-authority-data": Buffer.from(ca).toString("base64") } },
    ],
    users: [{ name: user, user: { token } }],
    contexts: [{ name, context: { cluster: name, user, ...(namespace === undefined ? {} : { namespace }) } }],
    "current-context": name,
  };
  writeFileSync(path, `${JSON.stringify(config, undefined, 2)}\n`, { mode: 0o600 });
}
