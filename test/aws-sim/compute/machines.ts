import { AwsError } from "../kernel.ts";
import { userDataEnvironment } from "../instances/behaviour.ts";
import { startProgram, type Program } from "../instances/process.ts";
import type { Ec2 } from "./context.ts";
import { accepted, type LaunchLimits } from "./launch.ts";
import type { ComputeWorld, Instance, InstanceState, LaunchOf } from "./types.ts";

/** Until a machine is running, and until its program is started after that (ms of the world): assumed. */
const PENDING_MS = 5_000;
const BOOT_MS = 1_000;
/** A machine that does not shut down is switched off (ms of the world): assumed, no bound is published. */
const SWITCH_OFF_MS = 30_000;

/** Instances and the processes behind them. */
export interface Fleet {
  launch(of: LaunchOf): Instance;
  terminate(id: string, reason?: string): void;
  halt(id: string): void;
  start(id: string): void;
  terminated(id: string): Promise<void>;
  readonly doors: Pick<
    ComputeWorld,
    "pid" | "listening" | "sicken" | "heal" | "kill" | "impair" | "watch" | "stop"
  >;
}

/** @throws AwsError `InvalidInstanceID.NotFound` */
export function knownInstance(instances: ReadonlyMap<string, Instance>, id: string): Instance {
  const instance = instances.get(id);
  if (instance) return instance;
  throw new AwsError("InvalidInstanceID.NotFound", `The instance ID '${id}' does not exist`);
}

export function createFleet(ec2: Ec2, limits: LaunchLimits): Fleet {
  const { clock } = ec2.world;
  const programs = new Map<string, Program>();
  const watchers: ((instance: Instance) => void)[] = [];
  const waiting: (() => void)[] = [];
  let stopped = false;

  /** Resolves with the next change of any instance or program. */
  const anyChange = () => new Promise<void>((resolve) => waiting.push(resolve));

  function stirred(): void {
    for (const resume of waiting.splice(0)) resume();
  }

  function become(
    instance: Instance,
    change: Partial<Instance> & { readonly state: InstanceState },
  ): Instance {
    const next = { ...instance, ...change };
    ec2.change("instances", next.id, next);
    for (const hear of watchers) hear(next);
    stirred();
    return next;
  }

  const present = (id: string) => knownInstance(ec2.state.instances, id);

  function boot(id: string): void {
    const { behaviour } = ec2.state.images.get(present(id).image)!;
    clock.after(behaviour.pending ?? PENDING_MS, () => {
      if (present(id).state !== "pending") return;
      become(present(id), { state: "running" });
      clock.after(behaviour.boots ?? BOOT_MS, () => {
        if (present(id).state === "running" && !programs.has(id)) run(present(id));
      });
    });
  }

  function run(instance: Instance): void {
    if (stopped) return;
    const image = ec2.state.images.get(instance.image)!;
    const program = startProgram({
      host: instance.host,
      instance: instance.id,
      image: image.id,
      revision: image.behaviour.revision ?? image.name,
      behaviour: image.behaviour,
      environment: userDataEnvironment(instance.userData),
    });
    programs.set(instance.id, program);
    stirred();
  }

  /** SIGTERM, and SIGKILL when the machine is switched off under a program that does not end. */
  async function shutDown(id: string): Promise<void> {
    const program = programs.get(id);
    if (program === undefined) return;
    program.signal("SIGTERM");
    const switchOff = clock.after(SWITCH_OFF_MS, () => program.signal("SIGKILL"));
    await program.ended;
    switchOff.cancel();
    programs.delete(id);
  }

  function terminate(id: string, reason = `User initiated (${at(clock.now())})`): void {
    const instance = present(id);
    if (instance.state === "shutting-down" || instance.state === "terminated") return;
    become(instance, { state: "shutting-down", reason });
    void shutDown(id).then(() => become(present(id), { state: "terminated", terminated: clock.now() }));
  }

  return {
    launch: (of) => {
      const { image, type, subnet, securityGroups } = accepted(ec2, limits, of.data, of.subnet);
      const userData = of.data["userData"];
      const instance: Instance = {
        id: ec2.newId("i"),
        image: image.id,
        type: type.name,
        subnet: subnet.id,
        vpc: subnet.vpc,
        zone: subnet.zone,
        host: ec2.world.addresses(),
        state: "pending",
        status: "ok",
        launched: clock.now(),
        securityGroups,
        ...(typeof userData === "string" && { userData }),
        ...(of.token !== undefined && { token: of.token }),
      };
      become(instance, { state: "pending" });
      ec2.tag(instance.id, of.tags);
      boot(instance.id);
      return instance;
    },
    terminate,
    terminated: async (id) => {
      while (present(id).state !== "terminated" && !stopped) await anyChange();
    },
    halt: (id) => {
      if (present(id).state !== "running") throw wrongState(id);
      become(present(id), { state: "stopping", reason: `User initiated (${at(clock.now())})` });
      void shutDown(id).then(
        () => present(id).state === "stopping" && become(present(id), { state: "stopped" }),
      );
    },
    start: (id) => {
      if (present(id).state !== "stopped") throw wrongState(id);
      become(present(id), { state: "pending" });
      boot(id);
    },
    doors: {
      pid: (id) => programs.get(id)?.pid,
      listening: async (id) => {
        while (!programs.has(id)) {
          if (stopped || ["terminated", "stopped"].includes(present(id).state)) return false;
          await anyChange();
        }
        return programs.get(id)!.listening;
      },
      sicken: (id) => programs.get(id)?.tell("sick"),
      heal: (id) => programs.get(id)?.tell("well"),
      kill: (id) => programs.get(id)?.signal("SIGKILL"),
      impair: (id, status = "impaired") => ec2.change("instances", id, { ...present(id), status }),
      watch: (hear) => void watchers.push(hear),
      stop: async () => {
        stopped = true;
        stirred();
        const running = [...programs.values()];
        for (const program of running) program.signal("SIGKILL");
        await Promise.all(running.map((program) => program.ended));
      },
    },
  };
}

function wrongState(id: string): AwsError {
  return new AwsError(
    "IncorrectInstanceState",
    `The instance '${id}' is not in a state from which it can be started or stopped.`,
  );
}

/** `2026-01-31 12:00:00 GMT`, as in reasons of state transitions. */
function at(instant: number): string {
  return `${new Date(instant).toISOString().slice(0, 19).replace("T", " ")} GMT`;
}
