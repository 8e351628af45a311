import { EXIT } from "./exit.ts";

/**
 * JSON Schema (draft 2020-12) of one line of `--json`. Built here, written to `schema/teal.output.schema.json` by
 * `npm run schema` and held against real output by the tests. Fields may be added; none changes its meaning.
 */

type Schema = Readonly<Record<string, unknown>>;

const text: Schema = { type: "string" };
const whole: Schema = { type: "integer", minimum: 0 };
const instant: Schema = { type: "number", description: "milliseconds since 1970-01-01 UTC" };
const millis: Schema = { type: "number", minimum: 0, description: "milliseconds" };
const slot: Schema = { enum: ["blue", "green"] };
const any: Schema = {};
const bool: Schema = { type: "boolean" };
const ref = (name: string): Schema => ({ $ref: `#/$defs/${name}` });
const list = (items: Schema): Schema => ({ type: "array", items });
const literal = (value: unknown): Schema => ({ const: value });

/** An object with these fields and no others; a name with `?` may be absent. */
function object(fields: Readonly<Record<string, Schema>>, more: Schema = {}): Schema {
  const names = Object.keys(fields);
  return {
    type: "object",
    properties: Object.fromEntries(names.map((name) => [name.replace("?", ""), fields[name]])),
    required: names.filter((name) => !name.endsWith("?")),
    additionalProperties: false,
    ...more,
  };
}

const HAPPENINGS: Readonly<Record<string, Readonly<Record<string, Schema>>>> = {
  opened: { id: text, plan: ref("plan"), engine: whole },
  claimed: {
    fence: whole,
    holder: object({ name: text, host: text, pid: whole, started: text, boot: text }),
  },
  intent: {
    intent: text,
    step: text,
    dir: ref("direction"),
    call: ref("call"),
    expect: text,
    fence: whole,
    bound: millis,
    "spooled?": bool,
  },
  outcome: {
    intent: text,
    result: { enum: ["applied", "unchanged", "conflict", "fenced", "rejected", "unknown"] },
    "found?": bool,
    "took?": millis,
    "cause?": ref("cause"),
    "transient?": bool,
  },
  verdict: {
    dir: ref("direction"),
    of: text,
    result: { enum: ["pass", "fail", "inconclusive"] },
    then: { enum: ["next", "back", "hold", "again", "note"] },
    "hold?": ref("hold"),
    "passed?": object({ slot, incarnations: list(text) }),
    "cause?": ref("cause"),
    facts: ref("facts"),
    "took?": millis,
  },
  drift: { expected: text, observed: text, hold: ref("hold") },
  asked: { ask: { enum: ["abort", "promote", "acceptDrift"] }, by: text, "because?": text },
  replanned: { dir: ref("direction"), steps: list(ref("step")), from: whole, because: text, "seen?": any },
  borrowed: { items: list(object({ slot, what: text, original: text })) },
  closed: {
    outcome: ref("outcome"),
    serves: ref("serves"),
    "cause?": ref("cause"),
    "users?": object({ requests: whole, failed: whole }),
  },
};

const EVENT = {
  type: literal("event"),
  deployment: text,
  number: whole,
  seq: { type: "integer", minimum: 1 },
  at: instant,
};

const RESULT = { type: literal("result"), exit: { enum: Object.values(EXIT) } };
const FAULT = { is: { enum: ["refused", "failed", "busy", "none"] }, cause: ref("cause"), "next?": text };
const SUMMARY = {
  deployment: text,
  number: whole,
  revision: ref("revision"),
  slot,
  strategy: ref("strategyKind"),
  "outcome?": ref("outcome"),
  "cause?": ref("cause"),
};
/** What a rule says of itself and of each of its findings. */
const HAZARD = {
  code: text,
  class: {
    enum: [
      "breaksLive",
      "breaksCandidate",
      "fails",
      "losesData",
      "locks",
      "rewrites",
      "scans",
      "unread",
      "practice",
    ],
  },
  certainty: { enum: ["certain", "possible"] },
  phase: { enum: ["expand", "contract", "never"] },
  why: text,
};
const MOVING = { enum: ["deploy", "promote", "abort", "rollback", "resume"] };
const result = (command: string, fields: Readonly<Record<string, Schema>>) =>
  object({ ...RESULT, command: literal(command), ...fields });

