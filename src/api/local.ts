import { checkPlanOf, localSettingsOf, strategyOf } from "../config/resolve.ts";
import type { Config } from "../config/config.ts";
import type { Notifier } from "../ports/notifier.ts";
import type { Probe } from "../ports/probe.ts";
import type { Read } from "../core/observed.ts";
import { createRedactor } from "../core/redact.ts";
import type { Lookup } from "../core/sealed.ts";
import type { Cause } from "../core/units.ts";
import { isGone, thisHolder } from "../state/holder.ts";
import { fileSpool } from "../state/spool.ts";
import { openSqliteStore } from "../state/sqlite/store.ts";
import { systemClock } from "../state/system-clock.ts";
import { stateDirectory } from "../targets/local/layout.ts";
import { createLookup, sealAndKeep } from "../targets/local/secrets.ts";
import { createLocalTarget, type LocalTarget } from "../targets/local/target.ts";
import { whoami, type ConfiguredConnection } from "./connection.ts";

export interface LocalOptions {
  /** Folder that holds what Teal knows about the services of this machine; by default `stateDirectory` of `env`. */
  readonly stateDir?: string;
  /** Values that no sample may show and no plan may hold (its checks are sealed), and so no journal: `secrets` of `loadConfig`. */
  readonly secrets?: readonly string[];
  /** Told of every journaled event after it is durable. */
  readonly notifier?: Notifier;
  /** Told what the current step waits for. */
  readonly waiting?: (reason: string) => void;
  /** Told what was found damaged in the spool; nothing by default. */
  readonly report?: (cause: Cause) => void;
}

/** A connection to a service on this machine. */
export interface LocalConnection extends ConfiguredConnection {
  readonly target: LocalTarget;
}

/**
 * Connects to a service on this machine. Nothing is read or started yet: a service that was never deployed stays
 * untouched until something is deployed.
 */
export async function connectLocal(config: Config, options: LocalOptions = {}): Promise<LocalConnection> {
  const { secrets = [] } = options;
  const settings = localSettingsOf(config);
  const stateDir = options.stateDir ?? stateDirectory(process.env);
  const target = await createLocalTarget({ ...settings, stateDir });
  const store = openSqliteStore(target.layout.journal);
  return {
    key: { service: config.service, environment: config.environment },
    wishes: {
      strategyFor: (kind) => strategyOf(kind === undefined ? config : withStrategy(config, kind)),
      // Who only looks never asks for them, and so writes nothing; who plans has their secrets kept before the plan.
      checks: async () => ({
        is: "checks",
        plan: sealAndKeep(target.layout, checkPlanOf(config, secrets), secrets),
      }),
      replicas: settings.replicas,
    },
    by: whoami(),
    folder: target.layout.root,
    store,
    spool: fileSpool(target.layout.spool, options.report ?? (() => {})),
    clock: systemClock,
    target: redacting(target, secrets),
    probe: lazyProbe({ secrets, unseal: createLookup(target.layout) }),
    random: Math.random,
    holder: thisHolder(),
    isGone,
    ...(options.notifier && { notifier: options.notifier }),
    ...(options.waiting && { waiting: options.waiting }),
    close: async () => {
      await target.close();
      store.dispose();
    },
  };
}

/** What the file says of that strategy, or that strategy with its defaults. */
function withStrategy(config: Config, kind: keyof Exclude<Config["strategy"], string | undefined>): Config {
  const { strategy } = config;
  if (typeof strategy === "object" && strategy[kind] !== undefined) return config;
  return { ...config, strategy: kind };
}

/** What replicas wrote and what users sent gets into journals as evidence: without the secrets that it may hold. */
function redacting(target: LocalTarget, secrets: readonly string[]): LocalTarget {
  const hide = createRedactor(secrets);
  const seen = <T, U>(read: Read<T>, change: (value: T) => U): Read<U> =>
    read.is === "seen" ? { ...read, value: change(read.value) } : read;
  const { metrics, slots } = target;
  return {
    ...target,
    slots: {
      fencing: slots.fencing,
      claim: (by) => slots.claim(by),
      observe: (slot, signal) => slots.observe(slot, signal),
      ensure: (slot, want, expect, by) => slots.ensure(slot, want, expect, by),
      retire: (slot, keep, expect, by) => slots.retire(slot, keep, expect, by),
      restore: (borrowed, by) => slots.restore(borrowed, by),
      reach: async (slot, signal) =>
        seen(await slots.reach(slot, signal), (reach) =>
          reach.map((each) => ({ ...each, tail: async (lines) => (await each.tail(lines)).map(hide) })),
        ),
    },
    ...(metrics && {
      metrics: {
        traffic: async (slot, signal) =>
          seen(await metrics.traffic(slot, signal), (traffic) => ({
            ...traffic,
            ...(traffic.examples && { examples: traffic.examples.map(hide) }),
          })),
      },
    }),
  };
}

/** Looking at a service asks no checks: what asks them is loaded with the first question. */
function lazyProbe(options: { readonly secrets: readonly string[]; readonly unseal: Lookup }): Probe {
  let probe: Promise<Probe> | undefined;
  return {
    sample: async (check, of, signal) => {
      probe ??= import("../health/probe.ts").then(({ createProbe }) => createProbe(options));
      return (await probe).sample(check, of, signal);
    },
  };
}
