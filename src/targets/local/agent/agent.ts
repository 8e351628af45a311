import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { mayReceive, type Weights } from "../../../core/routing.ts";
import { readyReplicas, type SlotState } from "../../../core/observed.ts";
import { otherSlot, sameRevision, SLOTS, type Cause, type Instant, type Slot } from "../../../core/units.ts";
import type { Probe } from "../../../ports/probe.ts";
import { readJson, writeDurably } from "../files.ts";
import { isAlive, type ProcessIdentity } from "../identity.ts";
import type { Layout } from "../layout.ts";
import type { AgentMethods, ReleaseFile, ServiceFile, WireWrite } from "../protocol.ts";
import { releaseFolder } from "../release-folder.ts";
import { EdgeLink } from "./edge-link.ts";
import { Keeper } from "./keeper.ts";
import { Life } from "./life.ts";
import {
  EMPTY,
  toldClaim,
  toldEnsure,
  toldRetire,
  type SlotRecord,
  type SlotsFile,
  type Told,
} from "./record.ts";

/** How often (ms) the edge is asked whether it is still the same one. */
const EDGE_EVERY = 500;
/** A holder that was just started gets so long (ms) before another is started. */
const HOLDER_AGAIN_AFTER = 5_000;
/** After a restart of the agent, questions wait at most so long (ms) for the first fresh answers of the replicas. */
const FRESH_AT_MOST = 2_000;

export interface AgentOf {
  readonly layout: Layout;
  readonly service: ServiceFile;
  readonly version: string;
  readonly probe: Probe;
  /** Starts the edge and the holder of its sockets. */
  readonly startEdge: () => Promise<unknown>;
  /** Ends both. */
  readonly stopEdge: () => Promise<void>;
  readonly say: (line: string) => void;
}

/** Answers the methods of the agent and keeps both slots as they were told. One per service and environment. */
export class Agent {
  readonly #of: AgentOf;
  readonly #edge: EdgeLink;
  readonly #keepers: Readonly<Record<Slot, Keeper>>;
  #file: SlotsFile;
  #strays: readonly Life[] = [];
  #fresh: Promise<unknown> = Promise.resolve();
  #edgeTimer: NodeJS.Timeout | undefined;
  #holderStartedAt = -Infinity;
  #edgeFault: Cause | undefined;
  #looking: Promise<void> | undefined;
  #closed = false;

  /** @throws when `slots.json` exists and cannot be understood: what should run is then for people to say. */
  constructor(of: AgentOf) {
    this.#of = of;
    this.#file = readSlots(of.layout);
    this.#edge = new EdgeLink(of.layout.edgeSocket, of.say, (slot) => this.#keepers[slot].poke());
    this.#keepers = { blue: this.#keeper("blue"), green: this.#keeper("green") };
  }

  /** Finds the replicas that already run, then begins to look after both slots. */
  start(): void {
    this.#adopt();
    for (const slot of SLOTS) this.#keepers[slot].start();
    this.#fresh = Promise.race([
      Promise.all(SLOTS.map((slot) => this.#keepers[slot].asked())),
      new Promise((resolve) => setTimeout(resolve, FRESH_AT_MOST)),
    ]);
    this.#edgeTimer = setInterval(() => void this.#lookAround(), EDGE_EVERY);
    void this.#lookAround();
  }

