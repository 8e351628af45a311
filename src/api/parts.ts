import { strategyOf } from "../config/resolve.ts";
import type { Config } from "../config/config.ts";
import type { Read } from "../core/observed.ts";
import { createRedactor } from "../core/redact.ts";
import type { Lookup } from "../core/sealed.ts";
import type { Probe } from "../ports/probe.ts";
import type { Target } from "../ports/target.ts";
import type { Wishes } from "./connection.ts";

/* What connections to every target are put together from. */

/** The configured strategy, or the one asked for: as the file says it, else with its defaults. */
export function strategiesOf(config: Config): Wishes["strategyFor"] {
  return (kind) => strategyOf(kind === undefined ? config : withStrategy(config, kind));
}

function withStrategy(config: Config, kind: keyof Exclude<Config["strategy"], string | undefined>): Config {
  const { strategy } = config;
  if (typeof strategy === "object" && strategy[kind] !== undefined) return config;
  return { ...config, strategy: kind };
}

/** What replicas wrote and what users sent gets into journals as evidence: without the secrets that it may hold. */
export function redacting<T extends Target>(target: T, secrets: readonly string[]): T {
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
        ...(metrics.history && { history: metrics.history }),
        traffic: async (slot, signal) =>
          seen(await metrics.traffic(slot, signal), (traffic) => ({
            ...traffic,
            ...(traffic.examples && { examples: traffic.examples.map(hide) }),
          })),
      },
    }),
  };
}

/** Looking at a service asks no checks: what asks them is loaded by `prepare`, or with the first question. */
export function lazyProbe(options: {
  readonly secrets: readonly string[];
  readonly unseal: () => Promise<Lookup>;
}): Probe {
  let probe: Promise<Probe> | undefined;
  const made = () =>
    (probe ??= make(options).catch((error: unknown) => {
      probe = undefined;
      throw error;
    }));
  return {
    prepare: async () => {
      await made().catch(() => undefined);
    },
    sample: async (check, of, signal) => (await made()).sample(check, of, signal),
  };
}

async function make(options: Parameters<typeof lazyProbe>[0]): Promise<Probe> {
  const { createProbe } = await import("../health/probe.ts");
  return createProbe({ secrets: options.secrets, unseal: await options.unseal() });
}
