import type { Replica } from "../../core/observed.ts";
import type { Instant, Revision, Slot } from "../../core/units.ts";
import type { Behaviour } from "./options.ts";
import { draw } from "./options.ts";
import type { Stage } from "./stage.ts";

/** So many crashes within this time are a crash loop; it is tried again after the longest pause. */
const LOOP = { crashes: 4, within: 60_000, pause: 30_000 } as const;

/** One replica, through all its lives: a restart gives it a new incarnation. */
export interface Life {
  readonly stage: Stage;
  /** Told when the phase changed. */
  readonly changed: (life: Life) => void;
  readonly slot: Slot;
  readonly id: string;
  readonly revision: Revision;
  readonly behaviour: Behaviour;
  incarnation: string;
  phase: Replica["phase"] | "gone";
  restarts: number;
  crashes: number[];
  exit: { readonly code: number | null; readonly signal: string | null; readonly at: Instant } | undefined;
  /** New requests come to it. */
  receiving: boolean;
  /** Requests in flight while it gets new ones; afterwards they end one by one until `busyUntil`. */
  load: number;
  busySince: number;
  busyUntil: number;
  /** `failsUnderTraffic`: it fails now. */
  sick: boolean;
}

export function beginLife(of: Pick<Life, "stage" | "changed" | "slot" | "id" | "revision">): Life {
  const behaviour = of.stage.options.behaviour?.(of.revision) ?? "good";
  const life: Life = {
    ...of,
    behaviour,
    incarnation: "",
    phase: "starting",
    restarts: 0,
    crashes: [],
    exit: undefined,
    receiving: false,
    load: 0,
    busySince: 0,
    busyUntil: 0,
    sick: false,
  };
  start(life);
  return life;
}

/** Requests this replica still works on. */
export function inFlight(life: Life, t: number): number {
  if (life.receiving) return life.load;
  if (t >= life.busyUntil) return 0;
  return Math.max(1, Math.ceil((life.load * (life.busyUntil - t)) / (life.busyUntil - life.busySince)));
}

/** The process is gone at once, with everything it was working on; the provider starts it again after a pause. */
export function crashLife(life: Life): void {
  const cut = inFlight(life, life.stage.t);
  idle(life);
  life.exit = { code: 1, signal: null, at: life.stage.at() };
  if (life.phase === "stopping") {
    enter(life, "gone", cut);
    return;
  }
  life.crashes = [...life.crashes.filter((t) => t > life.stage.t - LOOP.within), life.stage.t];
  const looping = life.crashes.length >= LOOP.crashes;
  enter(life, looping ? "crashLoop" : "exited", cut);
  const pause = looping
    ? LOOP.pause
    : Math.min(LOOP.pause, life.stage.shape.backoff * 2 ** (life.crashes.length - 1));
  inThisLife(life, pause, () => {
    life.restarts++;
    start(life);
    life.changed(life);
  });
}

/** It gets no new requests, finishes what it has (within the provider's drain cap), then stops. */
export function dismissLife(life: Life): void {
  const running = life.phase === "ready" || life.phase === "unready" || life.phase === "starting";
  if (!running) {
    enter(life, "gone", 0);
    return;
  }
  enter(life, "stopping", 0);
  loseTraffic(life);
  const left = Math.max(20, life.busyUntil - life.stage.t);
  inThisLife(life, Math.min(left, life.stage.shape.stopAfter), () => {
    const cut = inFlight(life, life.stage.t);
    idle(life);
    enter(life, "gone", cut, left > life.stage.shape.stopAfter);
  });
}

/** New requests come to it from now on, `load` at a time. */
export function giveTraffic(life: Life, load: number): void {
  life.load = Math.max(1, Math.round(load));
  if (life.receiving) return;
  life.receiving = true;
  if (life.behaviour !== "failsUnderTraffic" || life.sick) return;
  inThisLife(life, draw(life.stage.random, life.stage.shape.failsAfter), () => {
    if (life.receiving) life.sick = true;
  });
}

/** No new requests; those in flight still take a while. */
export function loseTraffic(life: Life): void {
  if (!life.receiving) return;
  life.receiving = false;
  life.busySince = life.stage.t;
  life.busyUntil = life.stage.t + draw(life.stage.random, life.stage.shape.tail);
}

function start(life: Life): void {
  life.incarnation = `${life.id}#${life.restarts}@${Math.round(life.stage.t)}`;
  life.sick = false;
  idle(life);
  life.phase = "starting";
  note(life, 0);
  inThisLife(life, draw(life.stage.random, life.stage.shape.boot), () => booted(life));
}

function booted(life: Life): void {
  if (life.phase !== "starting") return;
  if (life.behaviour === "crashLoop") crashLife(life);
  else enter(life, life.behaviour === "neverReady" ? "unready" : "ready", 0);
  if (life.behaviour === "flapping") flap(life);
}

function flap(life: Life): void {
  inThisLife(life, draw(life.stage.random, [500, 4_000]), () => {
    if (life.phase !== "ready" && life.phase !== "unready") return;
    enter(life, life.phase === "ready" ? "unready" : "ready", 0);
    flap(life);
  });
}

function idle(life: Life): void {
  life.receiving = false;
  life.busyUntil = 0;
}

function enter(life: Life, phase: Life["phase"], cut: number, capped = false): void {
  life.phase = phase;
  note(life, cut, capped);
  life.changed(life);
}

function note(life: Life, cut: number, capped = false): void {
  const { slot, id: replica, incarnation, revision, phase } = life;
  life.stage.record({
    is: "replica",
    slot,
    replica,
    incarnation,
    revision,
    phase,
    cut,
    ...(capped ? { capped } : {}),
  });
}

/** As `Stage.after`, unless the replica has died in between. */
function inThisLife(life: Life, ms: number, run: () => void): void {
  const { incarnation, phase } = life;
  const waiting = phase === "exited" || phase === "crashLoop";
  life.stage.after(ms, () => {
    if (life.phase === "gone" || life.incarnation !== incarnation) return;
    if (!waiting && (life.phase === "exited" || life.phase === "crashLoop")) return;
    run();
  });
}
