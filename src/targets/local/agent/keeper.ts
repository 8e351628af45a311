import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { SlotState } from "../../../core/observed.ts";
import { assertNever, type Instant, type Revision, type Slot } from "../../../core/units.ts";
import type { Probe } from "../../../ports/probe.ts";
import type { Layout } from "../layout.ts";
import type { Member, WireReach } from "../protocol.ts";
import { releaseFolder, releaseName } from "../release-folder.ts";
import { decideSlot, membersOf, slotState, type Action, type Lives, type LifeView } from "./decide.ts";
import type { EdgeLink } from "./edge-link.ts";
import { Life, lifeFolder } from "./life.ts";
import { freePort } from "./port.ts";
import { adopted, STARTING } from "./readiness.ts";
import {
  begun,
  crashed,
  endedUnblamed,
  newReplica,
  type Policy,
  type ReplicaRecord,
  type SlotRecord,
} from "./record.ts";
import { Watch } from "./watch.ts";

/** Pauses (ms) between looks: while something is under way, and when nothing is. */
const BUSY_PAUSE = 20;
/** Elsewhere than on Linux a look starts a `ps`. */
const IDLE_PAUSE = process.platform === "linux" ? 100 : 1_000;
/** After a turn that failed (a full disk) the next one waits so long (ms). */
const FAILED_PAUSE = 1_000;

export interface KeeperOf {
  readonly slot: Slot;
  readonly layout: Layout;
  readonly policy: Policy;
  readonly probe: Probe;
  readonly edge: EdgeLink;
  readonly record: () => SlotRecord;
  /** Makes the change durable, then true. Throws when it could not be written. */
  readonly update: (change: (record: SlotRecord) => SlotRecord) => void;
  /** Ports of all lives of both slots. */
  readonly portsInUse: () => ReadonlySet<number>;
  readonly say: (line: string) => void;
}

/** Makes one slot what its record says, again and again: looks, decides (`decideSlot`), acts, tells the edge. */
export class Keeper {
  readonly #of: KeeperOf;
  readonly #lives = new Map<string, Life>();
  readonly #watches = new Map<string, { watch: Watch; checks: string }>();
  /** Incarnations that an earlier agent launched, and whether they were members then. */
  readonly #adopted = new Map<string, boolean>();
  readonly #residuals = new Map<string, number | "unknown">();
  #closed = false;
  #poke: () => void = () => {};
  #poked = false;
  #loop: Promise<void> | undefined;

  constructor(of: KeeperOf) {
    this.#of = of;
  }

