import type { Targets, World } from "../kernel.ts";
import type { ComputeWorld } from "../compute/types.ts";
import { capacityOperations } from "./capacity.ts";
import { createContext } from "./context.ts";
import { groupOperations } from "./groups.ts";
import { createHooks } from "./hooks.ts";
import { createLifecycle } from "./lifecycle.ts";
import { createPolicies } from "./policies.ts";
import { createReconciler } from "./reconcile.ts";
import { createRefreshes } from "./refresh.ts";
import { createSchedule } from "./schedule.ts";
import { tagOperations } from "./tags.ts";
import { trafficOperations } from "./traffic.ts";
import type { Group, ScalingWorld } from "./types.ts";

/** Auto Scaling of one account and region: groups that keep themselves at their size, from EC2's instances and into target groups. */
export function createScaling(world: World, targets: Targets, compute: ComputeWorld): ScalingWorld {
  const asg = createContext(world, targets, compute);
  const hooks = createHooks(asg);
  const lifecycle = createLifecycle(asg, hooks);
  const reconciler = createReconciler(asg, lifecycle, (group) => {
    schedule.look(group);
    refreshes.look(group);
  });
  const schedule = createSchedule(asg, reconciler);
  const refreshes = createRefreshes(asg, lifecycle);
  const policies = createPolicies(asg, reconciler);

  /**
   * "deletes the group along with all instances associated with the group, without waiting for all instances to be terminated.
   * This action also deletes any outstanding lifecycle actions": https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DeleteAutoScalingGroup.html
   */
  function forceDelete(group: Group): void {
    asg.changeGroup(group.name, { deleting: true, hooks: [], min: 0, max: 0, desired: 0 });
    for (const { id } of group.members) {
      hooks.forget(group.name, id);
      lifecycle.terminate(
        group.name,
        id,
        "At the deletion of its Auto Scaling group an instance was taken out of service.",
      );
    }
    const gone = () => {
      if (asg.group(group.name).members.length > 0) return;
      forget();
      asg.dropGroup(group.name);
    };
    const forget = asg.onChange(gone);
    gone();
  }

  const operations = {
    ...groupOperations(asg, reconciler, forceDelete),
    ...capacityOperations(asg, reconciler, lifecycle),
    ...hooks.operations,
    ...tagOperations(asg),
    ...trafficOperations(asg),
    ...policies.operations,
    ...schedule.operations,
    ...refreshes.operations,
  };

  return {
    service: {
      name: "autoscaling",
      protocol: "query",
      namespace: "http://autoscaling.amazonaws.com/doc/2011-01-01/",
      operations,
      tagsOf: (arn) => {
        const group = [...asg.state.groups.values()].find((one) => one.arn === arn);
        return group && Object.fromEntries(group.tags.map(({ key, value }) => [key, value]));
      },
    },
    get state() {
      return asg.state;
    },
    foreignHand: (name, input) => {
      const operation = operations[name];
      if (operation === undefined) throw new Error(`Auto Scaling has no operation ${name} here`);
      return operation.handle(input, {
        requestId: "foreign hand",
        principal: "foreign hand",
        seenAt: world.clock.now(),
      });
    },
    metric: (group, value) => policies.metric(group, value),
    until: (holds) =>
      new Promise((resolve) => {
        const hear = () => {
          if (!holds(asg.state)) return;
          forget();
          resolve();
        };
        const forget = asg.onChange(hear);
        hear();
      }),
    stop: async () => {
      reconciler.stop();
      policies.stop();
    },
  };
}
