import type { Answer, CallBy, Scaling } from "./api.ts";
import type { Clients } from "./clients.ts";
import { paged } from "./elb.ts";
import type { Send } from "./send.ts";

/** `Scaling` over the SDK; every page of a list is a call of its own. */
export function scalingOver(clients: Clients, send: Send): Scaling {
  const ask =
    (writes: boolean) =>
    async <T>(
      operation: string,
      call: CallBy,
      attempt: (client: Client, signal: AbortSignal) => Promise<T>,
    ): Promise<Answer<T>> =>
      send({ action: `autoscaling:${operation}`, writes }, call, async (signal) =>
        attempt(await clients.scaling(), signal),
      );
  const read = ask(false);
  const write = ask(true);
  return {
    groups: (by, call) =>
      paged((NextToken) =>
        read("DescribeAutoScalingGroups", call, async ({ client, sdk }, abortSignal) => {
          const which = "names" in by ? { AutoScalingGroupNames: by.names } : { Filters: filters(by.tags) };
          const command = new sdk.DescribeAutoScalingGroupsCommand({ ...which, NextToken });
          const came = await client.send(command, { abortSignal });
          return { items: came.AutoScalingGroups ?? [], next: came.NextToken };
        }),
      ),
    activities: (group, atMost, call) =>
      read("DescribeScalingActivities", call, async ({ client, sdk }, abortSignal) => {
        const command = new sdk.DescribeScalingActivitiesCommand({
          AutoScalingGroupName: group,
          MaxRecords: atMost,
        });
        return (await client.send(command, { abortSignal })).Activities ?? [];
      }),
    policies: async (group, call) => {
      const policies = await paged((NextToken) =>
        read("DescribePolicies", call, async ({ client, sdk }, abortSignal) => {
          const command = new sdk.DescribePoliciesCommand({ AutoScalingGroupName: group, NextToken });
          const came = await client.send(command, { abortSignal });
          return { items: came.ScalingPolicies ?? [], next: came.NextToken };
        }),
      );
      if (policies.is === "failed") return policies;
      const schedules = await paged((NextToken) =>
        read("DescribeScheduledActions", call, async ({ client, sdk }, abortSignal) => {
          const command = new sdk.DescribeScheduledActionsCommand({ AutoScalingGroupName: group, NextToken });
          const came = await client.send(command, { abortSignal });
          return { items: came.ScheduledUpdateGroupActions ?? [], next: came.NextToken };
        }),
      );
      if (schedules.is === "failed") return schedules;
      const value = [
        ...policies.value.map(({ PolicyName = "" }) => ({ is: "policy", name: PolicyName }) as const),
        ...schedules.value.map(
          ({ ScheduledActionName = "" }) => ({ is: "schedule", name: ScheduledActionName }) as const,
        ),
      ];
      return { is: "ok", value };
    },
    update: (change, call) =>
      write("UpdateAutoScalingGroup", call, async ({ client, sdk }, abortSignal) => {
        await client.send(new sdk.UpdateAutoScalingGroupCommand(change), { abortSignal });
      }),
    suspend: (group, processes, call) =>
      write("SuspendProcesses", call, async ({ client, sdk }, abortSignal) => {
        const input = { AutoScalingGroupName: group, ScalingProcesses: [...processes] };
        await client.send(new sdk.SuspendProcessesCommand(input), { abortSignal });
      }),
    resume: (group, processes, call) =>
      write("ResumeProcesses", call, async ({ client, sdk }, abortSignal) => {
        const input = { AutoScalingGroupName: group, ScalingProcesses: [...processes] };
        await client.send(new sdk.ResumeProcessesCommand(input), { abortSignal });
      }),
    protect: (group, instances, protectedFromScaleIn, call) =>
      write("SetInstanceProtection", call, async ({ client, sdk }, abortSignal) => {
        const command = new sdk.SetInstanceProtectionCommand({
          AutoScalingGroupName: group,
          InstanceIds: [...instances],
          ProtectedFromScaleIn: protectedFromScaleIn,
        });
        await client.send(command, { abortSignal });
      }),
    tag: (group, tags, call) =>
      write("CreateOrUpdateTags", call, async ({ client, sdk }, abortSignal) => {
        const Tags = Object.entries(tags).map(([Key, { value, propagate }]) => ({
          ResourceId: group,
          ResourceType: "auto-scaling-group",
          Key,
          Value: value,
          PropagateAtLaunch: propagate,
        }));
        await client.send(new sdk.CreateOrUpdateTagsCommand({ Tags }), { abortSignal });
      }),
  };
}

type Client = Awaited<ReturnType<Clients["scaling"]>>;

function filters(tags: Readonly<Record<string, string>>) {
  return Object.entries(tags).map(([key, value]) => ({ Name: `tag:${key}`, Values: [value] }));
}