  /** Stops looking after the slots. Replicas and edge go on. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#edgeTimer);
    await Promise.all(SLOTS.map((slot) => this.#keepers[slot].close()));
    this.#edge.close();
  }

  hello(): AgentMethods["hello"][1] {
    return {
      pid: process.pid,
      version: this.#of.version,
      ...(this.#edgeFault === undefined ? {} : { edgeFault: this.#edgeFault }),
    };
  }

  async observe({ slot }: AgentMethods["observe"][0]): Promise<AgentMethods["observe"][1]> {
    await this.#fresh;
    return { value: this.#state(slot), version: this.#version(slot), fence: this.#file.fence };
  }

  claim({ fence }: AgentMethods["claim"][0]): WireWrite<number> {
    return this.#answer(toldClaim(this.#file, fence), () => ({
      seen: this.#file.fence,
      version: String(this.#file.fence),
    }));
  }

  async ensure(params: AgentMethods["ensure"][0]): Promise<WireWrite<SlotState>> {
    await this.#fresh;
    const { slot, want, expect, fence } = params;
    const told = toldEnsure(this.#file, slot, want, expect, fence);
    if (told.is === "accepted") {
      const refusal =
        this.#withoutRelease(want.revision) ?? (want.replicas === 0 ? this.#lastServing(slot) : undefined);
      if (refusal !== undefined) return refusal;
    }
    return this.#answerSlot(told, slot);
  }

  async retire(params: AgentMethods["retire"][0]): Promise<WireWrite<SlotState>> {
    await this.#fresh;
    const { slot, keep, expect, fence } = params;
    const told = toldRetire(this.#file, slot, keep, expect, fence);
    if (told.is === "accepted" && keep === 0) {
      const refusal = this.#lastServing(slot);
      if (refusal !== undefined) return refusal;
    }
    return this.#answerSlot(told, slot);
  }

  reach({ slot }: AgentMethods["reach"][0]): AgentMethods["reach"][1] {
    return { replicas: this.#keepers[slot].reach() };
  }

  /**
   * Ends everything of the service: the edge first, so that nobody is sent to a replica that stops, then the
   * replicas. Both slots are told to have none, so that the next agent does not start them again.
   */
  async stopEverything(): Promise<void> {
    const { service, say } = this.#of;
    clearInterval(this.#edgeTimer);
    this.#closed = true; // no new edge
    say("stopping everything");
    await this.#of.stopEdge();
    this.#edge.ended();
    for (const slot of SLOTS) {
      this.#update(slot, (record) =>
        record.want === undefined
          ? record
          : { ...record, version: record.version + 1, want: { ...record.want, replicas: 0 } },
      );
      this.#keepers[slot].poke();
    }
    // Nobody uses them: the edge that did is gone, so nothing is waited for but the stop itself.
    const deadline = performance.now() + service.replicas.stopGrace + 10_000;
    const running = () => SLOTS.some((slot) => this.#file.slots[slot].replicas.length > 0);
    while (running() && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  #keeper(slot: Slot): Keeper {
    const { layout, service, probe, say } = this.#of;
    return new Keeper({
      slot,
      layout,
      policy: service.replicas,
      probe,
      edge: this.#edge,
      record: () => this.#file.slots[slot],
      update: (change) => this.#update(slot, change),
      portsInUse: () => new Set(SLOTS.flatMap((one) => [...this.#keepers[one].ports()])),
      say,
    });
  }

  #state(slot: Slot): SlotState {
    return this.#keepers[slot].state();
  }

  #version(slot: Slot): string {
    return String(this.#file.slots[slot].version);
  }

  #save(file: SlotsFile): void {
    writeDurably(this.#of.layout.slotsFile, `${JSON.stringify(file)}\n`);
    this.#file = file;
  }

  #update(slot: Slot, change: (record: SlotRecord) => SlotRecord): void {
    this.#save({ ...this.#file, slots: { ...this.#file.slots, [slot]: change(this.#file.slots[slot]) } });
  }

  #answerSlot(told: Told, slot: Slot): WireWrite<SlotState> {
    const answer = this.#answer(told, () => ({ seen: this.#state(slot), version: this.#version(slot) }));
    this.#keepers[slot].poke();
    return answer;
  }

  /** Durable first, then the answer. */
  #answer<T>(told: Told, seen: () => { seen: T; version: string }): WireWrite<T> {
    if (told.is === "fenced") return { is: "fenced", by: told.by };
    if (told.is === "occupied") return occupied(told.by);
    if (told.file !== this.#file) {
      try {
        this.#save(told.file);
      } catch (error) {
        return rejected(
          "TEAL-L205",
          `what the slot is told could not be written: ${(error as Error).message}. Nothing changed`,
        );
      }
    }
    return { is: told.is === "accepted" ? "applied" : told.is, ...seen() };
  }

  #withoutRelease(revision: { id: string; config: string }): WireWrite<never> | undefined {
    const folder = releaseFolder(this.#of.layout, revision);
    const release = existsSync(folder) ? readJson<ReleaseFile>(join(folder, "release.json")) : undefined;
    if (release?.complete === true && sameRevision(release.revision, revision)) return undefined;
    return rejected(
      "TEAL-L201",
      `revision ${revision.id} has no complete release in ${folder}. Deploy it anew`,
    );
  }

  /** Whatever asks for it: the slot that users are on is not stopped while nobody else could answer them. */
  #lastServing(slot: Slot): WireWrite<never> | undefined {
    const weights = readJson<{ weights?: Weights }>(this.#of.layout.routeFile)?.weights;
    if (weights === undefined || !mayReceive(weights, slot) || readyReplicas(this.#state(slot)).length === 0)
      return undefined;
    const other = otherSlot(slot);
    if (mayReceive(weights, other) && readyReplicas(this.#state(other)).length > 0) return undefined;
    return rejected(
      "TEAL-L204",
      `${slot} has users' traffic and no other slot could answer it. Move the traffic first`,
    );
  }

  /** Replicas that slots.json names are kept if they live; any other is ended: nobody knows what it is for. */
  #adopt(): void {
    const { layout, say } = this.#of;
    mkdirSync(layout.replicas, { recursive: true, mode: 0o700 });
    const known = new Map(
      SLOTS.flatMap((slot) =>
        this.#file.slots[slot].replicas.map((replica) => [replica.incarnation, replica] as const),
      ),
    );
    const strays: Life[] = [];
    for (const name of readdirSync(layout.replicas)) {
      const folder = join(layout.replicas, name);
      const life = Life.adopt(folder);
      const record = known.get(life?.spec.incarnation);
      if (life === undefined) {
        rmSync(folder, { recursive: true, force: true });
      } else if (record?.startedAt !== undefined) {
        this.#keepers[life.spec.slot].adopt(life, record.listed);
      } else {
        say(`${name} is not in slots.json: ended`);
        life.terminate(now());
        strays.push(life);
      }
    }
    this.#strays = strays;
  }

  #endStrays(): void {
    this.#strays = this.#strays.filter((life) => {
      if (life.look(now()).is === "gone") {
        rmSync(life.files.folder, { recursive: true, force: true });
        return false;
      }
      if (now() - (life.stoppingSince ?? 0) > life.spec.stopGrace + 3_000) life.kill();
      return true;
    });
  }

  /** Tries at once what `lookAround` tries from time to time: the caller waits, and the address may be free by now. */
  async startEdge(): Promise<AgentMethods["edge"][1]> {
    this.#holderStartedAt = -Infinity;
    await this.#lookAtEdge();
    return this.#edgeFault === undefined ? {} : { fault: this.#edgeFault };
  }

  async #lookAround(): Promise<void> {
    try {
      this.#endStrays();
      await this.#lookAtEdge();
    } catch (error) {
      this.#of.say((error as Error).message);
    }
  }

