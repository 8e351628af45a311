import { AwsError, type Input, type Machines, type Operation } from "../../kernel.ts";
import type { Group, Registered } from "../data/group.ts";
import { keyOf, NOT_REGISTERED } from "../data/target.ts";
import { arnsOf, lookUp, reading, writing, type Desk } from "../desk.ts";
import { invalid, need, records, whole } from "../input.ts";
import { usersOf } from "../model.ts";
import { within } from "../quotas.ts";

const ID = "TargetGroupArn";

export function targetOperations(
  desk: Desk,
  groups: ReadonlyMap<string, Group>,
  machines: Machines,
): Record<string, Operation> {
  const group = (input: Input): Group => {
    const { arn } = lookUp(desk.book.targetGroups, need(input, ID), "targetGroup");
    return groups.get(arn)!;
  };
  return {
    RegisterTargets: writing("RegisterTargets", arnsOf(ID), (input) => {
      const into = group(input);
      const targets = readTargets(input);
      if (targets.length === 0) throw invalid("Targets must not be empty");
      for (const { id } of targets) checkTarget(into, id, machines);
      checkQuotas(desk, groups, into, targets);
      for (const { id, port } of targets) into.register(id, port);
      return {};
    }),
    DeregisterTargets: writing("DeregisterTargets", arnsOf(ID), (input) => {
      const from = group(input);
      // API reference, DeregisterTargets: "If the specified target does not exist, the action returns successfully".
      for (const { id, port } of readTargets(input)) void from.deregister(id, port);
      return {};
    }),
    DescribeTargetHealth: reading("DescribeTargetHealth", (input, { seenAt }) => {
      const of = group(input);
      const registered = of.described(seenAt);
      const asked = readTargets(input);
      const shown =
        asked.length === 0
          ? registered
          : asked.flatMap(({ id, port }) => {
              const found = registered.filter(
                (each) => each.id === id && (port === undefined || each.port === port),
              );
              return found.length > 0 ? found : [unregistered(of, id, port)];
            });
      return { TargetHealthDescriptions: shown.map(show) };
    }),
  };
}

const readTargets = (input: Input) =>
  records(input, "Targets").map((target) => {
    const port = whole(target, "Port", 1, 65_535);
    return { id: need(target, "Id"), ...(port !== undefined && { port }) };
  });

/** API reference, RegisterTargets: InvalidTarget; guide, "Register targets": an instance must be running. */
function checkTarget(into: Group, id: string, machines: Machines): void {
  if (into.of.targetType === "ip") {
    if (/^\d{1,3}(\.\d{1,3}){3}$/.test(id)) return;
    throw invalid(`The IP address '${id}' is not a valid IPv4 address`);
  }
  const machine = machines.address(id);
  if (machine?.state === "running") return;
  throw new AwsError(
    "InvalidTarget",
    machine === undefined
      ? `The following targets are not valid instances: '${id}'`
      : `The following targets are not in a running state and cannot be registered: '${id}'`,
  );
}

/** Guide, "Quotas": targets per target group and per load balancer. */
function checkQuotas(
  desk: Desk,
  groups: ReadonlyMap<string, Group>,
  into: Group,
  targets: readonly { readonly id: string; readonly port?: number }[],
): void {
  const keys = new Set([
    ...into.targets.keys(),
    ...targets.map(({ id, port }) => keyOf(id, port ?? into.of.port)),
  ]);
  within("targets-per-target-group", keys.size, "TooManyTargets");
  for (const balancer of usersOf(desk.book, into.of.arn)) {
    const others = [...groups.values()].filter(
      (each) => each !== into && usersOf(desk.book, each.of.arn).includes(balancer),
    );
    const count = others.reduce((sum, each) => sum + each.targets.size, keys.size);
    within("targets-per-application-load-balancer", count, "TooManyTargets");
  }
}

const unregistered = (of: Group, id: string, port = of.of.port): Registered => ({
  id,
  port,
  healthPort: `${port}`,
  health: NOT_REGISTERED,
});

const show = ({ id, port, healthPort, health }: Registered) => ({
  Target: { Id: id, Port: port },
  HealthCheckPort: healthPort,
  TargetHealth: { State: health.state, Reason: health.reason, Description: health.description },
});
