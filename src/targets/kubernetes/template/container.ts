import type { Container, PodSpec, Service } from "../api/objects.ts";
import { TemplateError } from "./refused.ts";

/** The container whose image a revision names: the one that is named, else the only one. Init containers are not asked. */
export function mainContainer(spec: PodSpec, wanted: string | undefined, origin: string): Container {
  const names = spec.containers.map(({ name }) => name);
  if (wanted !== undefined) {
    const found = spec.containers.find(({ name }) => name === wanted);
    if (found !== undefined) return found;
    throw new TemplateError(
      "TEAL-K211",
      `${origin} has no container "${wanted}"; it has ${names.join(", ")}`,
      "Correct `container`.",
    );
  }
  const [only] = spec.containers;
  if (only !== undefined && names.length === 1) return only;
  throw new TemplateError(
    "TEAL-K211",
    `${origin} has ${names.length} containers (${names.join(", ")}), and a revision names the image of one`,
    `Set \`container\`, for example: container: ${names[0] ?? "web"}`,
  );
}

/**
 * The pods' port that users reach, as a number: what is set, else what the Service leads to, else the container's only
 * port. A name is looked up in all containers, since a sidecar may take the requests.
 */
export function mainPort(
  spec: PodSpec,
  container: Container,
  wanted: number | string | undefined,
  service: Service | undefined,
  origin: string,
): number {
  const ports = service?.spec.ports ?? [];
  const led = ports[0] && (ports[0].targetPort ?? ports[0].port);
  const asked = wanted ?? (ports.length === 1 ? led : undefined);
  if (asked !== undefined) return numberOf(asked, spec, origin);
  const own = (container.ports ?? []).filter(({ protocol = "TCP" }) => protocol === "TCP");
  const [only] = own;
  if (only !== undefined && own.length === 1) return only.containerPort;
  // Of several, the one the Service leads to first: the order is the user's.
  if (led !== undefined) return numberOf(led, spec, origin);
  const those = own.map(({ name, containerPort }) => name ?? containerPort).join(", ");
  throw new TemplateError(
    "TEAL-K212",
    own.length === 0
      ? `container ${container.name} of ${origin} declares no port`
      : `container ${container.name} of ${origin} has several ports (${those})`,
    "Set `port` to the one that users reach.",
  );
}

function numberOf(port: number | string, spec: PodSpec, origin: string): number {
  const number = typeof port === "number" ? port : /^\d+$/.test(port) ? Number(port) : undefined;
  if (number !== undefined && number >= 1 && number <= 65_535) return number;
  const found = spec.containers.flatMap(({ ports = [] }) => ports).find(({ name }) => name === port);
  if (found !== undefined) return found.containerPort;
  throw new TemplateError(
    "TEAL-K212",
    `no container of ${origin} has a port named "${port}"`,
    "Correct `port`, or the target port of the Service.",
  );
}
