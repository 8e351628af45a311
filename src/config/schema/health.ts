import { z } from "zod";
import { MAX_WINDOW } from "../../core/tally.ts";
import { DEFAULTS } from "../defaults.ts";
import {
  DOCS,
  contradiction,
  duration,
  exactlyOne,
  latency,
  oneOf,
  oneOrMore,
  pattern,
  port,
  shape,
  share,
  statusRange,
  text,
  texts,
  whole,
} from "./parts.ts";

const pathExpected = 'a path such as "/health"';
const pathText = z
  .string(pathExpected)
  .regex(/^\/\S*$/, pathExpected)
  .register(DOCS, { title: "path" });

const status = z
  .union([whole(100, 599), statusRange], 'a status such as 200 or "200-299"')
  .transform((value): readonly [number, number] => (typeof value === "number" ? [value, value] : value));

const body = shape({
  contains: oneOrMore(text(), "text or a list of texts")
    .optional()
    .register(DOCS, { description: "Texts that the body must contain." }),
  matches: pattern.optional().register(DOCS, { description: "Regular expression that the body must match." }),
  json: z
    .record(z.string(), z.unknown(), 'a map of JSONPaths to values such as { "$.db": "ok" }')
    .optional()
    .register(DOCS, {
      description:
        "JSONPath (RFC 9535) to the value that everything it selects must equal; it must select something.",
    }),
});

const http = shape({
  path: pathText.describe("Path and query that is asked for."),
  method: oneOf(["GET", "HEAD", "POST", "OPTIONS"])
    .optional()
    .register(DOCS, { description: "Method of the request.", fallback: DEFAULTS.check.method }),
  send: shape({
    headers: texts("header names", "text")
      .optional()
      .register(DOCS, { description: "Headers of the request." }),
    body: z.string("text").optional().register(DOCS, { description: "Body of the request." }),
  })
    .optional()
    .register(DOCS, { description: "What the request carries besides method and path." }),
  status: oneOrMore(status, 'a status such as 200 or "200-299", or a list of them')
    .optional()
    .register(DOCS, {
      description: "Statuses that pass: one, a range, or a list of both.",
      fallback: DEFAULTS.check.status,
    }),
  headers: z
    .record(z.string(), pattern, "a map of header names to regular expressions")
    .optional()
    .register(DOCS, { description: "Regular expressions that headers of the answer must match." }),
  body: body.optional().register(DOCS, { description: "What the body of the answer must be." }),
  latency: latency
    .optional()
    .register(DOCS, { description: 'The whole answer must be there within this time, `"< 300ms"`.' }),
  redirects: whole(0, 20).optional().register(DOCS, {
    description:
      "Redirects to follow, on the same host only; otherwise a redirect is an answer like any other.",
    fallback: DEFAULTS.check.redirects,
  }),
});

const command = z.union([text(), z.array(text()).min(1)], "a command, as text or as a list of words");

const kinds = {
  http: z
    .union([pathText, http], "a path or a map with path, status, body")
    .optional()
    .register(DOCS, { description: "Asks over HTTP; short form: the path." }),
  tcp: z
    .union(
      [
        port,
        shape({
          port: port
            .optional()
            .register(DOCS, { description: "Port to connect to; the replica's own by default." }),
        }),
      ],
      "a port or a map with port",
    )
    .optional()
    .register(DOCS, { description: "Connects; short form: the port. `{}` is the replica's own port." }),
  exec: z
    .union(
      [
        command,
        shape({
          command: command.describe("Command, run in the release folder with the replica's environment."),
          exit: whole(0, 255)
            .optional()
            .register(DOCS, { description: "Exit code that passes.", fallback: DEFAULTS.check.exit }),
        }),
      ],
      "a command or a map with command and exit",
    )
    .optional()
    .register(DOCS, { description: "Runs a command beside the replica; short form: the command." }),
};

const longCheck = shape({
  name: text("a name")
    .optional()
    .register(DOCS, { description: "Name in messages and for `--force`; made from the check by default." }),
  ...kinds,
  timeout: duration
    .optional()
    .register(DOCS, { description: "Bound of one attempt, body included; `health.timeout` by default." }),
}).superRefine(exactlyOne(Object.keys(kinds)));

export const check = z
  .union([pathText, longCheck], 'a path such as "/health", or a map with http, tcp or exec')
  .meta({ id: "check" });

const window = shape({
  of: whole(1, MAX_WINDOW)
    .optional()
    .register(DOCS, { description: "Samples looked at: the last so many.", fallback: DEFAULTS.window.of }),
  passes: whole(1, MAX_WINDOW)
    .optional()
    .register(DOCS, { description: "So many of them must pass.", fallback: DEFAULTS.window.passes }),
  consecutive: whole(1, MAX_WINDOW).optional().register(DOCS, {
    description: "So many at the end must pass in a row.",
    fallback: DEFAULTS.window.consecutive,
  }),
  interval: duration
    .optional()
    .register(DOCS, { description: "Time between attempts.", fallback: DEFAULTS.window.interval }),
  jitter: share.optional().register(DOCS, {
    description: "Share of the interval by which it varies at random.",
    fallback: DEFAULTS.window.jitter,
  }),
  deadline: duration
    .optional()
    .register(DOCS, { description: "No pass by then is a failure.", fallback: DEFAULTS.window.deadline }),
}).superRefine((given, context) => {
  const of = given.of ?? DEFAULTS.window.of;
  for (const key of ["passes", "consecutive"] as const) {
    if ((given[key] ?? 0) > of)
      contradiction(context, `${key} ${given[key]} of ${of} samples can never be reached`, [key]);
  }
});

export const health = shape({
  ready: check.optional().register(DOCS, {
    description:
      "May this replica get traffic. Default: a TCP connection to the replica's port; on Kubernetes the pods' own readiness; on AWS the path of the target group's health check.",
  }),
  deep: z
    .array(check, "a list of checks")
    .optional()
    .register(DOCS, { description: "Does the revision really work: its database, its queue." }),
  timeout: duration.optional().register(DOCS, {
    description: "Bound of one attempt of a check that has no timeout of its own.",
    fallback: DEFAULTS.check.timeout,
  }),
  window: window.optional().register(DOCS, { description: "How samples become a verdict." }),
  minHealthy: z
    .union([whole(1, 1000), z.literal("all")], 'a whole number from 1, or "all"')
    .optional()
    .register(DOCS, {
      description: "So many replicas must pass every check.",
      fallback: DEFAULTS.minHealthy,
    }),
  identity: z
    .union(
      [
        oneOf(["process", "address"]),
        shape({
          header: text("a header name").describe("Header of the answer that must carry the revision."),
        }),
      ],
      'process, address or { header: "x-revision" }',
    )
    .optional()
    .register(DOCS, {
      description:
        "How the answering process proves that it is the candidate: `process` (the port belongs to the replica's processes), `address` (the default on Kubernetes and AWS, where the way leads to the candidate alone), or a header that carries the revision.",
      fallback: DEFAULTS.identity,
    }),
  freshness: duration.optional().register(DOCS, {
    description: "A passed check counts for so long when traffic is about to move.",
    fallback: DEFAULTS.freshness,
  }),
});
