import { z } from "zod";
import { DEFAULTS, IN_CLUSTER } from "../defaults.ts";
import { DOCS, duration, exactlyOne, fault, shape, text, whole } from "./parts.ts";

const { kubernetes: D } = DEFAULTS;

/** Names of most objects: RFC 1123 subdomains. */
const OBJECT = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;
/** Names of Services, namespaces and containers: RFC 1123 labels. */
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
/** `app.kubernetes.io/name` */
const LABEL_KEY = /^(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?$/;

const named = (pattern: RegExp, expected: string) =>
  z.string(expected).regex(pattern, expected).register(DOCS, { title: "name" });
const label = (what: string) => named(LABEL, `a ${what}'s name of lower-case letters, digits and dashes`);
const object = (what: string) =>
  named(OBJECT, `a ${what}'s name of lower-case letters, digits, dashes and dots`);

/** A folder of the user's is not found by `~`: only a shell knows what that is. */
const file = (what: string) =>
  text(what).superRefine((path, context) => {
    if (path.startsWith("~"))
      fault(context, `"${path}": write \${HOME} for ~, which only a shell knows`, path);
  });

const containerPort = z.union(
  [whole(1, 65_535, "a port from 1 to 65535"), label("port")],
  "a port such as 8080, or a port's name",
);

const liveExpected = 'a Deployment of the namespace such as "deployment/shop"';
const live = z
  .string(liveExpected)
  .regex(/^deployment\/[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/, liveExpected)
  .register(DOCS, { title: "deployment/<name>" });

const sources = {
  file: file("a file")
    .optional()
    .register(DOCS, { description: "File of YAML documents with the Deployment, relative to this file." }),
  command: z
    .union([text(), z.array(text()).min(1)], "a command, as text or as a list of words")
    .optional()
    .register(DOCS, {
      description:
        "Program that prints YAML documents with the Deployment, run in this file's folder: `helm template ./chart`, `kubectl kustomize .`. A text is split at blanks; no shell reads it.",
    }),
  image: text("an image such as registry.example/shop:v1").optional().register(DOCS, {
    description: "No Deployment is needed: this image, listening on `port`.",
  }),
};

const rendered = shape({
  ...sources,
  deployment: object("Deployment").optional().register(DOCS, {
    description: "Which Deployment of the `file` or of what the `command` prints, where there are several.",
  }),
  port: whole(1, 65_535, "a port from 1 to 65535")
    .optional()
    .register(DOCS, { description: "Port that the `image` listens on." }),
}).superRefine((given, context) => {
  exactlyOne(Object.keys(sources))(given, context);
  const stray = given.image === undefined ? "port" : "deployment";
  if (given[stray] !== undefined) {
    const of = stray === "port" ? "image" : "file or command";
    fault(context, `${stray} belongs to a template by ${of}`, given[stray], [stray]);
  }
  if (given.image !== undefined && given.port === undefined)
    fault(context, '"port" is missing in template: the port that the image listens on', given);
});

const testerValue = shape({
  name: text("a name").describe("Its name."),
  value: text("a value").describe("Its whole value."),
});

const gateway = shape({
  route: object("HTTPRoute").describe("HTTPRoute of the namespace whose weights Teal moves."),
  testers: shape({
    header: testerValue.optional().register(DOCS, { description: "A header of the request." }),
    cookie: testerValue.optional().register(DOCS, { description: "A cookie of the request." }),
  })
    .optional()
    .register(DOCS, { description: "Requests that reach the candidate whatever the weights are." }),
  mirror: z.boolean("true or false").optional().register(DOCS, {
    description:
      "The candidate gets a copy of live's requests before it has traffic; its answers are dropped.",
    fallback: false,
  }),
});

const metrics = shape({
  port: containerPort.describe("Port of the pods that answers, or its name."),
  path: z
    .string('a path such as "/metrics"')
    .regex(/^\/\S*$/, 'a path such as "/metrics"')
    .optional()
    .register(DOCS, {
      description: "Path that answers in Prometheus' text format.",
      fallback: D.metrics.path,
    }),
  inFlight: text("the name of a metric")
    .optional()
    .register(DOCS, { description: "Gauge of requests and connections that are being worked on." }),
  requests: text("the name of a metric")
    .optional()
    .register(DOCS, { description: "Counter of requests begun." }),
}).superRefine((given, context) => {
  if (given.inFlight === undefined && given.requests === undefined)
    fault(context, "metrics names neither inFlight nor requests, so nothing is read from it", given);
});

export const kubernetes = shape({
  context: text(`a context of the kubeconfig, or "${IN_CLUSTER}"`).describe(
    `Context of the kubeconfig, never just the current one; \`${IN_CLUSTER}\` is the service account of the pod that Teal runs in.`,
  ),
  kubeconfig: file("a file").optional().register(DOCS, {
    description:
      "Kubeconfig to read, relative to this file; `$KUBECONFIG`, else `~/.kube/config`, by default.",
  }),
  namespace: label("namespace").describe("Namespace of the service; Teal looks at no other."),
  template: z
    .union([live, rendered], 'a Deployment such as "deployment/shop", or a map with file, command or image')
    .describe(
      "Where the pods' template comes from: a Deployment of the namespace, a file, a program or an image.",
    ),
  service: label("Service").optional().register(DOCS, {
    description:
      "Service that users reach; by default the one that selects the template's pods or a slot's. With a `gateway`, the one that the route names before the first deployment.",
  }),
  container: label("container").optional().register(DOCS, {
    description: "Container whose image a revision names; by default the template's only one.",
  }),
  port: containerPort.optional().register(DOCS, {
    description: "Port of that container that users reach; by default the Service's, or its only one.",
  }),
  distinguish: named(LABEL_KEY, "the key of a label").optional().register(DOCS, {
    description:
      "Label in whose value the slots' pods differ from the template's own ones; by default one of its selector.",
  }),
  replicas: whole(1, 1000).optional().register(DOCS, {
    description:
      "Replicas of a first deployment, as many as the template's by default; later ones follow what is live.",
  }),
  gateway: gateway.optional().register(DOCS, {
    description: "Moves the weights of a Gateway API route instead of the Service's selector.",
  }),
  metrics: metrics.optional().register(DOCS, {
    description: "Where the pods tell what they work on: then a drain ends with the last request.",
  }),
  propagation: duration.optional().register(DOCS, {
    description: "An acknowledged change has reached every node within this time.",
    fallback: D.propagation,
  }),
  liveSecrets: z
    .union(
      [z.literal("all"), z.array(object("Secret"), "a list of Secrets' names")],
      'a list of Secrets\' names, or "all"',
    )
    .optional()
    .register(DOCS, {
      description:
        "Secrets of the template that are used as they are at any moment, not as they were deployed.",
      fallback: D.liveSecrets,
    }),
});
