import type { Slot } from "../../../core/units.ts";
import { slotName } from "../names.ts";
import type { KubernetesSettings } from "../settings.ts";

/** The slot for people, without production traffic: by its own Service, where they can reach it from. */
export function previewOf(
  settings: Pick<KubernetesSettings, "service" | "namespace" | "access">,
  slot: Slot,
  port: number,
): string {
  const name = slotName(settings.service, slot);
  if (settings.access.by === "pod") {
    return `http://${name}.${settings.namespace}.svc${port === 80 ? "" : `:${port}`}`;
  }
  const { context, kubeconfig } = settings.access;
  const config = kubeconfig === undefined ? "" : ` --kubeconfig ${quoted(kubeconfig)}`;
  return `kubectl${config} --context ${quoted(context)} -n ${settings.namespace} port-forward service/${name} 8080:${port}`;
}

/** As a shell reads it. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/u.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
