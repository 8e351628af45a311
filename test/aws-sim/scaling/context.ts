import { AwsError, Timeline, type Targets, type World } from "../kernel.ts";
import type { ComputeWorld } from "../compute/types.ts";
import type {
  Activity,
  Group,
  Member,
  Policy,
  Process,
  Refresh,
  ScalingState,
  ScheduledAction,
} from "./types.ts";

/** Activities that are remembered; AWS keeps them for six weeks, which no test lives to see. */
const REMEMBERED = 1_000;

/** What the parts of Auto Scaling share: the state with its past, and how it is changed. */
export interface Asg {
  readonly world: World;
  readonly targets: Targets;
  readonly compute: ComputeWorld;
  readonly past: Timeline<ScalingState>;
  readonly state: ScalingState;
  /** @throws AwsError `ValidationError` */
  group(name: string): Group;
  find(name: string): Group | undefined;
  member(group: string, id: string): Member | undefined;
  putGroup(group: Group): void;
  dropGroup(name: string): void;
  /** Nothing happens when the group is gone meanwhile. */
  changeGroup(name: string, change: Partial<Group>): void;
  changeMember(group: string, id: string, change: Partial<Member>): void;
  dropMember(group: string, id: string): void;
  begin(activity: Omit<Activity, "id" | "started" | "arn">): string;
  progress(id: string, change: Partial<Activity>): void;
  putPolicy(key: string, policy: Policy | undefined): void;
  putScheduled(key: string, action: ScheduledAction | undefined): void;
  putRefresh(refresh: Refresh): void;
  uuid(): string;
  /** Something about the group changed that it may have to act on: it looks a moment later. */
  wake(group: string): void;
  onWake(look: (group: string) => void): void;
  /** Answers how to stop hearing. */
  onChange(hear: () => void): () => void;
}

export function suspends(group: Group, process: Process): boolean {
  return group.suspended.has(process);
}

export function createContext(world: World, targets: Targets, compute: ComputeWorld): Asg {
  const chance = world.chance.fork("autoscaling ids");
  const past = new Timeline<ScalingState>(world.clock, {
    groups: new Map(),
    activities: [],
    policies: new Map(),
    scheduled: new Map(),
    refreshes: [],
  });
  const hearers = new Set<() => void>();
  let look: (group: string) => void = () => {};

  function set(change: Partial<ScalingState>): void {
    past.set({ ...past.now, ...change });
    for (const hear of hearers) hear();
  }
  const put = <T>(all: ReadonlyMap<string, T>, key: string, value: T | undefined): ReadonlyMap<string, T> => {
    const next = new Map(all);
    if (value === undefined) next.delete(key);
    else next.set(key, value);
    return next;
  };

  const asg: Asg = {
    world,
    targets,
    compute,
    past,
    get state() {
      return past.now;
    },
    group: (name) => {
      const group = past.now.groups.get(name);
      if (group) return group;
      throw new AwsError(
        "ValidationError",
        `AutoScalingGroup name not found - AutoScalingGroup '${name}' not found`,
      );
    },
    find: (name) => past.now.groups.get(name),
    member: (group, id) => past.now.groups.get(group)?.members.find((one) => one.id === id),
    putGroup: (group) => set({ groups: put(past.now.groups, group.name, group) }),
    dropGroup: (name) => set({ groups: put(past.now.groups, name, undefined) }),
    changeGroup: (name, change) => {
      const group = past.now.groups.get(name);
      if (group) asg.putGroup({ ...group, ...change });
    },
    changeMember: (name, id, change) => {
      const members = past.now.groups
        .get(name)
        ?.members.map((one) => (one.id === id ? { ...one, ...change } : one));
      if (members) asg.changeGroup(name, { members });
    },
    dropMember: (name, id) => {
      const members = past.now.groups.get(name)?.members.filter((one) => one.id !== id);
      if (members) asg.changeGroup(name, { members });
    },
    begin: (activity) => {
      const id = asg.uuid();
      const arn = past.now.groups.get(activity.group)?.arn ?? "";
      const begun = { ...activity, id, arn, started: world.clock.now() };
      set({ activities: [begun, ...past.now.activities].slice(0, REMEMBERED) });
      return id;
    },
    progress: (id, change) =>
      set({ activities: past.now.activities.map((one) => (one.id === id ? { ...one, ...change } : one)) }),
    putPolicy: (key, policy) => set({ policies: put(past.now.policies, key, policy) }),
    putScheduled: (key, action) => set({ scheduled: put(past.now.scheduled, key, action) }),
    putRefresh: (refresh) =>
      set({ refreshes: [refresh, ...past.now.refreshes.filter(({ id }) => id !== refresh.id)] }),
    uuid: () => {
      const digits = Array.from({ length: 32 }, () => Math.floor(chance.next() * 16).toString(16)).join("");
      return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
    },
    wake: (group) => look(group),
    onWake: (run) => {
      look = run;
    },
    onChange: (hear) => {
      hearers.add(hear);
      return () => void hearers.delete(hear);
    },
  };
  return asg;
}

/** `2026-01-31T12:00:00Z`, as in the causes of activities. */
export function stamp(instant: number): string {
  return `${new Date(instant).toISOString().slice(0, 19)}Z`;
}
