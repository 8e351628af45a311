import { resolve as resolvePath } from "node:path";
import type { BodyExpectation, Check, CheckPlan, HttpAsk, Identity } from "../core/checks.ts";
import { createRedactor, excerpt } from "../core/redact.ts";
import type { Gate, Strategy, StrategyKind } from "../core/plan.ts";
import type { Millis } from "../core/units.ts";
import { DEFAULTS, sure } from "./defaults.ts";
import { kindOf, type Config } from "./config.ts";
import * as units from "./units.ts";

/**
 * From what a user wrote to what the engine and the targets work with: pure, with every default of `defaults.ts` filled
 * in.
 */

type Written<K extends keyof Config> = NonNullable<Config[K]>;
type StrategyOptions = Exclude<Written<"strategy">, string>;
type WrittenGate = NonNullable<NonNullable<StrategyOptions["blueGreen"]>["gate"]>[number];
type WrittenShift = NonNullable<NonNullable<StrategyOptions["canary"]>["shifts"]>[number];
type WrittenCheck = NonNullable<Written<"health">["ready"]>;
type WrittenHttp = Exclude<NonNullable<Exclude<WrittenCheck, string>["http"]>, string>;

/** The strategy of the plan. Migrations are none in this version: a file that asks for them is refused. */
export function strategyOf(config: Config): Strategy {
  const { kind, options } = chosenStrategy(config);
  const onAws = kindOf(config.target) === "aws";
  const standard = onAws ? DEFAULTS.aws : DEFAULTS;
  const keepsSlot = kind === "blueGreen" || kind === "canary";
  return {
    kind,
    gates: (options.gate ?? []).map(gateOf),
    shifts: kind === "canary" ? shiftsOf(options) : [],
    batch: options.batch ?? DEFAULTS.rolling.batch,
    bake: options.bake ?? duration(DEFAULTS.bake),
    // rolling and recreate have no second full environment that could be kept.
    keepWarm: keepsSlot ? (options.keepWarm ?? duration(DEFAULTS.keepWarm)) : duration("0s"),
    drainCap: options.drain ?? duration(DEFAULTS.drain),
    startDeadline: config.startDeadline ?? duration(standard.startDeadline),
    errors: {
      share: config.errors?.limit ?? share(DEFAULTS.errors.limit),
      minRequests: config.errors?.minRequests ?? DEFAULTS.errors.minRequests,
    },
    ...(onAws ? { stopDeadline: duration(DEFAULTS.aws.stopDeadline) } : {}),
    freshness: config.health?.freshness ?? duration(DEFAULTS.freshness),
    migrations: { expand: false, contract: false, destructive: false },
  };
}

/** What any strategy may say; each one's schema allows its own part of it. */
type Options = Partial<NonNullable<StrategyOptions["canary"]> & NonNullable<StrategyOptions["rolling"]>>;

function chosenStrategy(config: Config): { kind: StrategyKind; options: Options } {
  const written = config.strategy ?? DEFAULTS.strategy;
  if (typeof written === "string") return { kind: written, options: {} };
  for (const kind of ["blueGreen", "canary", "rolling", "recreate"] as const) {
    const options = written[kind];
    if (options !== undefined) return { kind, options };
  }
  throw new Error("a strategy without a name passed the schema");
}

function gateOf(gate: WrittenGate): Gate {
  if (gate === "approval") return approvalOf({});
  if (gate.approval !== undefined) return approvalOf(gate.approval);
  if (gate.schedule !== undefined) return scheduleOf(gate.schedule);
  throw new Error("a gate without a kind passed the schema");
}

type Waiting = {
  readonly timeout?: Millis | undefined;
  readonly otherwise?: "proceed" | "revert" | undefined;
};

function waitingOf({ timeout, otherwise }: Waiting) {
  return {
    timeout: timeout ?? duration(DEFAULTS.gate.timeout),
    otherwise: otherwise ?? DEFAULTS.gate.otherwise,
  };
}

function approvalOf(written: Waiting): Gate {
  return { gate: "approval", ...waitingOf(written) };
}

function scheduleOf(written: NonNullable<Exclude<WrittenGate, string>["schedule"]>): Gate {
  const week = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;
  const days = (written.days ?? week).map((day) => week.indexOf(day));
  return { gate: "schedule", days, from: written.from, to: written.to, ...waitingOf(written) };
}

