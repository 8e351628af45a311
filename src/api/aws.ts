import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Config } from "../config/config.ts";
import { awsSettingsOf } from "../config/resolve-aws.ts";
import { checkPlanOf } from "../config/resolve.ts";
import type { CheckPlan } from "../core/checks.ts";
import { millis } from "../core/units.ts";
import type { Clock } from "../ports/clock.ts";
import type { StateStore } from "../ports/store.ts";
import { isGone, thisHolder } from "../state/holder.ts";
import { fileSpool } from "../state/spool.ts";
import { systemClock } from "../state/system-clock.ts";
import { connectAws as connectApi } from "../targets/aws/api/connect.ts";
import { RATES, type Rate } from "../targets/aws/api/purse.ts";
import { holderText } from "../targets/aws/claim-tag.ts";
import { publishWeights } from "../targets/aws/publish.ts";
import { withReadyCheck } from "../targets/aws/ready-check.ts";
import type { AwsSettings } from "../targets/aws/settings.ts";
import type { AwsTarget } from "../targets/aws/aws-target.ts";
import { createAwsTarget, type AwsTargetParts } from "../targets/aws/target.ts";
import { stateDirectory } from "../targets/local/layout.ts";
import { SaltedSealing } from "./aws-sealing.ts";
import {
  whoami,
  type ConfiguredConnection,
  type Connected,
  type ConnectOptions,
  type Wished,
} from "./connection.ts";
import { lazyProbe, redacting, strategiesOf } from "./parts.ts";

/** A connection to a service in an AWS account. */
export interface AwsConnection extends ConfiguredConnection {
  readonly target: AwsTarget;
}

/** How the account's time runs against this machine's: 1, but for a simulated account that runs faster. */
export interface AwsWorld {
  readonly speed: number;
}

/**
 * Connects to a service in an AWS account. Nothing is asked of AWS yet; the first call is refused where the credentials
 * are another account's. Journal and lease are in the bucket `aws.state` names, else on this machine.
 */
export async function connectAws(
  config: Config,
  options: ConnectOptions = {},
  world: AwsWorld = { speed: 1 },
): Promise<Connected<AwsConnection>> {
  const { secrets = [] } = options;
  const settings = withRegion(awsSettingsOf(config), options.region);
  const connected = await connectApi(settings, { rates: ratesAt(world.speed) });
  if (connected.is === "failed")
    return { is: "refused", cause: connected.cause, next: "set AWS_REGION, or aws.region in teal.yaml" };
  const { api } = connected;
  const checks = checkPlanOf(config, secrets);
  const holder = thisHolder();
  const target = createAwsTarget(api, settings, {
    clock: clockAt(world.speed),
    holder: holderText(`${whoami()}/${holder.pid}/${randomBytes(4).toString("hex")}`),
    ...(world.speed === 1 ? {} : { pace: millis(1_000 / world.speed) }),
    ...identityIn(checks),
  });
  const folder = folderOf(options.stateDir ?? stateDirectory(process.env), settings, api.region);
  const sealing = new SaltedSealing(saltOf(settings), secrets);
  const state = await stateOf(settings, target, folder, api.region);
  const publisher =
    settings.publish === undefined
      ? undefined
      : publishWeights(api, settings.publish, options.report ?? (() => {}), options.notifier);
  const notifier = publisher ?? options.notifier;
  const connection: AwsConnection = {
    key: { service: config.service, environment: config.environment },
    wishes: {
      strategyFor: strategiesOf(config),
      checks: (signal) => checksOf(config, checks, target, sealing, signal),
      replicas: settings.replicas ?? 1,
    },
    by: whoami(),
    folder,
    store: state.store,
    spool: fileSpool(join(folder, "spool.ndjson"), options.report ?? (() => {})),
    clock: systemClock,
    target: redacting(target, secrets),
    probe: lazyProbe({ secrets, unseal: async () => sealing.lookup(checks) }),
    random: Math.random,
    holder,
    isGone,
    ...(notifier && { notifier }),
    ...(options.waiting && { waiting: options.waiting }),
    close: async () => {
      await publisher?.settled();
      await target.close();
      await state.dispose();
    },
  };
  return { is: "connected", connection };
}

