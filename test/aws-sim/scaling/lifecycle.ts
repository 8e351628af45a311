import { AwsError } from "../kernel.ts";
import { instanceTags } from "../compute/instances.ts";
import type { Instance } from "../compute/types.ts";
import { stamp, suspends, type Asg } from "./context.ts";
import type { Hooks } from "./hooks.ts";
import type { Group, Member } from "./types.ts";

/*
 * An instance's way through its group:
 * Pending -> [Pending:Wait -> Pending:Proceed] -> InService -> Terminating -> [Terminating:Wait -> Terminating:Proceed] -> gone.
 * https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html
 */

export interface Lifecycle {
  /** Starts one instance in the zone; `failed` (with EC2's code) when EC2 refuses it. */
  launch(group: Group, zone: string, cause: string, balancing?: boolean): { readonly failed?: string };
  /** Begins an instance's termination; the id of its activity. Nothing when it is on its way already. */
  terminate(group: string, id: string, cause: string): string | undefined;
  /** The instance ended without the group: it leaves, and a launch under way has failed. */
  lost(group: string, id: string): void;
}

export function createLifecycle(asg: Asg, hooks: Hooks): Lifecycle {
  const { compute, targets } = asg;
  const now = () => asg.world.clock.now();

  function launch(
    group: Group,
    zone: string,
    cause: string,
    balancing = false,
  ): { readonly failed?: string } {
    const { template, version } = compute.template({
      id: group.template.id,
      version: group.template.version,
    });
    const subnet = group.subnets.find((id) => compute.state.subnets.get(id)?.zone === zone)!;
    const details = { "Subnet ID": subnet, "Availability Zone": zone };
    const activity = { group: group.name, cause, details };
    try {
      const instance = compute.launch({
        data: version.data,
        subnet,
        tags: instanceTags(version.data, {
          ...Object.fromEntries(
            group.tags.filter((tag) => tag.propagate).map(({ key, value }) => [key, value]),
          ),
          "aws:autoscaling:groupName": group.name,
          "aws:ec2launchtemplate:id": template.id,
          "aws:ec2launchtemplate:version": String(version.number),
        }),
      });
      const id = asg.begin({
        ...activity,
        description: `Launching a new EC2 instance: ${instance.id}`,
        status: "PreInService",
        progress: 30,
      });
      const member: Member = {
        id: instance.id,
        type: instance.type,
        zone,
        state: "Pending",
        health: "Healthy",
        template: { id: template.id, name: template.name, version: String(version.number) },
        protected: group.protectNew,
        launched: now(),
        activity: id,
        ...(balancing && { balancing }),
      };
      asg.changeGroup(group.name, { members: [...asg.group(group.name).members, member] });
      return {};
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      const id = asg.begin({
        ...activity,
        description: "Launching a new EC2 instance",
        status: "Failed",
        progress: 100,
      });
      // https://docs.aws.amazon.com/autoscaling/ec2/userguide/ts-as-instancelaunchfailure.html: EC2's text, and this after it
      asg.progress(id, { ended: now(), message: `${error.message} Launching EC2 instance failed.` });
      return { failed: error.code };
    }
  }

  compute.watch((instance) => {
    const group = [...asg.state.groups.values()].find((one) =>
      one.members.some(({ id }) => id === instance.id),
    );
    if (group && instance.state === "running") void started(group.name, instance);
  });

  async function started(name: string, instance: Instance): Promise<void> {
    const member = asg.member(name, instance.id);
    if (member?.state !== "Pending") return;
    if (hooks.has(name, "LAUNCHING")) {
      asg.changeMember(name, member.id, { state: "Pending:Wait" });
      asg.progress(member.activity, { status: "MidLifecycleAction", progress: 60 });
      const result = await hooks.wait(name, member.id, "LAUNCHING");
      if (asg.member(name, member.id)?.state !== "Pending:Wait") return;
      if (result === "ABANDON") return abandon(name, member);
      asg.changeMember(name, member.id, { state: "Pending:Proceed" });
    }
    enter(name, member);
  }

  /** Registered before it is in service, hence after the hooks: user guide, "How lifecycle hooks work", step 3. */
  function enter(name: string, member: Member): void {
    const group = asg.group(name);
    if (!suspends(group, "AddToLoadBalancer")) {
      for (const { arn, removing } of group.targetGroups) {
        if (!removing && targets.exists(arn)) targets.register(arn, { id: member.id });
      }
    }
    asg.changeMember(name, member.id, { state: "InService", inService: now() });
    asg.progress(member.activity, { status: "Successful", progress: 100, ended: now() });
    asg.wake(name);
  }

  function abandon(name: string, member: Member): void {
    asg.progress(member.activity, {
      status: "Failed",
      progress: 100,
      ended: now(),
      // As AWS words it: https://repost.aws/knowledge-center/auto-scaling-instance-lifecycle-action (assumed to be whole)
      message: `Instance failed to complete user's Lifecycle Action: Lifecycle Action with token ${asg.uuid()} was abandoned: Lifecycle Action Completed with ABANDON Result`,
    });
    terminate(
      name,
      member.id,
      `At ${stamp(now())} an instance was taken out of service because its launch was abandoned by a lifecycle hook.`,
    );
  }

  function terminate(name: string, id: string, cause: string): string | undefined {
    const member = asg.member(name, id);
    if (member === undefined || member.state.startsWith("Terminating")) return undefined;
    hooks.forget(name, id);
    const begun = asg.state.activities.find((one) => one.id === member.activity);
    if (begun && begun.ended === undefined)
      asg.progress(begun.id, { status: "Cancelled", progress: 100, ended: now() });
    const activity = asg.begin({
      group: name,
      description: `Terminating EC2 instance: ${id}`,
      cause,
      status: "InProgress",
      progress: 0,
      details: { "Availability Zone": member.zone },
    });
    asg.changeMember(name, id, { state: "Terminating", activity });
    void end(name, id, activity);
    return activity;
  }

  /**
   * "the terminating instance is first deregistered from the load balancer", the group waits until it has drained, then come
   * the hooks, then the end: user guide, "How lifecycle hooks work", step 4.
   */
  async function end(name: string, id: string, activity: string): Promise<void> {
    const groups = asg
      .group(name)
      .targetGroups.filter(({ arn }) => targets.exists(arn) && targets.health(arn, id));
    if (groups.length > 0) {
      asg.progress(activity, { status: "WaitingForELBConnectionDraining", progress: 50 });
      await Promise.all(groups.map(({ arn }) => targets.deregister(arn, id)));
    }
    if (asg.member(name, id) && hooks.has(name, "TERMINATING")) {
      asg.changeMember(name, id, { state: "Terminating:Wait" });
      asg.progress(activity, { status: "MidLifecycleAction", progress: 60 });
      await hooks.wait(name, id, "TERMINATING");
      asg.changeMember(name, id, { state: "Terminating:Proceed" });
    }
    asg.progress(activity, { status: "InProgress", progress: 75 });
    compute.terminate(id);
    await compute.terminated(id);
    asg.dropMember(name, id);
    asg.progress(activity, { status: "Successful", progress: 100, ended: now() });
    asg.wake(name);
  }

  return {
    launch,
    terminate,
    lost: (name, id) => {
      const member = asg.member(name, id);
      if (member === undefined || member.state.startsWith("Terminating")) return;
      hooks.forget(name, id);
      if (member.state === "InService") return;
      asg.dropMember(name, id);
      asg.progress(member.activity, {
        status: "Failed",
        progress: 100,
        ended: now(),
        message:
          "Instance became unhealthy while waiting for instance to be in InService state. Termination Reason: Client.UserInitiatedShutdown: User initiated shutdown",
      });
      asg.wake(name);
    },
  };
}