function shiftsOf(options: Options): Strategy["shifts"] {
  const shifts: readonly WrittenShift[] =
    options.shifts ?? DEFAULTS.canary.shifts.map((share) => ({ share }));
  const watch = options.watch ?? duration(DEFAULTS.canary.watch);
  return shifts.map((shift) => ({ share: shift.share, gate: shiftGate(shift, watch) }));
}

function shiftGate(shift: WrittenShift, watch: Millis): Gate {
  if (shift.approval !== undefined) return approvalOf(shift.approval);
  if (shift.schedule !== undefined) return scheduleOf(shift.schedule);
  return { gate: "watch", for: shift.watch ?? watch };
}

/**
 * The checks of the plan. Without `health.ready` it is, on this machine, a TCP connection to the replica's own port; on
 * Kubernetes nothing is asked beside the pods' own readiness, without which no slot gets traffic anyway; on AWS the
 * target group says what, and whoever connects asks it.
 * @param secrets of the loaded file. Names are journaled, printed and typed after `--force`: they hold none of them.
 */
export function checkPlanOf(config: Config, secrets: readonly string[]): CheckPlan {
  const health = config.health ?? {};
  const timeout = health.timeout ?? duration(DEFAULTS.check.timeout);
  const kind = kindOf(config.target);
  const written = health.ready ?? (kind === "local" ? { tcp: {} } : undefined);
  const ready = written === undefined ? [] : [checkOf(written, "ready", "ready", timeout)];
  const deep = (health.deep ?? []).map((check, i) => checkOf(check, "deep", `deep[${i}]`, timeout));
  const { window } = health;
  return {
    checks: withSafeNames([...ready, ...deep], secrets),
    window: {
      // Whoever asks for fewer samples than the default's passes means: all of them.
      of: window?.of ?? DEFAULTS.window.of,
      passes: window?.passes ?? Math.min(DEFAULTS.window.passes, window?.of ?? DEFAULTS.window.of),
      consecutive:
        window?.consecutive ?? Math.min(DEFAULTS.window.consecutive, window?.of ?? DEFAULTS.window.of),
      interval: window?.interval ?? duration(DEFAULTS.window.interval),
      jitter: window?.jitter ?? share(DEFAULTS.window.jitter),
      deadline: window?.deadline ?? duration(DEFAULTS.window.deadline),
    },
    minHealthy: health.minHealthy ?? DEFAULTS.minHealthy,
    identity: identityOf(health.identity ?? (kind === "local" ? DEFAULTS : DEFAULTS[kind]).identity),
  };
}

function identityOf(written: NonNullable<Written<"health">["identity"]>): Identity {
  return typeof written === "string"
    ? { by: written }
    : { by: "header", header: written.header.toLowerCase() };
}

function checkOf(written: WrittenCheck, kind: Check["kind"], label: string, timeout: Millis): Check {
  const check = typeof written === "string" ? { http: written } : written;
  const ask = askOf(check);
  return { name: check.name ?? nameOf(kind, label, ask), kind, timeout: check.timeout ?? timeout, ...ask };
}

type AskPart =
  | Pick<Extract<Check, { ask: "http" }>, "ask" | "http">
  | Pick<Extract<Check, { ask: "tcp" }>, "ask" | "tcp">
  | Pick<Extract<Check, { ask: "exec" }>, "ask" | "exec">;

function askOf({ http, tcp, exec }: Exclude<WrittenCheck, string>): AskPart {
  if (http !== undefined)
    return { ask: "http", http: httpOf(typeof http === "string" ? { path: http } : http) };
  if (tcp !== undefined) {
    const port = typeof tcp === "number" ? tcp : tcp.port;
    return { ask: "tcp", tcp: port === undefined ? {} : { port } };
  }
  if (exec === undefined) throw new Error("a check without a kind passed the schema");
  const long = typeof exec === "string" || Array.isArray(exec) ? { command: exec } : exec;
  return { ask: "exec", exec: { command: long.command, expectExit: long.exit ?? DEFAULTS.check.exit } };
}

/** Longest name of a check, in characters: it heads a line. */
const NAME_LENGTH = 80;