/** The pace at which an account may be looked at is a pace of its own time. */
function clockAt(speed: number): Clock {
  return {
    now: () => systemClock.now(),
    monotonic: () => millis(systemClock.monotonic() * speed),
    sleep: (ms, signal) => systemClock.sleep(millis(ms / speed), signal),
  };
}

function ratesAt(speed: number): typeof RATES {
  const at = ({ burst, perSecond }: Rate): Rate => ({ burst, perSecond: perSecond * speed });
  return {
    look: at(RATES.look),
    plan: at(RATES.plan),
    write: at(RATES.write),
    switch: at(RATES.switch),
    rights: at(RATES.rights),
  };
}

/** How users' answers tell the revision, where they do: then a cutover is proven by them. */
function identityIn({ identity, checks }: CheckPlan): Pick<AwsTargetParts, "identity"> {
  if (identity.by !== "header") return {};
  const ready = checks.find((check) => check.kind === "ready" && check.ask === "http");
  const path = ready?.ask === "http" && ready.http.method === "GET" ? ready.http.path : "/";
  return { identity: { header: identity.header, path } };
}

/** The configured checks, else the path that the target group's own health check asks. */
async function checksOf(
  config: Config,
  checks: CheckPlan,
  target: AwsTarget,
  sealing: SaltedSealing,
  signal: AbortSignal,
): Promise<Wished> {
  const { plan } = sealing.sealed(checks);
  if (config.health?.ready !== undefined) return { is: "checks", plan };
  const sought = await target.found(signal);
  if (sought.is !== "found") return { is: "unavailable", cause: sought.cause };
  return { is: "checks", plan: withReadyCheck(plan, sought.found) };
}

function withRegion(settings: AwsSettings, region: string | undefined): AwsSettings {
  return region === undefined ? settings : { ...settings, region };
}

interface State {
  readonly store: StateStore;
  dispose(): void | Promise<void>;
}

/** In the bucket, where several runners find it, or on this machine. Only what is used is loaded. */
async function stateOf(
  settings: AwsSettings,
  target: AwsTarget,
  folder: string,
  region: string,
): Promise<State> {
  const { state, profile } = settings;
  const claimed = () => target.claimed(AbortSignal.timeout(CLAIMED_AT_MOST));
  if (state === undefined) {
    const { openSqliteStore } = await import("../state/sqlite/store.ts");
    const store = openSqliteStore(join(folder, "journal.db"), { claimed });
    return { store, dispose: () => store.dispose() };
  }
  const { openS3Store } = await import("../state/s3/store.ts");
  // Another server than Amazon's knows no host names of buckets.
  const endpoint = process.env["AWS_ENDPOINT_URL_S3"] ?? process.env["AWS_ENDPOINT_URL"];
  const store = openS3Store({
    ...state,
    access: {
      region,
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(profile === undefined ? {} : { profile }),
    },
    claimed,
  });
  return { store, dispose: () => store.dispose() };
}

/** Longest time (ms) for reading two tags. */
const CLAIMED_AT_MOST = 10_000;

/**
 * What this machine keeps about a service in an account: the spool, the journal where no bucket has it, logs. Listeners
 * and rules are no part of it: whoever corrects them in teal.yaml must still find the deployment that is open.
 */
function folderOf(stateDir: string, { account, service, environment }: AwsSettings, region: string): string {
  const where = JSON.stringify([account, region, environment]);
  const digest = createHash("sha256").update(where).digest("hex");
  return join(stateDir, "aws", `${account}.${service}.${digest.slice(0, 8)}`);
}

function saltOf({ account, service, environment }: AwsSettings): string {
  return JSON.stringify([account, service, environment]);
}