  /**
   * Takes over a life that an earlier agent launched. Its readiness is asked anew.
   * @param wasMember it had been ready: users keep it meanwhile, unless others are ready.
   */
  adopt(life: Life, wasMember: boolean): void {
    this.#lives.set(life.spec.replica, life);
    this.#adopted.set(life.spec.incarnation, wasMember);
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** Stops looking after the slot; its replicas go on. */
  async close(): Promise<void> {
    this.#closed = true;
    this.poke();
    for (const { watch } of this.#watches.values()) watch.stop();
    await this.#loop;
  }

  /** Something may have changed: look now. */
  poke(): void {
    this.#poked = true;
    this.#poke();
  }

  ports(): readonly number[] {
    return [...this.#lives.values()].map((life) => life.spec.port);
  }

  state(): SlotState {
    return slotState(this.#of.slot, this.#of.record(), this.#views(), now(), this.#of.policy);
  }

  /** Resolves when every adopted life has been asked once. */
  async asked(): Promise<void> {
    this.#views();
    await Promise.all([...this.#watches.values()].map(({ watch }) => watch.first));
  }

  reach(): readonly WireReach[] {
    this.#views();
    const running = [...this.#lives.values()].flatMap((life) => {
      const { replica, incarnation, port, log, release } = life.spec;
      const watch = this.#watches.get(incarnation)?.watch;
      if (watch === undefined || life.group === undefined) return [];
      return [{ replica, incarnation, host: watch.host, port, group: life.group, log, release }];
    });
    return [...running, ...this.#ended()];
  }

  /** Replicas whose last life has ended: why is what somebody wants to read in their log. */
  #ended(): readonly WireReach[] {
    const { want, replicas } = this.#of.record();
    if (want === undefined) return [];
    return replicas.flatMap(({ id, incarnation, startedAt }) => {
      if (incarnation === undefined || startedAt !== undefined) return [];
      const release = releaseFolder(this.#of.layout, want.revision);
      const log = this.#logOf(want.revision, id);
      return [{ replica: id, incarnation, ended: true, host: "127.0.0.1", port: 0, group: 0, log, release }];
    });
  }

  #logOf(revision: Revision, id: string): string {
    return join(this.#of.layout.logs, releaseName(revision), `${id}.log`);
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      this.#poked = false;
      let pause: number;
      try {
        pause = await this.#turn();
      } catch (error) {
        this.#of.say(`${this.#of.slot}: ${(error as Error).message}`);
        pause = FAILED_PAUSE;
      }
      if (!this.#poked && !this.#closed) await this.#wait(pause);
    }
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#poke = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** @returns how long to wait until the next turn, in ms. */
  async #turn(): Promise<number> {
    this.#takeEnds();
    this.#tellEdge();
    await this.#askResiduals();
    if (this.#closed) return 0;
    const decision = decideSlot(this.#of.record(), this.#views(), now(), this.#of.policy);
    for (const action of decision.actions) {
      if (this.#closed) return 0;
      await this.#perform(action);
    }
    this.#tellEdge();
    if (decision.actions.length > 0) return 0;
    return Math.max(0, Math.min(decision.wakeAt - now(), this.#busy() ? BUSY_PAUSE : IDLE_PAUSE));
  }

  #busy(): boolean {
    const views = [...this.#views().values()];
    return (
      this.#of.record().replicas.some((replica) => replica.leavingSince !== undefined) ||
      views.some((view) => view.is !== "running" || view.readiness === "starting")
    );
  }

  /** Lives that ended since the last look are recorded and their folders removed; why and how stands in the log. */
  #takeEnds(): void {
    for (const replica of this.#of.record().replicas) {
      if (replica.startedAt === undefined) continue;
      const life = this.#lives.get(replica.id);
      const standing = life?.look(now());
      if (standing !== undefined && standing.is !== "gone") continue;
      // Without a life: the agent was killed between recording and launching it.
      const asked = replica.leavingSince !== undefined || life?.stoppingSince !== undefined;
      const exit = standing?.exit;
      this.#change(replica.id, (before) => {
        if (exit === undefined || standing?.rebooted === true || asked) return endedUnblamed(before);
        return crashed(before, { code: exit.code, signal: exit.signal, at: exit.at }, this.#of.policy);
      });
      if (exit !== undefined)
        this.#of.say(`${replica.id} ended: ${exit.note ?? exit.signal ?? `exit code ${exit.code}`}`);
      if (life !== undefined) this.#drop(life);
    }
  }

  #drop(life: Life): void {
    const { incarnation, replica } = life.spec;
    this.#watches.get(incarnation)?.watch.stop();
    this.#watches.delete(incarnation);
    this.#residuals.delete(incarnation);
    this.#adopted.delete(incarnation);
    this.#lives.delete(replica);
    rmSync(life.files.folder, { recursive: true, force: true });
  }

  /** What every replica's life is, by replica id; starts and stops the watches on the way. */
  #views(): Lives {
    const views = new Map<string, LifeView>();
    for (const [id, life] of this.#lives) views.set(id, this.#view(life));
    return views;
  }

  #view(life: Life): LifeView {
    const standing = life.look(now());
    if (standing.is === "gone" || standing.is === "ending") {
      this.#watches.get(life.spec.incarnation)?.watch.stop();
      return life.stoppingSince === undefined
        ? { is: "ending" }
        : { is: "stopping", since: life.stoppingSince };
    }
    if (life.stoppingSince !== undefined) return { is: "stopping", since: life.stoppingSince };
    const readiness = standing.is === "coming" ? "starting" : this.#watch(life, standing.pid.child.pid).phase;
    const { incarnation } = life.spec;
    // A life that was never ready was never a member: the edge has nothing with it. Of an adopted one nobody knows.
    const neverMember = readiness === "starting" && !this.#adopted.has(incarnation);
    const residual = neverMember ? 0 : (this.#residuals.get(incarnation) ?? "unknown");
    return { is: "running", readiness, residual };
  }

  /** The life's watch, begun anew when the slot's checks have changed. */
  #watch(life: Life, group: number): Watch {
    const { incarnation, replica } = life.spec;
    const checks = this.#of.record().want?.checks;
    if (checks === undefined)
      throw new Error(`${replica} runs though ${this.#of.slot} was never told anything`);
    const text = JSON.stringify(checks);
    const present = this.#watches.get(incarnation);
    if (present !== undefined && (present.checks === text || this.#closed)) return present.watch;
    present?.watch.stop();
    const readiness =
      present?.watch.readiness ??
      (this.#adopted.get(incarnation) === true ? adopted(checks.window) : STARTING);
    const changed = (phase: string, why: string) => {
      this.#of.say(`${replica} (${incarnation}) is ${phase}${phase === "ready" ? "" : `: ${why}`}`);
      this.poke();
    };
    const watch = new Watch({ spec: life.spec, group, checks, readiness }, this.#of.probe, changed);
    this.#watches.set(incarnation, { watch, checks: text });
    return watch;
  }

  async #perform(action: Action): Promise<void> {
    if (action.do === "add") {
      this.#of.update((record) => ({
        ...record,
        replicas: [...record.replicas, newReplica(this.#of.slot, action.n)],
      }));
      return;
    }
    const life = this.#lives.get(action.replica);
    switch (action.do) {
      case "start":
        return this.#start(action.replica);
      case "leave":
        return this.#change(action.replica, (replica) => ({ ...replica, leavingSince: now() }));
      case "stay":
        return this.#change(action.replica, ({ leavingSince: _, ...replica }) => replica);
      case "stop":
        return life === undefined ? undefined : this.#stop(life);
      case "kill":
        this.#of.say(`${action.replica} did not stop by itself: killed`);
        return life?.kill();
      case "forget":
        return this.#of.update((record) => ({
          ...record,
          replicas: record.replicas.filter((replica) => replica.id !== action.replica),
        }));
      default:
        return assertNever(action);
    }
  }

  async #start(id: string): Promise<void> {
    const { layout, slot, policy } = this.#of;
    let port: number;
    // Looked at again after the wait: the other slot's keeper may have got the same one meanwhile.
    do port = await freePort(this.#of.portsInUse());
    while (this.#of.portsInUse().has(port));
    const { want, replicas } = this.#of.record();
    const replica = replicas.find((one) => one.id === id);
    // What is wanted may have changed while the port was looked for.
    if (want === undefined || replica === undefined || replica.leavingSince !== undefined || this.#closed)
      return;
    const incarnation = `${id}.${randomBytes(4).toString("hex")}`;
    this.#change(id, (before) => begun(before, incarnation, now()));
    const spec = {
      slot,
      replica: id,
      incarnation,
      revision: want.revision,
      port,
      release: releaseFolder(layout, want.revision),
      log: this.#logOf(want.revision, id),
      stopGrace: policy.stopGrace,
      rotation: policy.log,
    };
    this.#lives.set(
      id,
      Life.launch(spec, lifeFolder(layout.replicas, incarnation), layout.agentLog, () => this.poke()),
    );
    this.#of.say(`${id} (${incarnation}) started for ${want.revision.id} on port ${port}`);
  }

  async #stop(life: Life): Promise<void> {
    const { slot, edge } = this.#of;
    const { replica, incarnation } = life.spec;
    await edge.release(slot, replica, incarnation);
    // Called back while the edge was asked?
    const record = this.#of.record().replicas.find((one) => one.id === replica);
    if (record?.leavingSince === undefined || this.#closed) return;
    this.#of.say(`${replica} (${incarnation}) stops`);
    life.terminate(now());
  }

  async #askResiduals(): Promise<void> {
    const { slot, edge, record } = this.#of;
    await Promise.all(
      record().replicas.map(async ({ id, leavingSince }) => {
        const incarnation = this.#lives.get(id)?.spec.incarnation;
        if (incarnation === undefined) return;
        if (leavingSince === undefined) this.#residuals.delete(incarnation);
        else this.#residuals.set(incarnation, await edge.residual(slot, id, incarnation));
      }),
    );
  }

  #tellEdge(): void {
    const { slot, edge, record, update } = this.#of;
    const members = membersOf(record(), this.#views());
    edge.desire(
      slot,
      members.flatMap((id) => this.#member(id)),
    );
    const isListed = ({ id, listed, incarnation = "" }: ReplicaRecord) =>
      members.includes(id) && (listed || edge.knows(slot, incarnation));
    if (record().replicas.every((replica) => replica.listed === isListed(replica))) return;
    update((before) => ({
      ...before,
      replicas: before.replicas.map((replica) => ({ ...replica, listed: isListed(replica) })),
    }));
  }

  #member(id: string): readonly Member[] {
    const life = this.#lives.get(id);
    const standing = life?.look(now());
    if (life === undefined || standing?.is !== "running") return [];
    const { replica, incarnation, port, revision } = life.spec;
    const host = this.#watches.get(incarnation)?.watch.host ?? "127.0.0.1";
    return [{ replica, incarnation, host, port, process: standing.pid.child, revision: revision.id }];
  }

  #change(id: string, change: (replica: ReplicaRecord) => ReplicaRecord): void {
    this.#of.update((record) => ({
      ...record,
      replicas: record.replicas.map((replica) => (replica.id === id ? change(replica) : replica)),
    }));
  }
}

function now(): Instant {
  return Date.now() as Instant;
}