/** Names on one line, without secrets, and told apart by a number where that made them alike. */
function withSafeNames(checks: readonly Check[], secrets: readonly string[]): readonly Check[] {
  const hide = createRedactor(secrets);
  const taken = new Set<string>();
  return checks.map((check) => {
    const safe = excerpt(hide(check.name), NAME_LENGTH);
    let name = safe;
    for (let nth = 2; taken.has(name); nth++) name = `${safe} (${nth})`;
    taken.add(name);
    return { ...check, name };
  });
}

/** `ready`, `deep[0] GET /health/db`, `deep[1] tcp 5432`. */
function nameOf(kind: Check["kind"], label: string, ask: AskPart): string {
  if (kind === "ready") return label;
  if (ask.ask === "http") return `${label} ${ask.http.method} ${ask.http.path}`;
  if (ask.ask === "tcp") return `${label} tcp${ask.tcp.port === undefined ? "" : ` ${ask.tcp.port}`}`;
  const { command } = ask.exec;
  return `${label} exec ${typeof command === "string" ? command : command.join(" ")}`;
}

function httpOf(written: WrittenHttp): HttpAsk {
  const expectBody = bodyOf(written.body);
  return {
    method: written.method ?? DEFAULTS.check.method,
    path: written.path,
    headers: written.send?.headers ?? {},
    ...(written.send?.body === undefined ? {} : { body: written.send.body }),
    status: written.status ?? [statusRange(DEFAULTS.check.status)],
    ...(expectBody === undefined ? {} : { expectBody }),
    ...(written.headers === undefined ? {} : { expectHeaders: lowerKeys(written.headers) }),
    ...(written.latency === undefined ? {} : { latency: written.latency }),
    followRedirects: written.redirects ?? DEFAULTS.check.redirects,
  };
}

function bodyOf(written: WrittenHttp["body"]): BodyExpectation | undefined {
  if (written === undefined) return undefined;
  const { contains, matches, json } = written;
  return {
    ...(contains === undefined ? {} : { contains }),
    ...(matches === undefined ? {} : { matches }),
    ...(json === undefined ? {} : { json }),
  };
}

function lowerKeys(record: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key.toLowerCase(), value]));
}

/** What the local target needs to prepare, start and route. Lengths of time in ms, sizes in bytes, paths absolute. */
export function localSettingsOf(config: Config) {
  const { local } = config.target;
  if (local === undefined)
    throw new Error(`${config.service} does not run on this machine by its configuration`);
  const D = DEFAULTS.local;
  return {
    service: config.service,
    environment: config.environment,
    listen: local.listen,
    ...(local.preview === undefined ? {} : { preview: local.preview }),
    source: resolvePath(config.folder, local.source ?? D.source),
    command: local.command,
    cwd: local.cwd ?? D.cwd,
    ...(local.build === undefined ? {} : { build: local.build }),
    env: local.env ?? {},
    ...(local.envFile === undefined ? {} : { envFile: resolvePath(config.folder, local.envFile) }),
    replicas: local.replicas ?? D.replicas,
    edge: {
      streams: {
        policy: local.streams?.policy ?? D.streams.policy,
        after: local.streams?.after ?? duration(D.streams.after),
        over: local.streams?.over ?? duration(D.streams.over),
      },
      queue: {
        timeout: local.queue?.timeout ?? duration(D.queue.timeout),
        limit: local.queue?.limit ?? D.queue.limit,
      },
      responseTimeout: local.responseTimeout ?? duration(D.responseTimeout),
      trustedProxies: local.trustedProxies ?? D.trustedProxies,
    },
    replicasPolicy: {
      backoff: local.backoff?.first ?? duration(D.backoff.first),
      backoffCap: local.backoff?.cap ?? duration(D.backoff.cap),
      crashLoop: {
        exits: local.crashLoop?.exits ?? D.crashLoop.exits,
        within: local.crashLoop?.within ?? duration(D.crashLoop.within),
      },
      stopGrace: local.stopGrace ?? duration(D.stopGrace),
      drainCap: strategyOf(config).drainCap,
      log: { maxBytes: local.log?.size ?? size(D.log.size), keep: local.log?.keep ?? D.log.keep },
    },
  };
}

const duration = (text: string) => sure(units.readDuration(text), text);
const share = (text: string) => sure(units.readShare(text), text);
const size = (text: string) => sure(units.readSize(text), text);
const statusRange = (text: string) => sure(units.readStatusRange(text), text);
