import { AwsError, type Input, type Operation } from "../kernel.ts";
import { page } from "../compute/page.ts";
import { required, text, texts, whole } from "../compute/input.ts";
import { suspends, type Asg } from "./context.ts";
import { cron } from "./cron.ts";
import { reads, recordsAtMost, writes } from "./operation.ts";
import type { Reconciler } from "./reconcile.ts";
import { invalid, sizes } from "./rules.ts";
import type { ScheduledAction } from "./types.ts";

const MINUTE = 60_000;

export interface Schedule {
  readonly operations: Record<string, Operation>;
  /** Carries out what became due for a group. */
  look(group: string): void;
}

/** https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-scheduled-scaling.html; times in UTC */
export function createSchedule(asg: Asg, reconciler: Reconciler): Schedule {
  const now = () => asg.world.clock.now();
  const checked = new Map<string, number>();

  function look(name: string): void {
    for (const action of asg.state.scheduled.values()) {
      if (action.group !== name) continue;
      const from = checked.get(action.arn) ?? now();
      checked.set(action.arn, now());
      if (!due(action, from, now())) continue;
      carryOut(action);
      // An action that happens once is gone after its time.
      if (action.recurrence === undefined) asg.putScheduled(`${name}/${action.name}`, undefined);
    }
  }

  /** A suspended ScheduledActions loses what was due meanwhile: as-suspend-resume-processes.html. */
  function carryOut(action: ScheduledAction): void {
    const group = asg.group(action.group);
    if (suspends(group, "ScheduledActions")) return;
    const [min, max] = [action.min ?? group.min, action.max ?? group.max];
    if (min > max) return;
    const desired = Math.min(max, Math.max(min, action.desired ?? group.desired));
    asg.changeGroup(group.name, { min, max, desired });
    reconciler.because(
      group.name,
      `a scheduled action ${action.name} update of AutoScalingGroup constraints to min: ${min}, max: ${max}, desired: ${desired} changing the desired capacity from ${group.desired} to ${desired}.`,
    );
    asg.wake(group.name);
  }

  return {
    look,
    operations: {
      PutScheduledUpdateGroupAction: writes(asg, "PutScheduledUpdateGroupAction", (input) => {
        const group = asg.group(required(input, "AutoScalingGroupName"));
        const name = required(input, "ScheduledActionName");
        const key = `${group.name}/${name}`;
        const arn = `arn:aws:autoscaling:${asg.world.region}:${asg.world.account}:scheduledUpdateGroupAction:${asg.uuid()}:autoScalingGroupName/${group.name}:scheduledActionName/${name}`;
        const action = actionOf(input, group.name, asg.state.scheduled.get(key)?.arn ?? arn, now());
        asg.putScheduled(key, action);
        checked.set(action.arn, now());
        return {};
      }),
      DeleteScheduledAction: writes(asg, "DeleteScheduledAction", (input) => {
        const key = `${required(input, "AutoScalingGroupName")}/${required(input, "ScheduledActionName")}`;
        if (!asg.state.scheduled.has(key)) throw invalid(`Scheduled action not found: ${key}`);
        asg.putScheduled(key, undefined);
        return {};
      }),
      DescribeScheduledActions: reads("DescribeScheduledActions", (input, { seenAt }) => {
        const [group, names] = [text(input, "AutoScalingGroupName"), texts(input, "ScheduledActionNames")];
        const found = [...asg.past.seen(seenAt).scheduled.values()].filter(
          (one) => (group ?? one.group) === one.group && (names.length === 0 || names.includes(one.name)),
        );
        const shown = page(found, { token: text(input, "NextToken"), atMost: recordsAtMost(input) });
        return { ScheduledUpdateGroupActions: shown.items.map(actionView), NextToken: shown.next };
      }),
    },
  };
}

function due({ start, end, recurrence }: ScheduledAction, from: number, to: number): boolean {
  if (recurrence === undefined) return start !== undefined && start <= to;
  const matches = cron(recurrence);
  // At least the last minute, at most a day back: a clock that runs very fast skips whole minutes between two looks.
  for (
    let minute = Math.floor(to / MINUTE) * MINUTE;
    minute > Math.max(from, to - 1440 * MINUTE);
    minute -= MINUTE
  ) {
    if ((start ?? minute) <= minute && (end ?? minute) >= minute && matches(minute)) return true;
  }
  return false;
}

/** https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PutScheduledUpdateGroupAction.html */
function actionOf(input: Input, group: string, arn: string, now: number): ScheduledAction {
  const [min, max, desired] = [
    whole(input, "MinSize"),
    whole(input, "MaxSize"),
    whole(input, "DesiredCapacity"),
  ];
  if (min === undefined && max === undefined && desired === undefined)
    throw invalid("At least one of MinSize, MaxSize or DesiredCapacity must be specified.");
  sizes({ min: min ?? 0, max: max ?? Math.max(min ?? 0, desired ?? 0), desired: desired ?? min ?? 0 });
  const [start, end] = [instant(input, "StartTime") ?? instant(input, "Time"), instant(input, "EndTime")];
  const recurrence = text(input, "Recurrence");
  if (recurrence !== undefined) cron(recurrence);
  if (start === undefined && recurrence === undefined)
    throw invalid("Either StartTime or Recurrence must be specified.");
  // "If you try to schedule your action in the past, Amazon EC2 Auto Scaling returns an error message."
  if (start !== undefined && start < now)
    throw new AwsError("ValidationError", "Given start time is in the past.");
  return {
    group,
    name: required(input, "ScheduledActionName"),
    arn,
    ...(start !== undefined && { start }),
    ...(end !== undefined && { end }),
    ...(recurrence !== undefined && { recurrence }),
    ...(min !== undefined && { min }),
    ...(max !== undefined && { max }),
    ...(desired !== undefined && { desired }),
  };
}

function instant(input: Input, name: string): number | undefined {
  const value = text(input, name);
  if (value === undefined) return undefined;
  const at = Date.parse(value);
  if (Number.isNaN(at)) throw invalid(`${name} is not a time: ${value}`);
  return at;
}

function actionView(action: ScheduledAction): object {
  const date = (at: number | undefined) => (at === undefined ? undefined : new Date(at));
  return {
    AutoScalingGroupName: action.group,
    ScheduledActionName: action.name,
    ScheduledActionARN: action.arn,
    Time: date(action.start),
    StartTime: date(action.start),
    EndTime: date(action.end),
    Recurrence: action.recurrence,
    MinSize: action.min,
    MaxSize: action.max,
    DesiredCapacity: action.desired,
  };
}
