import { isDeepStrictEqual } from "node:util";
import type { Client, Json } from "../kubelet/client.ts";
import { conditions, no, yes } from "./conditions.ts";
import { GROUP } from "./snapshot.ts";
import { CONTROLLER, type GatewayOutcome, type Outcome, type RouteOutcome } from "./tables.ts";

const API = `/apis/${GROUP}/v1`;
const MERGE = "application/merge-patch+json";

/** Writes the statuses that differ from what is there. */
export async function tell(
  client: Client,
  outcome: Outcome,
  addressOf: (gateway: Json) => string,
): Promise<void> {
  const writes = [
    ...outcome.classes.map((one) => ({
      object: one,
      path: `${API}/gatewayclasses/${one.metadata.name}`,
      status: { conditions: conditions([yes("Accepted")], one.metadata.generation, one.status?.conditions) },
    })),
    ...outcome.gateways.map((one) => ({
      object: one.gateway,
      path: pathOf(one.gateway, "gateways"),
      status: gatewayStatus(one, addressOf(one.gateway)),
    })),
    ...outcome.routes.map((one) => ({
      object: one.route,
      path: pathOf(one.route, "httproutes"),
      status: { parents: parentsOf(one) },
    })),
  ];
  await Promise.all(
    writes
      .filter(
        ({ object, status }) => !isDeepStrictEqual({ ...object.status, ...status }, object.status ?? {}),
      )
      // A route that nobody serves is told nothing.
      .filter(
        ({ object, status }) =>
          !("parents" in status) || status.parents.length + (object.status?.parents?.length ?? 0) > 0,
      )
      // Refused because it changed or went away: the watch tells of that, and this runs again.
      .map(({ path, status }) => client.request("PATCH", `${path}/status`, { status }, MERGE)),
  );
}

function pathOf(object: Json, plural: string): string {
  return `${API}/namespaces/${object.metadata.namespace}/${plural}/${object.metadata.name}`;
}

function gatewayStatus({ gateway, listeners, attached }: GatewayOutcome, address: string): Json {
  const { generation } = gateway.metadata;
  const accepted = listeners.filter((listener) => listener.accepted).length;
  const reason = accepted === listeners.length ? "Accepted" : "ListenersNotValid";
  const programmed = listeners.some((listener) => listener.programmed);
  return {
    addresses: [{ type: "IPAddress", value: address }],
    conditions: conditions(
      [
        accepted > 0 ? yes("Accepted", reason) : no("Accepted", reason),
        programmed ? yes("Programmed") : no("Programmed", "Invalid"),
      ],
      generation,
      gateway.status?.conditions,
    ),
    listeners: listeners.map(({ name, kinds, said }) => ({
      name,
      supportedKinds: kinds.map((kind) => ({ group: GROUP, kind })),
      attachedRoutes: attached.get(name) ?? 0,
      conditions: conditions(
        said,
        generation,
        gateway.status?.listeners?.find((each: Json) => each.name === name)?.conditions,
      ),
    })),
  };
}

/** What other controllers say stays. */
function parentsOf({ route, parents }: RouteOutcome): Json[] {
  const before: readonly Json[] = route.status?.parents ?? [];
  return [
    ...before.filter(({ controllerName }) => controllerName !== CONTROLLER),
    ...parents.map(({ ref, said }) => ({
      parentRef: ref,
      controllerName: CONTROLLER,
      conditions: conditions(
        said,
        route.metadata.generation,
        before.find((each) => each.controllerName === CONTROLLER && isDeepStrictEqual(each.parentRef, ref))
          ?.conditions,
      ),
    })),
  ];
}