  /** One attempt at a time: two would take the address from each other. */
  #lookAtEdge(): Promise<void> {
    this.#looking ??= this.#tryEdge().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  async #tryEdge(): Promise<void> {
    await this.#edge.sync();
    if (
      this.#edge.reachable ||
      this.#closed ||
      performance.now() - this.#holderStartedAt < HOLDER_AGAIN_AFTER
    )
      return;
    const holder = readJson<ProcessIdentity>(this.#of.layout.holderPid);
    if (holder !== undefined && isAlive(holder)) return; // it starts its edge by itself
    this.#holderStartedAt = performance.now();
    try {
      await this.#of.startEdge();
      this.#edgeFault = undefined;
      await this.#edge.sync();
    } catch (error) {
      const { code, message, evidence } = error as Error & Partial<Cause>;
      this.#edgeFault = {
        code: code?.startsWith("TEAL-") === true ? code : "TEAL-L209",
        message,
        ...(evidence === undefined ? {} : { evidence }),
      };
      this.#of.say(`the edge could not be started: ${(error as Error).message}`);
    }
  }
}

function readSlots(layout: Layout): SlotsFile {
  const file = readJson<SlotsFile>(layout.slotsFile);
  if (file === undefined) return EMPTY;
  if (file.format !== 1)
    throw new Error(`TEAL-L206 ${layout.slotsFile} is of format ${String(file.format)}, this Teal knows 1`);
  return file;
}

function occupied(by: { revision: { id: string }; replicas: number }): WireWrite<never> {
  return rejected("TEAL-L202", `the slot still has replicas of ${by.revision.id}. Retire them first`);
}

function rejected(code: string, message: string): WireWrite<never> {
  return { is: "rejected", code, message };
}

function now(): Instant {
  return Date.now() as Instant;
}