const RESULTS: readonly Schema[] = [
  object(
    { ...RESULT, command: text, problems: list(ref("problem")) },
    { description: "The configuration is not valid." },
  ),
  object(
    { ...RESULT, command: text, ...FAULT },
    { description: "Nothing was done, or it could not be: why, and what to do next." },
  ),
  object({
    ...RESULT,
    command: MOVING,
    is: literal("ended"),
    ...SUMMARY,
    state: literal("finished"),
    "serves?": ref("serves"),
  }),
  object({
    ...RESULT,
    command: MOVING,
    is: { enum: ["warm", "waiting"] },
    ...SUMMARY,
    state: { enum: ["warm", "waiting"] },
    until: instant,
  }),
  object({ ...RESULT, command: MOVING, is: literal("unchanged"), slot, revision: ref("revision") }),
  object({
    ...RESULT,
    command: MOVING,
    is: literal("detached"),
    deployment: text,
    number: whole,
    "log?": text,
    "next?": text,
  }),
  object({ ...RESULT, command: text, is: { enum: ["interrupted", "none"] } }),
  result("check", {
    file: text,
    service: text,
    environment: text,
    strategy: any,
    checks: list(text),
    notes: list(text),
  }),
  result("plan", {
    is: literal("plan"),
    plan: ref("plan"),
    "findings?": list(ref("finding")),
    "file?": text,
  }),
  result("plan", { ...FAULT, is: literal("refused"), findings: list(ref("finding")) }),
  result("plan", { is: literal("unchanged"), slot, revision: ref("revision") }),
  result("plan", {
    is: literal("comparison"),
    comparison: object({
      rows: list(any),
      recommendation: object({ strategy: text, reason: text }),
      measured: whole,
    }),
  }),
  result("status", {
    service: text,
    environment: text,
    place: text,
    serves: ref("serves"),
    observed: any,
    "open?": object({
      ...SUMMARY,
      state: any,
      allowed: list({ enum: ["promote", "abort", "rollback", "resume"] }),
      "holder?": text,
      "overdue?": text,
    }),
    "last?": ref("row"),
    "store?": ref("cause"),
    "address?": text,
    "preview?": text,
    "reverted?": ref("finding"),
  }),
  result("history", { rows: list(ref("row")) }),
  result("logs", {}),
  result("health", { slots: list(ref("slotHealth")) }),
  result("agent", { running: bool, "pid?": whole, "version?": text, "edgeFault?": ref("cause") }),
  result("agent", {
    is: { enum: ["running", "started", "restarted", "stopped"] },
    "pid?": whole,
    "version?": text,
    "edgeFault?": ref("cause"),
    "everything?": bool,
  }),
  result("unlock", { is: { enum: ["unlocked", "free"] }, "from?": text }),
  result("prune", { removed: list(text) }),
  result("init", {
    is: literal("printed"),
    surroundings: any,
    files: list(object({ path: text, content: text })),
  }),
  result("init", { is: literal("written"), surroundings: any, files: list(text) }),
  result("migrate lint", {
    is: literal("linted"),
    migrations: whole,
    statements: whole,
    skipped: whole,
    schemas: whole,
    findings: list(ref("hazard")),
  }),
  result("migrate explain", {
    is: literal("explained"),
    rule: object({ ...HAZARD, name: text, title: text, evidence: text, bad: text, good: text }),
  }),
  result("eject", { is: literal("ejected"), deployment: text, removed: list(text) }),
];

