import { checkPlanOf, localSettingsOf } from "../config/resolve.ts";
import type { Config } from "../config/config.ts";
import { isGone, thisHolder } from "../state/holder.ts";
import { fileSpool } from "../state/spool.ts";
import { openSqliteStore } from "../state/sqlite/store.ts";
import { systemClock } from "../state/system-clock.ts";
import { stateDirectory } from "../targets/local/layout.ts";
import { createLookup, sealAndKeep } from "../targets/local/secrets.ts";
import { createLocalTarget, type LocalTarget } from "../targets/local/target.ts";
import { whoami, type ConfiguredConnection, type ConnectOptions } from "./connection.ts";
import { lazyProbe, redacting, strategiesOf } from "./parts.ts";

/** A connection to a service on this machine. */
export interface LocalConnection extends ConfiguredConnection {
  readonly target: LocalTarget;
}

/**
 * Connects to a service on this machine. Nothing is read or started yet: a service that was never deployed stays
 * untouched until something is deployed.
 */
export async function connectLocal(config: Config, options: ConnectOptions = {}): Promise<LocalConnection> {
  const { secrets = [] } = options;
  const settings = localSettingsOf(config);
  const stateDir = options.stateDir ?? stateDirectory(process.env);
  const target = await createLocalTarget({ ...settings, stateDir });
  const store = openSqliteStore(target.layout.journal);
  return {
    key: { service: config.service, environment: config.environment },
    wishes: {
      strategyFor: strategiesOf(config),
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
    probe: lazyProbe({ secrets, unseal: async () => createLookup(target.layout) }),
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
