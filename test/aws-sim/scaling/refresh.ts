import { AwsError, type Input, type Operation } from "../kernel.ts";
import { page } from "../compute/page.ts";
import { flag, required, structure, text, texts, whole } from "../compute/input.ts";
import { stamp, suspends, type Asg } from "./context.ts";
import type { Lifecycle } from "./lifecycle.ts";
import { reads, recordsAtMost, writes } from "./operation.ts";
import { counted } from "./reconcile.ts";
import { invalid } from "./rules.ts";
import type { Group, Member, Refresh } from "./types.ts";

export interface Refreshes {
  readonly operations: Record<string, Operation>;
  /** Goes one step on in a group's refresh. */
  look(group: string): void;
}

/** Rolling instance refresh, terminating first: https://docs.aws.amazon.com/autoscaling/ec2/userguide/asg-instance-refresh.html */
export function createRefreshes(asg: Asg, lifecycle: Lifecycle): Refreshes {
  const now = () => asg.world.clock.now();
  const running = (group: string) =>
    asg.state.refreshes.find(
      (one) => one.group === group && (one.status === "Pending" || one.status === "InProgress"),
    );

  function look(name: string): void {
    const refresh = running(name);
    const group = asg.find(name);
    // "If you suspend InstanceRefresh, … instances are not replaced until it resumes": as-suspend-resume-processes.html
    if (!refresh || !group || suspends(group, "InstanceRefresh")) return;
    asg.putRefresh({ ...refresh, status: "InProgress" });
    const outdated = counted(group).filter(({ id }) => refresh.outdated.includes(id));
    const warm = counted(group).filter((one) => isWarm(one, refresh));
    if (outdated.length === 0 && warm.length >= group.desired) {
      asg.putRefresh({ ...refresh, status: "Successful", ended: now() });
      return;
    }
    if (suspends(group, "Terminate") || suspends(group, "Launch")) return;
    const replaceable = outdated.filter((one) => one.state === "InService" && !one.protected);
    for (const member of replaceable.slice(0, mayGo(group, warm.length, refresh))) {
      lifecycle.terminate(
        name,
        member.id,
        `At ${stamp(now())} an instance was taken out of service in response to an instance refresh.`,
      );
    }
  }

  /** At least one, when all are warm: a group of one, or a minimum of 100 percent, would never begin otherwise ("one instance at a time"). */
  function mayGo(group: Group, warm: number, refresh: Refresh): number {
    const spare = warm - Math.ceil((group.desired * refresh.minHealthy) / 100);
    return Math.max(spare, warm >= group.desired ? 1 : 0);
  }

  function isWarm(member: Member, refresh: Refresh): boolean {
    const serving = member.state === "InService" && member.health === "Healthy";
    return (
      serving && (refresh.outdated.includes(member.id) || now() >= member.inService! + refresh.warmup * 1000)
    );
  }

  function start(input: Input): object {
    const group = asg.group(required(input, "AutoScalingGroupName"));
    if (running(group.name))
      throw new AwsError(
        "InstanceRefreshInProgress",
        "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh.",
      );
    if (input["DesiredConfiguration"] !== undefined) throw invalid("DesiredConfiguration is not simulated.");
    const preferences = structure(input, "Preferences") ?? {};
    const minHealthy = whole(preferences, "MinHealthyPercentage") ?? 90;
    if (!(minHealthy >= 0 && minHealthy <= 100))
      throw invalid("MinHealthyPercentage must be between 0 and 100.");
    const skipMatching = flag(preferences, "SkipMatching") ?? false;
    const current = asg.compute.template({ id: group.template.id, version: group.template.version }).version
      .number;
    const matches = (one: Member) =>
      one.template.id === group.template.id && Number(one.template.version) === current;
    const outdated = counted(group).filter((one) => !(skipMatching && matches(one)));
    const refresh: Refresh = {
      id: asg.uuid(),
      group: group.name,
      status: "Pending",
      started: now(),
      minHealthy,
      // "Default: … the default instance warmup, or the health check grace period": API_RefreshPreferences
      warmup: whole(preferences, "InstanceWarmup") ?? group.warmup ?? group.grace,
      skipMatching,
      outdated: outdated.map(({ id }) => id),
      total: outdated.length,
    };
    asg.putRefresh(refresh);
    asg.wake(group.name);
    return { InstanceRefreshId: refresh.id };
  }

  return {
    look,
    operations: {
      StartInstanceRefresh: writes(asg, "StartInstanceRefresh", start),
      CancelInstanceRefresh: writes(asg, "CancelInstanceRefresh", (input) => {
        const refresh = running(asg.group(required(input, "AutoScalingGroupName")).name);
        if (!refresh)
          throw new AwsError(
            "ActiveInstanceRefreshNotFound",
            "No in progress or pending Instance Refresh found for Auto Scaling group.",
          );
        asg.putRefresh({
          ...refresh,
          status: "Cancelled",
          ended: now(),
          reason: "Cancelled due to user request.",
        });
        return { InstanceRefreshId: refresh.id };
      }),
      DescribeInstanceRefreshes: reads("DescribeInstanceRefreshes", (input, { seenAt }) => {
        const state = asg.past.seen(seenAt);
        const group = asg.group(required(input, "AutoScalingGroupName"));
        const ids = texts(input, "InstanceRefreshIds");
        const found = state.refreshes.filter(
          (one) => one.group === group.name && (ids.length === 0 || ids.includes(one.id)),
        );
        const shown = page(found, { token: text(input, "NextToken"), atMost: recordsAtMost(input) });
        return {
          InstanceRefreshes: shown.items.map((one) => refreshView(group, one)),
          NextToken: shown.next,
        };
      }),
    },
  };
}

function refreshView(group: Group, refresh: Refresh): object {
  const left = counted(group).filter(({ id }) => refresh.outdated.includes(id)).length;
  return {
    InstanceRefreshId: refresh.id,
    AutoScalingGroupName: refresh.group,
    Status: refresh.status,
    StatusReason: refresh.reason,
    StartTime: new Date(refresh.started),
    EndTime: refresh.ended === undefined ? undefined : new Date(refresh.ended),
    PercentageComplete:
      refresh.total === 0 ? 100 : Math.floor(((refresh.total - left) / refresh.total) * 100),
    InstancesToUpdate: left,
    Preferences: {
      MinHealthyPercentage: refresh.minHealthy,
      InstanceWarmup: refresh.warmup,
      SkipMatching: refresh.skipMatching,
    },
    Strategy: "Rolling",
  };
}
