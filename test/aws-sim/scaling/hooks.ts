import { AwsError, type Input, type Operation } from "../kernel.ts";
import { required, text, texts, whole } from "../compute/input.ts";
import type { Asg } from "./context.ts";
import { writes, reads } from "./operation.ts";
import type { Hook } from "./types.ts";

/* https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks-overview.html */

type Transition = "LAUNCHING" | "TERMINATING";
type Result = "CONTINUE" | "ABANDON";

interface Waiting {
  readonly group: string;
  readonly instance: string;
  readonly hook: Hook;
  readonly token: string;
  /** When the instance has waited for 100 timeouts or 48 hours, whichever is less: no heartbeat goes beyond. */
  readonly last: number;
  timer: { cancel(): void };
  readonly end: (result: Result) => void;
}

export interface Hooks {
  has(group: string, transition: Transition): boolean;
  /** Resolves when every hook of the transition was completed or ran into its timeout: ABANDON when one says so. */
  wait(group: string, instance: string, transition: Transition): Promise<Result>;
  /** The instance or the group is gone: nothing waits for it any more. */
  forget(group: string, instance: string): void;
  readonly operations: Record<string, Operation>;
}

export function createHooks(asg: Asg): Hooks {
  const { clock } = asg.world;
  const waiting = new Set<Waiting>();

  const of = (group: string, transition: Transition): readonly Hook[] =>
    asg.find(group)?.hooks.filter((hook) => hook.transition === `autoscaling:EC2_INSTANCE_${transition}`) ??
    [];

  function arm(action: Waiting): void {
    action.timer.cancel();
    const ms = Math.min(action.hook.timeout * 1000, action.last - clock.now());
    action.timer = clock.after(ms, () => action.end(action.hook.result));
  }

  function waitFor(group: string, instance: string, hook: Hook): Promise<Result> {
    return new Promise((resolve) => {
      const action: Waiting = {
        group,
        instance,
        hook,
        token: asg.uuid(),
        last: clock.now() + Math.min(172_800, hook.timeout * 100) * 1000,
        timer: { cancel: () => {} },
        end: (result) => {
          action.timer.cancel();
          waiting.delete(action);
          resolve(result);
        },
      };
      waiting.add(action);
      arm(action);
    });
  }

  function asked(input: Input): Waiting {
    const [group, hook] = [
      asg.group(required(input, "AutoScalingGroupName")),
      required(input, "LifecycleHookName"),
    ];
    const [token, instance] = [text(input, "LifecycleActionToken"), text(input, "InstanceId")];
    const found = [...waiting].find(
      (one) =>
        one.group === group.name &&
        one.hook.name === hook &&
        (token === undefined ? one.instance === instance : one.token === token),
    );
    if (found) return found;
    throw new AwsError(
      "ValidationError",
      `No active Lifecycle Action found with ${token === undefined ? `instance ID ${instance}` : `token ${token}`}`,
    );
  }

  return {
    has: (group, transition) => of(group, transition).length > 0,
    wait: async (group, instance, transition) => {
      // All hooks of a transition wait at the same time (user guide, "Considerations": several hooks run in no order).
      const results = await Promise.all(
        of(group, transition).map(async (hook) => {
          const result = await waitFor(group, instance, hook);
          // "If the result is ABANDON … any remaining actions such as other lifecycle hooks are stopped" (user guide).
          if (result === "ABANDON") forget(group, instance);
          return result;
        }),
      );
      return results.includes("ABANDON") ? "ABANDON" : "CONTINUE";
    },
    forget,
    operations: {
      PutLifecycleHook: writes(asg, "PutLifecycleHook", (input) => {
        const group = asg.group(required(input, "AutoScalingGroupName"));
        const hook = hookOf(
          input,
          group.hooks.find(({ name }) => name === text(input, "LifecycleHookName")),
        );
        asg.changeGroup(group.name, {
          hooks: [...group.hooks.filter(({ name }) => name !== hook.name), hook],
        });
        return {};
      }),
      DeleteLifecycleHook: writes(asg, "DeleteLifecycleHook", (input) => {
        const group = asg.group(required(input, "AutoScalingGroupName"));
        const name = required(input, "LifecycleHookName");
        asg.changeGroup(group.name, { hooks: group.hooks.filter((hook) => hook.name !== name) });
        // "If there are any outstanding lifecycle actions, they are completed first (ABANDON for launching, CONTINUE for terminating)"
        for (const one of [...waiting].filter((one) => one.group === group.name && one.hook.name === name)) {
          one.end(one.hook.transition.endsWith("LAUNCHING") ? "ABANDON" : "CONTINUE");
        }
        return {};
      }),
      DescribeLifecycleHooks: reads("DescribeLifecycleHooks", (input, { seenAt }) => {
        const name = required(input, "AutoScalingGroupName");
        const group = asg.past.seen(seenAt).groups.get(name) ?? asg.group(name);
        const wanted = texts(input, "LifecycleHookNames");
        return {
          LifecycleHooks: group.hooks
            .filter((hook) => wanted.length === 0 || wanted.includes(hook.name))
            .map((hook) => hookView(group.name, hook)),
        };
      }),
      CompleteLifecycleAction: writes(asg, "CompleteLifecycleAction", (input) => {
        const result = required(input, "LifecycleActionResult");
        if (result !== "CONTINUE" && result !== "ABANDON") {
          throw new AwsError(
            "ValidationError",
            `The lifecycle action result '${result}' is not CONTINUE or ABANDON`,
          );
        }
        asked(input).end(result);
        return {};
      }),
      RecordLifecycleActionHeartbeat: writes(asg, "RecordLifecycleActionHeartbeat", (input) => {
        arm(asked(input));
        return {};
      }),
    },
  };

  function forget(group: string, instance: string): void {
    for (const one of [...waiting].filter((one) => one.group === group && one.instance === instance))
      one.end("ABANDON");
  }
}

/** https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PutLifecycleHook.html: 30 to 7200 s, 3600 and ABANDON by default */
export function hookOf(input: Input, known?: Hook): Hook {
  const transition = text(input, "LifecycleTransition") ?? known?.transition;
  if (
    transition !== "autoscaling:EC2_INSTANCE_LAUNCHING" &&
    transition !== "autoscaling:EC2_INSTANCE_TERMINATING"
  ) {
    throw new AwsError("ValidationError", `The lifecycle transition '${transition}' is not valid.`);
  }
  const timeout = whole(input, "HeartbeatTimeout") ?? known?.timeout ?? 3600;
  if (!(timeout >= 30 && timeout <= 7200)) {
    throw new AwsError("ValidationError", "Heartbeat timeout must be between 30 and 7200 seconds.");
  }
  const result = text(input, "DefaultResult") ?? known?.result ?? "ABANDON";
  if (result !== "CONTINUE" && result !== "ABANDON") {
    throw new AwsError("ValidationError", `The default result '${result}' is not CONTINUE or ABANDON`);
  }
  const metadata = text(input, "NotificationMetadata") ?? known?.metadata;
  return {
    name: required(input, "LifecycleHookName"),
    transition,
    timeout,
    result,
    ...(metadata !== undefined && { metadata }),
  };
}

function hookView(group: string, hook: Hook): object {
  return {
    LifecycleHookName: hook.name,
    AutoScalingGroupName: group,
    LifecycleTransition: hook.transition,
    NotificationMetadata: hook.metadata,
    HeartbeatTimeout: hook.timeout,
    GlobalTimeout: Math.min(172_800, hook.timeout * 100),
    DefaultResult: hook.result,
  };
}
