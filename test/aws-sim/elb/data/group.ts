import { Timeline, type Machines, type WorldClock } from "../../kernel.ts";
import type { TargetGroup } from "../model.ts";
import { probe, type Probed } from "./probe.ts";
import {
  CHECKING,
  draining,
  HEALTHY,
  invalidState,
  keyOf,
  newTarget,
  NOT_IN_USE,
  REGISTERING,
  type Health,
  type Target,
} from "./target.ts";

/** How long a target is being registered before its first check, ms of the world (assumed: "a few seconds"). */
const REGISTRATION = 1_000;
/** A busy machine is not a slow target: no check is given up earlier than this, ms of the machine. */
const LEAST_PATIENCE = 250;

export interface Registered {
  readonly id: string;
  readonly port: number;
  readonly healthPort: string;
  readonly health: Health;
}

export interface GroupDeps {
  readonly clock: WorldClock;
  readonly machines: Machines;
  /** The address from which a load balancer's checks come. */
  readonly checksFrom: (targetGroup: string) => string | undefined;
  /** A target is gone: its connections are closed. */
  readonly gone: (target: Target) => void;
}

/** The targets of one target group with their health; shared by all nodes. */
export class Group {
  readonly targets = new Map<string, Target>();
  readonly #deps: GroupDeps;
  readonly #described: Timeline<readonly Registered[]>;
  #of: TargetGroup;
  #used = false;
  #routable: readonly Target[] | undefined;

  constructor(deps: GroupDeps, of: TargetGroup) {
    this.#deps = deps;
    this.#of = of;
    this.#described = new Timeline<readonly Registered[]>(deps.clock, []);
  }

  get of(): TargetGroup {
    return this.#of;
  }

  described(at: number): readonly Registered[] {
    return this.#described.seen(at);
  }

  /** `used`: a listener's rule names the group; only then are its targets checked (guide, "Health checks": `unused`). */
  configure(of: TargetGroup, used: boolean): void {
    const begins = used !== this.#used;
    this.#of = of;
    this.#used = used;
    if (begins) for (const target of this.targets.values()) if (!target.leaving) this.#begin(target);
    this.#changed();
  }

  register(id: string, port = this.#of.port): void {
    const known = this.targets.get(keyOf(id, port));
    if (known !== undefined && known.leaving === undefined) return;
    // Guide, "Deregistered targets": one that drains can be registered again, and begins anew.
    known?.timer?.cancel();
    const target = known ?? newTarget(id, port);
    target.leaving?.finish();
    target.leaving = undefined;
    this.targets.set(target.key, target);
    this.#begin(target);
    this.#changed();
  }

  /** Of all ports of the id unless one is given; resolves when no request is left or the delay is over. */
  async deregister(id: string, port?: number): Promise<void> {
    const leaving = [...this.targets.values()]
      .filter((target) => target.id === id && (port === undefined || target.port === port))
      .map((target) => target.leaving ?? this.#leave(target));
    this.#changed();
    await Promise.all(leaving.map(({ done }) => done));
  }

  /** Whom a request may go to, in the order of registration. */
  routable(): readonly Target[] {
    return (this.#routable ??= this.#choose());
  }

  /** 0 < share <= 1: what a target takes compared with one that is warm. Guide, "Slow start mode": it grows linearly. */
  share(target: Target): number {
    if (target.slowSince === undefined) return 1;
    const share =
      (this.#deps.clock.now() - target.slowSince) / (this.#seconds("slow_start.duration_seconds") * 1000);
    if (share < 1) return Math.max(share, 0.01);
    target.slowSince = undefined;
    return 1;
  }

  warming(): boolean {
    return this.#of.attributes.get("slow_start.duration_seconds") !== "0";
  }

  /** A request or tunnel has ended. */
  left(target: Target): void {
    target.inflight -= 1;
    if (target.inflight === 0) target.leaving?.finish();
  }

  stop(): void {
    for (const target of this.targets.values()) this.#remove(target);
  }

  #choose(): readonly Target[] {
    const targets = [...this.targets.values()];
    const healthy = targets.filter(({ health }) => health.state === "healthy");
    const unhealthy = targets.filter(({ health }) => health.state === "unhealthy");
    const counted = healthy.length + unhealthy.length;
    const least = this.#of.attributes.get(
      "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count",
    );
    const percent = this.#of.attributes.get(
      "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage",
    );
    const enough =
      healthy.length >= Number(least ?? 1) &&
      (percent === undefined || percent === "off" || healthy.length * 100 >= counted * Number(percent));
    // Guide, "Target group health": below the threshold requests go to all targets, healthy or not (fail-open).
    return enough ? healthy : targets.filter(({ health }) => /^(un)?healthy$/.test(health.state));
  }

