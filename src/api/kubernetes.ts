import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Config } from "../config/config.ts";
import { kubernetesSettingsOf } from "../config/resolve-kubernetes.ts";
import { checkPlanOf } from "../config/resolve.ts";
import type { CheckPlan } from "../core/checks.ts";
import { sealChecks, type Lookup, type Sealed } from "../core/sealed.ts";
import { isGone, thisHolder } from "../state/holder.ts";
import { openKubernetesStore } from "../state/kubernetes/store.ts";
import { fileSpool } from "../state/spool.ts";
import { systemClock } from "../state/system-clock.ts";
import { connectApi } from "../targets/kubernetes/api/connect.ts";
import { createEventNotifier } from "../targets/kubernetes/events.ts";
import type { ServiceKey } from "../targets/kubernetes/key.ts";
import type { ConfiguredSettings } from "../targets/kubernetes/settings.ts";
import { createKubernetesTarget, type KubernetesTarget } from "../targets/kubernetes/target.ts";
import { keyedDigest } from "../targets/kubernetes/template/canonical.ts";
import { stateDirectory } from "../targets/local/layout.ts";
import {
  whoami,
  type ConfiguredConnection,
  type Connected,
  type ConnectOptions,
  type Wished,
} from "./connection.ts";
import { lazyProbe, redacting, strategiesOf } from "./parts.ts";

/** A connection to a service in a namespace of a cluster. */
export interface KubernetesConnection extends ConfiguredConnection {
  readonly target: KubernetesTarget;
}

/**
 * Connects to a service in a cluster. Only the kubeconfig is read; nothing is asked of the API server yet. Journal and
 * lease are in the namespace, so that operators on different machines share them.
 */
export async function connectKubernetes(
  config: Config,
  options: ConnectOptions = {},
): Promise<Connected<KubernetesConnection>> {
  const { secrets = [] } = options;
  const settings = kubernetesSettingsOf(config);
  const connected = await connectApi(settings.access, settings.namespace);
  if (connected.is === "failed") {
    const next =
      "correct kubernetes.context or kubernetes.kubeconfig in teal.yaml; kubectl config get-contexts lists what there is";
    return { is: "refused", cause: connected.cause, next };
  }
  const { api } = connected;
  const target = createKubernetesTarget(api, settings, secrets);
  const folder = folderOf(options.stateDir ?? stateDirectory(process.env), settings);
  const sealing = new Sealing(checkPlanOf(config, secrets), secrets, (signal) => target.key(signal));
  const events = createEventNotifier(
    api,
    settings.service,
    (signal) => target.usersService(signal),
    options.notifier,
  );
  const connection: KubernetesConnection = {
    key: { service: config.service, environment: config.environment },
    wishes: {
      strategyFor: strategiesOf(config),
      checks: (signal) => sealing.checks(signal),
      replicas: settings.replicas ?? 1,
    },
    by: whoami(),
    folder,
    store: openKubernetesStore(api, settings.service),
    spool: fileSpool(join(folder, "spool.ndjson"), options.report ?? (() => {})),
    clock: systemClock,
    target: redacting(target, secrets),
    probe: lazyProbe({ secrets, unseal: () => sealing.lookup() }),
    random: Math.random,
    holder: thisHolder(),
    isGone,
    notifier: events,
    ...(options.waiting && { waiting: options.waiting }),
    close: async () => {
      await events.settled();
      await target.close();
    },
  };
  return { is: "connected", connection };
}

/** What this machine keeps about a service in a cluster. Contexts may have any name, folders may not. */
function folderOf(stateDir: string, { access, namespace, service }: ConfiguredSettings): string {
  const context = access.by === "pod" ? "" : access.context;
  const digest = createHash("sha256")
    .update(JSON.stringify([context, namespace, service]))
    .digest("hex");
  return join(stateDir, "kubernetes", `${namespace}.${service}.${digest.slice(0, 8)}`);
}

/** How long (ms) the key may be waited for when a sealed check is to be asked. */
const KEY_AT_MOST = 5_000;

/**
 * The configured checks without the secrets in them. Whoever asks them, on whatever machine, was given the same secrets
 * by its own configuration: nothing is kept anywhere, only the key of the digests is shared.
 */
class Sealing {
  readonly #plan: CheckPlan;
  readonly #secrets: readonly string[];
  readonly #key: (signal: AbortSignal) => Promise<ServiceKey>;

  constructor(
    plan: CheckPlan,
    secrets: readonly string[],
    key: (signal: AbortSignal) => Promise<ServiceKey>,
  ) {
    this.#plan = plan;
    this.#secrets = secrets;
    this.#key = key;
  }

  async checks(signal: AbortSignal): Promise<Wished> {
    // Checks without a secret need no key, and looking at a service none of the rights to read it.
    if (this.#sealed(() => "0").values.size === 0)
      return { is: "checks", plan: this.#sealed(() => "0").plan };
    const key = await this.#key(signal);
    if (key.is === "unreadable") return { is: "unavailable", cause: key.cause };
    return { is: "checks", plan: this.#sealed((value) => keyedDigest(key.key, value)).plan };
  }

  async lookup(): Promise<Lookup> {
    if (this.#sealed(() => "0").values.size === 0) return () => undefined;
    const key = await this.#key(AbortSignal.timeout(KEY_AT_MOST));
    if (key.is === "unreadable") throw new Error(`${key.cause.message} (${key.cause.code})`);
    const { values } = this.#sealed((value) => keyedDigest(key.key, value));
    return (digest) => values.get(digest);
  }

  #sealed(digestOf: (value: string) => string): Sealed {
    return sealChecks(this.#plan, this.#secrets, digestOf);
  }
}
