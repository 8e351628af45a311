import { z } from "zod";
import { DEFAULTS } from "../defaults.ts";
import { DOCS, duration, fault, oneOf, port, shape, size, text, texts, whole } from "./parts.ts";

const ADDRESS = /^(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\]|\*?):(\d{1,5})$/;
const addressExpected = 'a port such as 8080 or an address such as "127.0.0.1:8080"';

/** A port alone listens on all interfaces: users reach it. Answers `host:port`. */
const address = (host: string) =>
  z
    .union([port, z.string().regex(ADDRESS, addressExpected).meta({ title: "address" })], addressExpected)
    .transform((value, context) => {
      if (typeof value === "number") return `${host}:${value}`;
      const at = value.lastIndexOf(":");
      if (Number(value.slice(at + 1)) > 65_535) {
        context.issues.push({
          code: "custom",
          message: addressExpected,
          params: { expects: true },
          input: value,
        });
        return z.NEVER;
      }
      const given = value.slice(0, at);
      return `${given === "" || given === "*" ? host : given}${value.slice(at)}`;
    });

const { local: D } = DEFAULTS;

export const local = shape({
  listen: address("0.0.0.0").describe(
    'Public address: a port (on all interfaces) or `"host:port"`; port 0 lets the system choose.',
  ),
  preview: address("127.0.0.1").optional().register(DOCS, {
    description:
      "Private address of the idle slot: a port (on loopback) or `host:port`; a free port by default.",
  }),
  source: text("a folder").optional().register(DOCS, {
    description: "Folder that becomes a release, relative to this file.",
    fallback: D.source,
  }),
  command: text("a command").describe(
    "Shell command that runs one replica. `{port}`, `{slot}`, `{revision}` and `{replica}` are replaced.",
  ),
  cwd: text("a folder")
    .optional()
    .register(DOCS, { description: "Folder inside the release that the command runs in.", fallback: D.cwd }),
  build: text("a command").optional().register(DOCS, {
    description: "Shell command run once in a fresh release folder, before any replica starts.",
  }),
  env: texts("variable names", "text")
    .optional()
    .register(DOCS, { description: "Environment variables of the replicas. They win over `envFile`." }),
  envFile: text("a file").optional().register(DOCS, {
    description:
      "File of `NAME=value` lines with further environment variables, relative to this file. Its values are never printed.",
  }),
  replicas: whole(1, 1000).optional().register(DOCS, {
    description: "Replicas of a first deployment; later ones follow what is live.",
    fallback: D.replicas,
  }),
  stopGrace: duration
    .optional()
    .register(DOCS, { description: "SIGTERM, then so long until SIGKILL.", fallback: D.stopGrace }),
  responseTimeout: duration.optional().register(DOCS, {
    description: "A replica must begin its answer within this time, else users get 504.",
    fallback: D.responseTimeout,
  }),
  streams: shape({
    policy: oneOf(["reconnect", "hold"]).optional().register(DOCS, {
      description:
        "`reconnect` ends streams (SSE, WebSocket) of a slot that lost its traffic, so that clients come back to the other one; `hold` leaves them to the drain.",
      fallback: D.streams.policy,
    }),
    after: duration.optional().register(DOCS, {
      description: "How long after the traffic moved the first stream is ended.",
      fallback: D.streams.after,
    }),
    over: duration
      .optional()
      .register(DOCS, { description: "Time over which the ends are spread.", fallback: D.streams.over }),
  })
    .optional()
    .register(DOCS, { description: "What happens to long-lived connections when traffic moves." }),
  queue: shape({
    timeout: duration.optional().register(DOCS, {
      description: "A request waits so long for a ready replica before it is answered 503.",
      fallback: D.queue.timeout,
    }),
    limit: whole(0, 1_000_000)
      .optional()
      .register(DOCS, { description: "So many requests may wait at once.", fallback: D.queue.limit }),
  })
    .optional()
    .register(DOCS, { description: "Requests that find no ready replica." }),
  trustedProxies: z
    .array(text("an address such as 10.0.0.0/8"), "a list of addresses such as 10.0.0.0/8")
    .optional()
    .register(DOCS, {
      description: "Peers (address or CIDR) whose `X-Forwarded-*` is believed; everybody else's is replaced.",
      fallback: D.trustedProxies,
    }),
  backoff: shape({
    first: duration.optional().register(DOCS, {
      description: "Pause before a crashed replica is started again; doubles with every crash.",
      fallback: D.backoff.first,
    }),
    cap: duration.optional().register(DOCS, { description: "Longest such pause.", fallback: D.backoff.cap }),
  })
    .optional()
    .register(DOCS, { description: "Restarts of crashed replicas." }),
  crashLoop: shape({
    exits: whole(1, 1000)
      .optional()
      .register(DOCS, { description: "So many exits ...", fallback: D.crashLoop.exits }),
    within: duration.optional().register(DOCS, {
      description: "... within this time are a crash loop.",
      fallback: D.crashLoop.within,
    }),
  })
    .optional()
    .register(DOCS, { description: "When a replica that keeps ending is given up." }),
  log: shape({
    size: size
      .optional()
      .register(DOCS, { description: "A replica's log file is rotated at this size.", fallback: D.log.size }),
    keep: whole(0, 1000)
      .optional()
      .register(DOCS, { description: "Rotated files kept.", fallback: D.log.keep }),
  })
    .optional()
    .register(DOCS, { description: "Log files of the replicas." }),
}).superRefine((given, context) => {
  const cwd = given.cwd ?? "";
  if (cwd.startsWith("/") || cwd.split("/").includes(".."))
    fault(context, `cwd "${cwd}" leaves the release folder`, given, ["cwd"]);
});
