import { createPrivateKey, X509Certificate } from "node:crypto";
import type { Json } from "../kubelet/client.ts";
import { no, type Said, yes } from "./conditions.ts";
import { granted, GROUP, type Snapshot } from "./snapshot.ts";

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** A listener of a Gateway, judged. */
export interface Listener {
  readonly name: string;
  readonly port: number;
  /** `*`: any. */
  readonly hostname: string;
  readonly protocol: "HTTP" | "HTTPS" | "other";
  readonly allowed: Json;
  readonly kinds: readonly string[];
  readonly accepted: boolean;
  /** Requests reach it. */
  readonly programmed: boolean;
  readonly certificates: readonly Certificate[];
  readonly said: readonly Said[];
}

export function listenersOf(gateway: Json, snapshot: Snapshot): readonly Listener[] {
  return gateway.spec.listeners.map((listener: Json) => judge(listener, gateway, snapshot));
}

function judge(listener: Json, gateway: Json, snapshot: Snapshot): Listener {
  const protocol =
    listener.protocol === "HTTP" || listener.protocol === "HTTPS" ? listener.protocol : "other";
  const asked: readonly Json[] = listener.allowedRoutes?.kinds ?? [{ group: GROUP, kind: "HTTPRoute" }];
  const known = protocol === "other" ? [] : asked.filter(isHttpRoute);
  const tls = protocol === "HTTPS" ? certificatesOf(listener, gateway, snapshot) : { certificates: [] };
  const clash = conflict(listener, gateway.spec.listeners);
  const accepted = protocol !== "other" && clash === undefined;
  const fault =
    tls.fault ?? (known.length < asked.length && protocol !== "other" ? "InvalidRouteKinds" : undefined);
  const programmed = accepted && tls.fault === undefined && known.length > 0;
  return {
    name: listener.name,
    port: listener.port,
    hostname: (listener.hostname ?? "") === "" ? "*" : listener.hostname,
    protocol,
    allowed: listener.allowedRoutes ?? {},
    kinds: known.length > 0 ? ["HTTPRoute"] : [],
    accepted,
    programmed,
    certificates: tls.certificates,
    said: [
      protocol === "other"
        ? no("Accepted", "UnsupportedProtocol", `${listener.protocol} is not spoken here`)
        : clash === undefined
          ? yes("Accepted")
          : no("Accepted", clash),
      fault === undefined ? yes("ResolvedRefs") : no("ResolvedRefs", fault),
      programmed ? yes("Programmed") : no("Programmed", "Invalid"),
      clash === undefined ? no("Conflicted", "NoConflicts") : yes("Conflicted", clash),
    ],
  };
}

function isHttpRoute(kind: Json): boolean {
  return (kind.group ?? GROUP) === GROUP && kind.kind === "HTTPRoute";
}

/** Listeners of one port must be told apart by their host names and speak the same protocol; the first one wins. */
function conflict(listener: Json, all: readonly Json[]): string | undefined {
  const earlier = all.slice(0, all.indexOf(listener)).filter(({ port }) => port === listener.port);
  if (earlier.some(({ protocol }) => protocol !== listener.protocol)) return "ProtocolConflict";
  const same = earlier.some(({ hostname }) => (hostname ?? "") === (listener.hostname ?? ""));
  return same ? "HostnameConflict" : undefined;
}

function certificatesOf(
  listener: Json,
  gateway: Json,
  snapshot: Snapshot,
): { readonly certificates: readonly Certificate[]; readonly fault?: string } {
  const certificates: Certificate[] = [];
  const refs: readonly Json[] = listener.tls?.certificateRefs ?? [];
  if ((listener.tls?.mode ?? "Terminate") !== "Terminate" || refs.length === 0) {
    return { certificates, fault: "InvalidCertificateRef" };
  }
  for (const ref of refs) {
    const namespace = ref.namespace ?? gateway.metadata.namespace;
    if ((ref.group ?? "") !== "" || (ref.kind ?? "Secret") !== "Secret") {
      return { certificates, fault: "InvalidCertificateRef" };
    }
    const from = { kind: "Gateway", namespace: gateway.metadata.namespace };
    if (!granted(snapshot, from, { kind: "Secret", namespace, name: ref.name })) {
      return { certificates, fault: "RefNotPermitted" };
    }
    const certificate = read(
      snapshot.secrets.find(({ metadata }) => metadata.namespace === namespace && metadata.name === ref.name),
    );
    if (certificate === undefined) return { certificates, fault: "InvalidCertificateRef" };
    certificates.push(certificate);
  }
  return { certificates };
}

function read(secret: Json): Certificate | undefined {
  const text = (name: string) => Buffer.from(secret?.data?.[name] ?? "", "base64").toString();
  const certificate = { cert: text("tls.crt"), key: text("tls.key") };
  try {
    return new X509Certificate(certificate.cert).checkPrivateKey(createPrivateKey(certificate.key))
      ? certificate
      : undefined;
  } catch {
    return undefined;
  }
}