  #begin(target: Target): void {
    target.timer?.cancel();
    target.epoch += 1;
    target.passed = target.failed = 0;
    target.slowSince = undefined;
    if (!this.#used) return this.#turn(target, NOT_IN_USE);
    this.#turn(target, REGISTERING);
    target.timer = this.#deps.clock.after(REGISTRATION, () => {
      this.#turn(target, CHECKING);
      void this.#check(target, target.epoch);
    });
  }

  async #check(target: Target, epoch: number): Promise<void> {
    const { health } = this.#of;
    const began = this.#deps.clock.now();
    const at = this.#address(target);
    if (at.state !== "running") {
      this.#fallen(target, at.state);
    } else {
      const patience = Math.max(LEAST_PATIENCE, (health.timeout * 1000) / this.#deps.clock.speed);
      const from = this.#deps.checksFrom(this.#of.arn);
      const probed = await probe(health, { host: at.host, port: target.port }, from, patience);
      if (target.epoch !== epoch) return;
      this.#judge(target, probed);
    }
    if (target.epoch !== epoch) return;
    const pause = Math.max(0, began + this.#of.health.interval * 1000 - this.#deps.clock.now());
    target.timer = this.#deps.clock.after(pause, () => void this.#check(target, epoch));
  }

  /** An instance that does not run: not checked; one that is terminated leaves (assumed: at once). */
  #fallen(target: Target, state: string): void {
    target.passed = target.failed = 0;
    this.#turn(target, invalidState(state));
    if (state === "terminated" || state === "shutting-down") this.#leave(target);
  }

  #judge(target: Target, probed: Probed): void {
    const { health } = this.#of;
    if (probed.is === "passed") {
      target.passed += 1;
      target.failed = 0;
      if (target.health.state === "healthy") return;
      // A new target is in service with its first passed check (assumed); one that failed must pass the threshold.
      if (target.health.state === "unhealthy" && target.passed < health.healthy) return;
      this.#warm(target);
      return this.#turn(target, HEALTHY);
    }
    target.passed = 0;
    target.failed += 1;
    if (target.health.state === "unused") this.#turn(target, CHECKING);
    if (target.health.state !== "unhealthy" && target.failed < health.unhealthy) return;
    // Guide, "Slow start mode": a target leaves it when it becomes unhealthy.
    target.slowSince = undefined;
    this.#turn(target, { state: "unhealthy", reason: probed.reason, description: probed.description });
  }

  /** Guide, "Slow start mode": a target enters it when it becomes healthy beside one that is healthy and warm. */
  #warm(target: Target): void {
    if (!this.warming()) return;
    const others = [...this.targets.values()].filter(({ health }) => health.state === "healthy");
    if (others.some((other) => this.share(other) === 1)) target.slowSince = this.#deps.clock.now();
  }

  #leave(target: Target): NonNullable<Target["leaving"]> {
    const { promise: done, resolve: finish } = Promise.withResolvers<void>();
    const leaving = { done, finish };
    const unserved = target.health.reason === "Target.NotInUse";
    const shown = target.health.state === "unhealthy" ? "unhealthy.draining" : "draining";
    target.leaving = leaving;
    target.epoch += 1;
    target.timer?.cancel();
    this.#turn(target, draining(shown));
    // Guide, "Deregistration delay": done at once without requests, shown as draining until the delay is over all the same.
    if (target.inflight === 0) finish();
    const delay = this.#seconds("deregistration_delay.timeout_seconds") * 1000;
    if (delay === 0 || unserved) this.#remove(target);
    else target.timer = this.#deps.clock.after(delay, () => this.#remove(target));
    return leaving;
  }

  #remove(target: Target): void {
    target.timer?.cancel();
    target.epoch += 1;
    this.targets.delete(target.key);
    this.#changed();
    // Guide, "Deregistration delay": what is still on its way when it ends is cut.
    this.#deps.gone(target);
    target.leaving?.finish();
  }

  #address(target: Target): { readonly host: string; readonly state: string } {
    if (this.#of.targetType === "ip") return { host: target.id, state: "running" };
    return this.#deps.machines.address(target.id) ?? { host: "", state: "terminated" };
  }

  /** Where a request for the target goes. */
  host(target: Target): string {
    return this.#address(target).host;
  }

  #seconds(attribute: string): number {
    return Number(this.#of.attributes.get(attribute) ?? 0);
  }

  #turn(target: Target, health: Health): void {
    if (target.health === health) return;
    target.health = health;
    this.#changed();
  }

  #changed(): void {
    this.#routable = undefined;
    this.#described.set(
      [...this.targets.values()].map(({ id, port, health }) => ({
        id,
        port,
        healthPort: this.#of.health.port === "traffic-port" ? `${port}` : this.#of.health.port,
        health,
      })),
    );
  }
}