/** The schema of one line. */
export function outputSchema(): Schema {
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "A line of teal --json",
    oneOf: [ref("note"), ref("log"), ref("event"), ref("result")],
    $defs: {
      note: object({ type: literal("note"), text }, { description: "Something on the way, for people." }),
      log: object(
        { type: literal("log"), replica: text, at: text, source: { enum: ["out", "err", "teal"] }, text },
        { description: "A line of `teal logs`." },
      ),
      event: {
        description: "An event of the journal, after it is durable.",
        oneOf: Object.entries(HAPPENINGS).map(([kind, fields]) =>
          object({ ...EVENT, kind: literal(kind), ...fields }),
        ),
      },
      result: { description: "The last line: how the command ended. One for every command.", anyOf: RESULTS },
      cause: object({
        code: { type: "string", pattern: "^TEAL-[A-Z][0-9]{3}$" },
        message: text,
        "evidence?": list(text),
      }),
      finding: object({
        is: { enum: ["blocks", "warns", "unproven"] },
        cause: ref("cause"),
        "next?": text,
      }),
      direction: { enum: ["forward", "back"] },
      outcome: { enum: ["done", "unchanged", "refused", "reverted", "undecided"] },
      strategyKind: { enum: ["blueGreen", "canary", "rolling", "recreate"] },
      hazard: object(
        {
          ...HAZARD,
          where: object({ file: text, offset: whole, end: whole, line: whole, column: whole }),
          says: text,
          "safe?": text,
          "acknowledged?": text,
          blocks: bool,
        },
        { description: "A finding in a migration. Lines and columns from 1, offsets in UTF-16 units." },
      ),
      revision: object({ id: text, config: text }),
      weights: { anyOf: [object({ blue: { type: "number" }, green: { type: "number" } }), literal("pool")] },
      serves: object({
        slot: { enum: ["blue", "green", "nobody", "unknown"] },
        "revision?": text,
        "weights?": ref("weights"),
      }),
      hold: object({
        for: { enum: ["gate", "drift", "outage", "unreadable", "operator", "history"] },
        until: instant,
        otherwise: { enum: ["proceed", "revert", "stop"] },
      }),
      facts: object({
        summary: text,
        "samples?": list(ref("sample")),
        "log?": list(text),
        "numbers?": { type: "object", additionalProperties: { type: "number" } },
        "detail?": text,
      }),
      sample: object({
        check: text,
        replica: text,
        incarnation: text,
        attempt: whole,
        took: millis,
        result: { enum: ["pass", "fail", "unknown"] },
        "expected?": text,
        "actual?": text,
        "excerpt?": text,
      }),
      call: {
        type: "object",
        properties: { call: { enum: ["ensure", "retire", "restore", "shift", "migrate"] } },
        required: ["call"],
      },
      step: {
        type: "object",
        properties: {
          id: text,
          do: text,
          deadline: millis,
          reason: text,
          otherwise: { enum: ["proceed", "revert", "stop"] },
        },
        required: ["id", "do", "deadline", "reason", "otherwise"],
      },
      plan: object({
        schema: literal(1),
        digest: text,
        request: { type: "object" },
        candidate: object({ slot, revision: ref("revision") }),
        baseline: { type: "object" },
        steps: list(ref("step")),
        guards: list({ type: "object" }),
        "pointOfNoReturn?": text,
      }),
      row: object({
        id: text,
        service: text,
        environment: text,
        number: whole,
        revision: text,
        config: text,
        "previous?": text,
        "leaves?": ref("revision"),
        slot,
        strategy: text,
        outcome: ref("outcome"),
        "cause?": ref("cause"),
        by: text,
        opened: instant,
        closed: instant,
        durations: { type: "object", additionalProperties: millis },
      }),
      problem: object({
        file: text,
        line: whole,
        column: whole,
        path: text,
        message: text,
        code: text,
        "hint?": text,
        excerpt: text,
      }),
      slotHealth: {
        oneOf: [
          object({ is: literal("empty"), slot }),
          object({ is: literal("unreadable"), slot, cause: ref("cause") }),
          object({
            is: literal("asked"),
            slot,
            "revision?": ref("revision"),
            samples: list(ref("sample")),
            decision: { enum: ["pass", "fail", "inconclusive", "undecided"] },
            summary: text,
          }),
        ],
      },
    },
  };
}
