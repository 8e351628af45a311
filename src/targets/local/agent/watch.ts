import type { CheckPlan } from "../../../core/checks.ts";
import type { Probe } from "../../../ports/probe.ts";
import type { Reach } from "../../../ports/slots.ts";
import { ownsPort } from "../../../health/listener.ts";
import { runBeside, tailLog } from "../beside.ts";
import type { LifeSpec } from "../shim/life.ts";
import { accepts } from "./port.ts";
import { afterRound, type Readiness } from "./readiness.ts";

/** Where a replica may listen; the first that accepts is the one users get. */
const LOOPBACK = ["127.0.0.1", "::1"] as const;
/** Pause (ms) between looks at a replica that does not listen yet, and between rounds of one that starts. */
const NOT_LISTENING_PAUSE = 25;
const STARTING_PAUSE = 50;
/** Looking for the owner of a port walks through all processes: after failures at most so often (ms). */
const PROOF_AGAIN_AFTER = 1_000;
/** A loopback connection that is not accepted by then (ms) counts as not accepted. */
const CONNECT_AT_MOST = 1_000;

/**
 * Keeps asking one running life whether it may get requests, until the signal aborts. Waits for the port first, then
 * makes sure once that a process of the replica's own group listens there, then asks the `ready` checks in rounds.
 */
export class Watch {
  readonly #spec: LifeSpec;
  readonly #group: number;
  readonly #checks: CheckPlan;
  readonly #probe: Probe;
  readonly #changed: (phase: Readiness["phase"], why: string) => void;
  readonly #stop = new AbortController();
  #readiness: Readiness;
  #host: string = LOOPBACK[0];
  #proven = false;
  #provenAt = 0;
  #attempt = 0;
  #why = "";
  /** Resolves after the first round, whatever it said. */
  readonly first: Promise<void>;

  /** @param changed told of every change of the phase, with what the last failing answer was. */
  constructor(
    of: { spec: LifeSpec; group: number; checks: CheckPlan; readiness: Readiness },
    probe: Probe,
    changed: (phase: Readiness["phase"], why: string) => void,
  ) {
    this.#spec = of.spec;
    this.#group = of.group;
    this.#checks = of.checks;
    this.#readiness = of.readiness;
    this.#probe = probe;
    this.#changed = changed;
    const firstRound = Promise.withResolvers<void>();
    this.first = firstRound.promise;
    void this.#run(firstRound.resolve);
  }

  get phase(): Readiness["phase"] {
    return this.#readiness.phase;
  }

  get readiness(): Readiness {
    return this.#readiness;
  }

  get host(): string {
    return this.#host;
  }

  stop(): void {
    this.#stop.abort();
  }

  async #run(afterFirst: () => void): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const round = await this.#round().catch((error: Error) => this.#notAsked(error));
      if (signal.aborted) break;
      const before = this.#readiness.phase;
      this.#readiness = afterRound(this.#readiness, round, this.#checks.window);
      if (this.#readiness.phase !== before) this.#changed(this.#readiness.phase, this.#why);
      afterFirst();
      await pause(this.#pause(), signal);
    }
    afterFirst();
  }

  /** Jitter keeps the replicas' checks from falling together. */
  #pause(): number {
    if (this.#readiness.phase === "starting") return this.#proven ? STARTING_PAUSE : NOT_LISTENING_PAUSE;
    const { interval, jitter } = this.#checks.window;
    return interval * (1 + jitter * (2 * Math.random() - 1));
  }

  async #round(): Promise<"pass" | "fail" | "unknown"> {
    if (!this.#proven && !(await this.#listens())) return "fail";
    const checks = this.#checks.checks.filter((check) => check.kind === "ready");
    if (checks.length === 0) return this.#accepts();
    const of = {
      reach: this.#reach(),
      revision: this.#spec.revision,
      identity: { by: "address" } as const,
      attempt: ++this.#attempt,
    };
    const samples = await Promise.all(
      checks.map((check) => this.#probe.sample(check, of, this.#stop.signal)),
    );
    const bad =
      samples.find((sample) => sample.result === "fail") ??
      samples.find((sample) => sample.result === "unknown");
    if (bad === undefined) return "pass";
    this.#why = `${bad.check}: expected ${bad.expected ?? "an answer"}, got ${bad.actual ?? "none"}`;
    this.#doubt();
    return bad.result;
  }

  #notAsked(error: Error): "unknown" {
    this.#why = `could not be asked: ${error.message}`;
    return "unknown";
  }

  async #accepts(): Promise<"pass" | "fail"> {
    if (await accepts(this.#host, this.#spec.port, CONNECT_AT_MOST)) return "pass";
    this.#why = `nothing accepts connections on port ${this.#spec.port}`;
    this.#doubt();
    return "fail";
  }

  /** Somebody else could listen there by now: the next answer counts only when it is the replica's. */
  #doubt(): void {
    if (performance.now() - this.#provenAt >= PROOF_AGAIN_AFTER) this.#proven = false;
  }

  /** Whether the replica's own process group listens on its port; where the system cannot tell, that something does. */
  async #listens(): Promise<boolean> {
    const { port } = this.#spec;
    for (const host of LOOPBACK) {
      if (!(await accepts(host, port, CONNECT_AT_MOST))) continue;
      const owner = await ownsPort(this.#group, port, host);
      if (owner.is !== "no") {
        this.#host = host;
        this.#proven = true;
        this.#provenAt = performance.now();
        return true;
      }
      this.#why = `port ${port} is held by ${owner.pids.length === 0 ? "another process" : `pid ${owner.pids.join(", ")}`}, not by the replica`;
      return false;
    }
    this.#why = `nothing listens on port ${port}`;
    return false;
  }

  #reach(): Reach {
    const { replica, incarnation, port, release, log } = this.#spec;
    return {
      replica,
      incarnation,
      host: this.#host,
      port,
      group: this.#group,
      exec: (command, signal) => runBeside(release, this.#spec, command, signal),
      tail: (lines) => Promise.resolve(tailLog(log, lines)),
    };
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) end();
  });
}
